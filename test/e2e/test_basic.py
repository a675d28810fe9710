"""One model on one node: placed, shown, scaled, suspended, deleted."""

import re

from lib import invariants, objects
from lib.runner import schema
from lib.waiting import stays, wait_until

OWNED = ("/api/v1/namespaces/{}/pods", "/api/v1/namespaces/{}/services", "/api/v1/namespaces/{}/configmaps",
         "/api/v1/namespaces/{}/secrets", "/api/v1/namespaces/{}/persistentvolumeclaims",
         "/apis/apps/v1/namespaces/{}/controllerrevisions", "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices")


def owned(t, uid):
    """Everything in the namespace that has an owner reference to the UID, as kind/name."""
    found = []
    for path in OWNED:
        for item in t.api.list(path.format(t.ns)):
            if any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences", [])):
                found.append(f"{path.rsplit('/', 1)[1]}/{item['metadata']['name']}")
    return found


def test_three_lines(t):
    """a ModelDeployment of three lines, one node with 8 GPUs, a restricted namespace: one pod runs, Ready, and kubectl shows it"""
    t.api.patch(f"/api/v1/namespaces/{t.ns}", {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
    node = t.nodes(1)[0]
    t.system()
    item = t.create(objects.model_deployment("qwen"))
    item = t.wait_ready("qwen")
    pods = t.pods()
    assert len(pods) == 1 and pods[0]["spec"]["nodeName"] == node and pods[0]["status"]["phase"] == "Running"
    pod = pods[0]
    assert re.fullmatch(r"qwen-0-\d+-0", pod["metadata"]["name"]), pod["metadata"]["name"]
    assert objects.gpus_of(pod) == 1 and pod["spec"]["schedulerName"] == "stowage"
    assert objects.label(pod, "deployment") == "qwen" and objects.label(pod, "rank") == "0"
    owner = pod["metadata"]["ownerReferences"]
    assert len(owner) == 1 and owner[0]["uid"] == item["metadata"]["uid"] and owner[0]["controller"], owner
    status = item["status"]
    assert status["ready"] == "1/1" and status["placed"] == "1/1" and status["replicas"] == 1 and status["readyReplicas"] == 1
    assert not objects.condition(item, "Reconciling") and not objects.condition(item, "Stalled"), status["conditions"]
    header, row = t.cluster.kubectl("get", "mdep", "-n", t.ns)[1].splitlines()
    assert {"NAME", "MODEL", "READY", "PLACED", "ACCELERATOR", "REASON", "AGE"} <= set(header.split()), header
    assert "1/1" in row and "Qwen2.5-7B-Instruct" in row, row
    assert "qwen" in t.cluster.kubectl("get", "stowage", "-n", t.ns)[1]
    t.cluster.kubectl("wait", "--for=condition=Ready", "mdep/qwen", "-n", t.ns, "--timeout=5s")


def test_no_gpu_free(t):
    """no node has a GPU: nothing is bound, Ready and Placed are False with a reason, and it runs once a node comes"""
    t.system()
    t.create(objects.model_deployment("qwen"))
    placed = t.wait_condition("qwen", "Placed", "False")
    assert placed["message"] and placed["reason"], placed
    assert objects.is_true(t.mdep("qwen"), "Reconciling") and not any(map(objects.bound, t.pods()))
    scheduled = wait_until(lambda: objects.condition(t.pods()[0], "PodScheduled"), 10, "the pod has a PodScheduled condition")
    assert scheduled["status"] == "False" and scheduled["reason"] == "Unschedulable", scheduled
    t.nodes(1)
    t.wait_ready("qwen", 10)


def test_scale_up_and_down(t):
    """kubectl scale to 3 and to 1, then to 0: pods follow, the survivors are not restarted, scale status counts groups"""
    t.nodes(1)
    t.system()
    t.create(objects.model_deployment("qwen"))
    t.wait_ready("qwen")
    first = t.pods()[0]["metadata"]["uid"]
    t.cluster.kubectl("scale", "mdep", "qwen", "-n", t.ns, "--replicas=3")
    wait_until(lambda: t.mdep("qwen")["status"].get("ready") == "3/3", 20, "3/3 ready")
    assert {objects.label(p, "replica") for p in t.pods()} == {"0", "1", "2"}
    assert first in [p["metadata"]["uid"] for p in t.pods()], "the first pod was replaced"
    scale = t.api.get(t.mdep_path("qwen") + "/scale")
    assert scale["status"]["replicas"] == 3 and "stowage.dev/rank=0" in scale["status"]["selector"], scale
    t.cluster.kubectl("scale", "mdep", "qwen", "-n", t.ns, "--replicas=1")
    wait_until(lambda: len(t.pods()) == 1 and t.mdep("qwen")["status"].get("ready") == "1/1", 20, "one is left")
    t.cluster.kubectl("scale", "mdep", "qwen", "-n", t.ns, "--replicas=0")
    assert t.wait_condition("qwen", "Ready", "True", reason="ScaledToZero")
    wait_until(lambda: not t.pods(), 10, "no pod is left")


def test_suspend(t):
    """suspend: true takes the pods away and is Ready with reason Suspended; false brings them back"""
    t.nodes(1)
    t.system()
    t.create(objects.model_deployment("qwen", replicas=2))
    t.wait_ready("qwen")
    t.patch("qwen", {"suspend": True})
    t.wait_condition("qwen", "Ready", "True", reason="Suspended")
    wait_until(lambda: not t.pods(), 10, "no pod is left")
    t.patch("qwen", {"suspend": False})
    wait_until(lambda: t.mdep("qwen")["status"].get("ready") == "2/2", 20, "both replicas are back")


def test_delete_leaves_nothing(t):
    """kubectl delete of a one-node and a two-node model: pods, Services, revisions, endpoints all go, the nodes are free"""
    nodes = t.nodes(4)
    t.system()
    items = [t.create(objects.model_deployment("small", replicas=2)), t.create(objects.two_node_model("big"))]
    for item in items:
        t.wait_ready(item["metadata"]["name"])
        assert len(owned(t, item["metadata"]["uid"])) >= 3, owned(t, item["metadata"]["uid"])
    t.cluster.kubectl("delete", "mdep", "small", "big", "-n", t.ns, "--timeout=20s")
    for item in items:
        wait_until(lambda uid=item["metadata"]["uid"]: not owned(t, uid), 30, f"nothing of {item['metadata']['name']} is left")
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())
    t.create(objects.model_deployment("small", replicas=2))
    t.wait_ready("small")
    stays(lambda: len(t.pods()) == 2, 2, "two pods and no more")


def test_events_tell_the_story(t):
    """a model that is placed: events on the ModelDeployment and a Scheduled event on its pod, by our components"""
    t.nodes(1)
    t.system()
    t.create(objects.model_deployment("qwen"))
    t.wait_ready("qwen")

    def events(kind):
        return [e for e in t.api.list(f"/api/v1/namespaces/{t.ns}/events") if e["involvedObject"]["kind"] == kind]

    wait_until(lambda: any(e["reason"] == "Scheduled" for e in events("Pod")), 10, "a Scheduled event")
    wait_until(lambda: events("ModelDeployment"), 10, "an event on the ModelDeployment")


@schema
def test_explain_reads_well(t):
    """kubectl explain of the spec: every field has a description"""
    for path in ("mdep", "mdep.spec", "mdep.spec.model", "mdep.spec.placement.topology", "mdep.spec.rollout", "mrt", "spol", "cpool"):
        text = t.cluster.kubectl("explain", path)[1]
        assert "<no description>" not in text and "DESCRIPTION:" in text, f"kubectl explain {path}:\n{text}"
