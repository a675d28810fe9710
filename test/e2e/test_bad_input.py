"""What people get wrong: refused with a sentence, or a condition that says what to change. Never a crash, never a pod."""

import re

from clusterlib.api import ApiError
from lib import objects
from lib.runner import schema
from lib.waiting import stays

REFUSED = [
    # name of the case, spec fields beside model.uri (or a whole model), what the message must name
    ("wrong URI scheme", {"uri": "ftp://host/model"}, r"uri"),
    ("no URI scheme", {"uri": "Qwen/Qwen2.5-7B"}, r"uri"),
    ("negative replicas", {"replicas": -1}, r"replicas"),
    ("absurd replicas", {"replicas": 2147483647}, r"replicas"),
    ("replicas beyond 64 bits", {"replicas": 10**20}, r"replicas|number|integer|overflow|range"),
    ("negative tensor parallelism", {"parallelism": {"tensor": -8}}, r"tensor"),
    ("zero tensor parallelism", {"parallelism": {"tensor": 0}}, r"tensor"),
    ("absurd pipeline parallelism", {"parallelism": {"pipeline": 100000}}, r"pipeline"),
    ("absurd device count", {"accelerator": {"perNode": 256, "nodesPerReplica": 256}}, r"2048"),
    ("text where a number belongs", {"parallelism": {"tensor": "eight"}}, r"tensor"),
    ("negative maxSurge", {"rollout": {"maxSurge": -1}}, r"maxSurge"),
    ("neither surge nor unavailable", {"rollout": {"maxSurge": 0, "maxUnavailable": 0}}, r"maxSurge|maxUnavailable"),
    ("malformed quantity", {"accelerator": {"minMemory": "lots"}}, r"minMemory"),
    ("unknown topology mode", {"placement": {"topology": {"level": "rack", "mode": "Maybe"}}}, r"mode"),
]
STALLED = [
    # name of the case, spec fields, what the Stalled message must name
    ("unknown runtime", {"runtime": {"name": "no-such-engine"}}, r"no-such-engine"),
    ("unknown policy", {"placement": {"policy": "no-such-policy"}}, r"no-such-policy"),
    ("source that is not supported yet", {"uri": "s3://bucket/model"}, r"s3"),
    ("hostPath", {"podTemplate": {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}}}, r"hostPath"),
    ("privileged", {"podTemplate": {"spec": {"containers": [{"name": "engine", "securityContext": {"privileged": True}}]}}},
     r"privileged"),
    ("hostNetwork", {"podTemplate": {"spec": {"hostNetwork": True}}}, r"hostNetwork"),
    ("nodeName", {"podTemplate": {"spec": {"nodeName": "h100x8-0000"}}}, r"nodeName"),
    ("foreign schedulerName", {"podTemplate": {"spec": {"schedulerName": "default-scheduler"}}}, r"schedulerName"),
    ("podTemplate of the wrong shape", {"podTemplate": {"spec": "everything"}}, r"podTemplate"),
]
# Either answer is right: the schema may know it, or the operator says it.
EITHER = [
    ("quantity overflow", {"accelerator": {"minMemory": "99999999999999999999999Ei"}}, r"minMemory|memory"),
    ("negative quantity", {"accelerator": {"minMemory": "-80Gi"}}, r"minMemory|memory"),
    ("unknown topology level", {"placement": {"topology": {"level": "galaxy", "mode": "Required"}}}, r"galaxy"),
    ("tensor that no node count divides", {"parallelism": {"tensor": 3}, "accelerator": {"perNode": 2, "nodesPerReplica": 1}},
     r"perNode|tensor|parallelism"),
]


def item(index, fields):
    fields = dict(fields)
    return objects.model_deployment(f"bad-{index}", uri=fields.pop("uri", objects.MODEL_URI), **fields)


def refused(t, body):
    """The server's message, or None when it took the object."""
    try:
        t.create(body)
        return None
    except ApiError as error:
        assert error.status in (400, 422), error
        return error.message


def check_conditions(t, cases):
    """All cases at once: each has Stalled=True with a message that fits, Ready=False, and no pod."""
    problems = []
    for name, (case, pattern) in cases.items():
        try:
            found = t.wait_condition(name, "Stalled", "True", 15)
            assert re.search(pattern, found["message"]), f"the message does not name {pattern}: {found['message']}"
            assert objects.condition(t.mdep(name), "Ready").get("status") == "False", "Ready is not False"
            assert not t.pods(name), "a pod was created"
        except AssertionError as error:
            problems.append(f"{case}: {error}")
    assert not problems, "\n".join(problems)


@schema
def test_refused_by_the_server(t):
    """fields that the schema or a CEL rule knows to be wrong: 422 with a sentence that names the field"""
    problems = []
    for index, (case, fields, pattern) in enumerate(REFUSED):
        message = refused(t, item(index, fields))
        if message is None:
            problems.append(f"{case}: accepted")
        elif not re.search(pattern, message):
            problems.append(f"{case}: the message does not name {pattern}: {message}")
    assert not problems, "\n".join(problems)


@schema
def test_names_refused(t):
    """names too long for their children, with capitals, leading digits or dots: refused with a sentence"""
    for name in ("x" * 41, "1abc", "a.b", "-a", "Abc"):
        assert refused(t, objects.model_deployment(name)), f"the name {name!r} was accepted"
    assert "40 characters" in refused(t, objects.model_deployment("x" * 41))


def test_longest_name(t):
    """a name of 40 characters for a two-node model: every child has a valid name and it runs"""
    t.nodes(4)
    t.system()
    name = "a" * 40
    t.create(objects.two_node_model(name))
    t.wait_ready(name)


def test_stalled_with_advice(t):
    """what only the operator can know to be wrong: Stalled=True, a message that names it, no pod; an edit cures it"""
    t.nodes(1)
    operator, scheduler = t.system()
    cases = {}
    for index, (case, fields, pattern) in enumerate(STALLED + EITHER):
        body = item(index, fields)
        message = refused(t, body)
        if message is None:
            cases[body["metadata"]["name"]] = (case, pattern)
        else:
            assert (case, fields, pattern) in EITHER, f"{case} was refused: {message}"
            assert re.search(pattern, message), f"{case}: {message}"
    check_conditions(t, cases)
    stays(lambda: not t.pods(), 2, "no pod for any of them")
    t.api.patch(t.mdep_path("bad-0"), {"spec": {"runtime": None}})
    t.wait_ready("bad-0")
    assert operator.alive() and scheduler.alive()


@schema
def test_unknown_fields(t):
    """a misspelt field: kubectl apply refuses it by name"""
    body = objects.model_deployment("typo", replica=2)
    code, _, err = t.cluster.kubectl("apply", "-n", t.ns, "-f", "-", stdin=body, check=False)
    assert code != 0 and "replica" in err, err


def test_hostile_strings(t):
    """quotes, newlines, emoji and 200 KB of arguments: taken or refused, but the programs live and the next model runs"""
    t.nodes(1)
    operator, scheduler = t.system()
    for index, text in enumerate(('"; rm -rf /', "a\nb", "\U0001f680" * 50, "{{model.path}}{{", "$(LEADER)", "x" * 200_000)):
        refused(t, objects.model_deployment(f"odd-{index}", runtime={"args": [text]}))
    t.create(objects.model_deployment("good"))
    t.wait_ready("good")
    assert operator.alive() and scheduler.alive()
