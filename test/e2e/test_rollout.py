"""A new image: groups are replaced within the limits of surge and unavailability."""

from lib import invariants, objects
from lib.runner import limit
from lib.waiting import wait_until

SLOW_START = {"metadata": {"annotations": {"test.stowage.dev/startup": "400ms"}}}


class Limits:
    """Called for every watch event: live pods never above `most`, ready pods never below `least` once all were ready."""

    def __init__(self, least, most, nodes_per_replica=1):
        self.least, self.most, self.nodes = least, most, nodes_per_replica
        self.lowest, self.highest = 10**6, 0

    def __call__(self, pods):
        live = [p for p in pods.values() if "deletionTimestamp" not in p["metadata"] and not objects.terminal(p)]
        groups, ready = {}, 0
        for pod in live:
            groups.setdefault((objects.label(pod, "replica"), objects.label(pod, "attempt")), []).append(pod)
        for members in groups.values():
            ready += len(members) == self.nodes and all(objects.is_true(p, "Ready") for p in members)
        self.lowest, self.highest = min(self.lowest, ready), max(self.highest, len(groups))
        assert len(groups) <= self.most, f"{len(groups)} groups live, at most {self.most} are allowed"
        assert ready >= self.least, f"{ready} groups ready, at least {self.least} are promised"


def images(t, name):
    return {p["spec"]["containers"][0]["image"] for p in t.active_pods(name)}


def rolled(t, name, image, replicas, nodes=1):
    def done():
        status = t.mdep(name).get("status", {})
        return (images(t, name) == {image} and len(t.active_pods(name)) == replicas * nodes
                and status.get("updatedReplicas") == replicas and status.get("ready") == f"{replicas}/{replicas}"
                and status.get("currentRevision") == status.get("updateRevision"))
    return done


def start(t, name, replicas, rollout, **spec):
    t.system()
    t.create(objects.model_deployment(name, replicas=replicas, rollout=rollout, podTemplate=SLOW_START,
                                      runtime={"image": "example.invalid/engine:1"}, **spec))
    wait_until(rolled(t, name, "example.invalid/engine:1", replicas, 2 if "parallelism" in spec else 1), 40, "the first image runs")


@limit(180)
def test_surge_one(t):
    """image change with maxSurge 1, maxUnavailable 0 and free GPUs: never fewer than 4 ready, never more than 5 live"""
    nodes = t.nodes(1)
    start(t, "roll", 4, {"maxSurge": 1, "maxUnavailable": 0})
    limits = Limits(4, 5)
    t.record(check=limits)
    t.patch("roll", {"runtime": {"image": "example.invalid/engine:2"}})
    wait_until(rolled(t, "roll", "example.invalid/engine:2", 4), 60, "all run the new image")
    assert limits.highest == 5, "no surge was seen"
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())


@limit(180)
def test_full_cluster_without_surge(t):
    """8 replicas fill the only node; maxSurge 0, maxUnavailable 1: it rolls, never fewer than 7 ready, never more than 8 live"""
    nodes = t.nodes(1)
    start(t, "roll", 8, {"maxSurge": 0, "maxUnavailable": 1})
    limits = Limits(7, 8)
    t.record(check=limits)
    t.patch("roll", {"runtime": {"image": "example.invalid/engine:2"}})
    wait_until(rolled(t, "roll", "example.invalid/engine:2", 8), 90, "all run the new image")
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())


@limit(180)
def test_full_cluster_with_surge_waits(t):
    """8 replicas fill the only node; maxSurge 1, maxUnavailable 0: the surge pod waits and says so, the old ones serve on"""
    t.nodes(1)
    start(t, "roll", 8, {"maxSurge": 1, "maxUnavailable": 0})
    limits = Limits(8, 9)
    t.record(check=limits)
    t.patch("roll", {"runtime": {"image": "example.invalid/engine:2"}})
    t.wait_condition("roll", "Placed", "False", 20)
    assert objects.is_true(t.mdep("roll"), "Reconciling")
    t.nodes(1, first=1)
    wait_until(rolled(t, "roll", "example.invalid/engine:2", 8), 90, "a second node lets it roll")


@limit(180)
def test_second_change_in_the_middle(t):
    """image 2, and image 3 while the first pods of 2 start: it converges on 3 within the same limits"""
    t.nodes(2)
    start(t, "roll", 6, {"maxSurge": 1, "maxUnavailable": 0})
    limits = Limits(6, 7)
    t.record(check=limits)
    t.patch("roll", {"runtime": {"image": "example.invalid/engine:2"}})
    wait_until(lambda: "example.invalid/engine:2" in images(t, "roll"), 20, "the first pod of image 2", every=0.05)
    t.patch("roll", {"runtime": {"image": "example.invalid/engine:3"}})
    wait_until(rolled(t, "roll", "example.invalid/engine:3", 6), 90, "all run image 3")


@limit(180)
def test_rollback(t):
    """image 2 and back to image 1: the revision is the first one again, and revisions stay within ten"""
    t.nodes(1)
    start(t, "roll", 3, {"maxSurge": 1, "maxUnavailable": 0})
    first = t.mdep("roll")["status"]["currentRevision"]
    t.patch("roll", {"runtime": {"image": "example.invalid/engine:2"}})
    wait_until(rolled(t, "roll", "example.invalid/engine:2", 3), 60, "all run image 2")
    assert t.mdep("roll")["status"]["currentRevision"] != first
    t.patch("roll", {"runtime": {"image": "example.invalid/engine:1"}})
    wait_until(rolled(t, "roll", "example.invalid/engine:1", 3), 60, "all run image 1 again")
    assert t.mdep("roll")["status"]["currentRevision"] == first
    revisions = t.api.list(f"/apis/apps/v1/namespaces/{t.ns}/controllerrevisions")
    assert 2 <= len(revisions) <= 10, [r["metadata"]["name"] for r in revisions]


@limit(180)
def test_two_node_groups_roll_whole(t):
    """two groups of two nodes, surge of one group, room for three: replaced whole, one at a time, and back again"""
    t.nodes(8)
    start(t, "big", 2, {"maxSurge": 1, "maxUnavailable": 0}, parallelism={"tensor": 8, "pipeline": 2},
          placement={"topology": {"level": "rack", "mode": "Required"}})
    limits, gangs = Limits(2, 3, nodes_per_replica=2), invariants.PartialGangs()
    t.record(check=lambda pods: (limits(pods), gangs(pods)))
    t.patch("big", {"runtime": {"image": "example.invalid/engine:2"}})
    wait_until(rolled(t, "big", "example.invalid/engine:2", 2, nodes=2), 60, "both groups run the new image")
    # The shell of these runtimes has > and & in it, which the server writes otherwise than it got them.
    t.patch("big", {"runtime": {"image": "example.invalid/engine:1"}})
    wait_until(rolled(t, "big", "example.invalid/engine:1", 2, nodes=2), 60, "both groups run the old image again")


@limit(120)
def test_a_change_that_pods_do_not_see(t):
    """replicas, rollout or labels change: no pod is replaced and no revision arises"""
    t.nodes(1)
    start(t, "roll", 2, {"maxSurge": 1, "maxUnavailable": 0})
    before = {p["metadata"]["uid"] for p in t.pods("roll")}
    revision = t.mdep("roll")["status"]["currentRevision"]
    t.api.patch(t.mdep_path("roll"), {"metadata": {"labels": {"team": "a"}}, "spec": {"replicas": 3, "rollout": {"maxSurge": 2}}})
    wait_until(rolled(t, "roll", "example.invalid/engine:1", 3), 30, "three replicas run")
    assert before <= {p["metadata"]["uid"] for p in t.pods("roll")}
    assert t.mdep("roll")["status"]["currentRevision"] == revision
