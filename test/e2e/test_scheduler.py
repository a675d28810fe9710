"""The scheduler alone: any pod may name it, with or without the gang contract."""

import time

from lib import invariants, objects
from lib.waiting import stays, wait_until


def scheduler(t, **options):
    return t.process("scheduler", leader_elect=False, **options).wait_ready()


def bound_names(t):
    return sorted(p["metadata"]["name"] for p in t.pods() if objects.bound(p))


def scheduled(t, name):
    pod = t.api.get(f"/api/v1/namespaces/{t.ns}/pods/{name}")
    return objects.condition(pod, "PodScheduled")


def event_reasons(t, name):
    return {e["reason"] for e in t.api.list(f"/api/v1/namespaces/{t.ns}/events") if e["involvedObject"]["name"] == name}


def test_foreign_pods_are_bound(t):
    """20 plain pods for schedulerName stowage, 2 nodes of 8 GPUs: 16 run, 4 wait with kube-scheduler's words and an event"""
    nodes = t.nodes(2)
    scheduler(t)
    for i in range(20):
        t.create(objects.pod(f"p{i:02}"))
    t.create(objects.pod("not-ours", scheduler="somebody-else"))
    wait_until(lambda: len(bound_names(t)) == 16, 15, "16 pods are bound")
    stays(lambda: len(bound_names(t)) == 16, 1, "16 pods are bound")
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())
    waiting = next(p["metadata"]["name"] for p in t.pods() if not objects.bound(p) and p["metadata"]["name"] != "not-ours")
    found = wait_until(lambda: scheduled(t, waiting), 10, "the waiting pod has a condition")
    assert found["status"] == "False" and found["reason"] == "Unschedulable", found
    assert "0/2 nodes are available" in found["message"] and "nvidia.com/gpu" in found["message"], found
    assert not scheduled(t, "not-ours")
    wait_until(lambda: "FailedScheduling" in event_reasons(t, waiting), 10, "an event FailedScheduling")
    t.api.delete(f"/api/v1/namespaces/{t.ns}/pods/{bound_names(t)[0]}")
    wait_until(lambda: len(bound_names(t)) == 16, 5, "the freed GPU is used")


def test_selectors_taints_and_gates(t):
    """nodeSelector, a tainted spot node and a scheduling gate: each pod goes where it may, or waits"""
    t.nodes(10, profile="mixed")
    scheduler(t)
    spot = {"key": "karpenter.sh/capacity-type", "operator": "Equal", "value": "spot", "effect": "NoSchedule"}
    l4 = {"nvidia.com/gpu.product": "NVIDIA-L4"}
    t.create(objects.pod("l4-tolerates", nodeSelector=l4, tolerations=[spot]))
    t.create(objects.pod("l4-does-not", nodeSelector=l4))
    t.create(objects.pod("a100", nodeSelector={"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}))
    t.create(objects.pod("gated", schedulingGates=[{"name": "example.com/wait"}]))
    wait_until(lambda: bound_names(t) == ["a100", "l4-tolerates"], 10, "two pods are bound")
    where = {p["metadata"]["name"]: p["spec"].get("nodeName", "") for p in t.pods()}
    assert where["l4-tolerates"].startswith("l4-spot") and where["a100"].startswith("a100-od"), where
    assert scheduled(t, "gated").get("reason") == "SchedulingGated", "the gate is the API server's own condition"
    message = wait_until(lambda: scheduled(t, "l4-does-not").get("message"), 10, "l4-does-not has a message")
    assert "taint" in message, message
    t.api.patch(f"/api/v1/namespaces/{t.ns}/pods/gated", {"spec": {"schedulingGates": []}})
    wait_until(lambda: "gated" in bound_names(t), 5, "the gate is gone")


def test_gang_contract_of_foreign_pods(t):
    """a gang of 3 arrives one by one: WaitingForMembers until the last, then all are bound in one rack"""
    t.nodes(8)
    scheduler(t)
    gangs = invariants.PartialGangs()
    t.record(check=gangs)
    members = objects.gang("g", 3, level="rack")
    for member in members[:2]:
        t.create(member)
    wait_until(lambda: "WaitingForMembers" in str(scheduled(t, "g-0")), 10, "the pods wait for members")
    stays(lambda: not bound_names(t), 1, "nothing is bound")
    t.create(members[2])
    wait_until(lambda: len(bound_names(t)) == 3, 5, "all are bound")
    assert len({t.domain(p["spec"]["nodeName"]) for p in t.pods()}) == 1
    gangs.finish()


def test_members_that_disagree(t):
    """two members name different sizes; another gang has one member too many: nothing is bound, reason InvalidGroup"""
    t.nodes(4)
    scheduler(t)
    disagree = objects.gang("d", 2)
    disagree[1]["metadata"]["annotations"]["stowage.dev/group-size"] = "3"
    surplus = objects.gang("s", 3)
    for member in surplus:
        member["metadata"]["annotations"]["stowage.dev/group-size"] = "2"
    broken = objects.gang("b", 2)
    for member in broken:
        member["metadata"]["annotations"]["stowage.dev/group-size"] = "many"
    for member in disagree + broken:
        t.create(member)
    for name in ("d-0", "d-1", "b-0"):
        wait_until(lambda n=name: "InvalidGroup" in str(scheduled(t, n)), 10, f"{name} says InvalidGroup")
    assert not bound_names(t)
    t.api.delete(f"/api/v1/namespaces/{t.ns}/pods/d-1")
    good = objects.gang("d", 2)[1]
    good["metadata"]["name"] = "d-new"
    t.create(good)
    wait_until(lambda: bound_names(t) == ["d-0", "d-new"], 10, "a gang that agrees again is bound")


def test_gang_that_cannot_fit_does_not_block(t):
    """a gang of 4 whole nodes on 3 nodes waits; single pods behind it are bound at once"""
    t.nodes(3)
    scheduler(t)
    for member in objects.gang("g", 4):
        t.create(member)
    wait_until(lambda: scheduled(t, "g-3"), 10, "the gang was judged")
    started = time.monotonic()
    for i in range(3):
        t.create(objects.pod(f"single-{i}", gpus=8))
    wait_until(lambda: len(bound_names(t)) == 3, 5, "the single pods are bound")
    assert all(n.startswith("single") for n in bound_names(t)) and time.monotonic() - started < 5


def test_cordoned_and_returning_node(t):
    """the only node is cordoned: pods wait; uncordoned: bound within 2 s"""
    node = t.nodes(1)[0]
    t.cluster.kubectl("cordon", node)
    scheduler(t)
    t.create(objects.pod("p"))
    wait_until(lambda: scheduled(t, "p"), 10, "the pod was judged")
    assert not bound_names(t)
    t.cluster.kubectl("uncordon", node)
    started = time.monotonic()
    wait_until(lambda: bound_names(t), 10, "the pod is bound", every=0.05)
    assert time.monotonic() - started <= 2


def test_restart_binds_fast(t):
    """kill -9 with 50 pods waiting for room: after the restart, 8 freed GPUs are used within 2 s of being ready, nothing twice"""
    nodes = t.nodes(2)
    process = scheduler(t)
    for i in range(50):
        t.create(objects.pod(f"p{i:02}"))
    wait_until(lambda: len(bound_names(t)) == 16, 15, "16 pods are bound")
    process.kill()
    for name in bound_names(t)[:8]:
        t.api.delete(f"/api/v1/namespaces/{t.ns}/pods/{name}")
    log = t.cluster.audit()
    process.start().wait_ready()
    started = time.monotonic()
    wait_until(lambda: len(bound_names(t)) == 16, 10, "16 pods are bound again", every=0.05)
    assert time.monotonic() - started <= 2
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())
    bindings = log.count("stowage-scheduler", {"create"})[("stowage-scheduler", "create", "pods/binding")]
    assert bindings == 8, f"{bindings} bindings for 8 pods"


def test_lower_priority_pods_stay(t):
    """a pod of higher priority finds no room: nobody is evicted, and its message names who would have to leave"""
    t.nodes(1)
    scheduler(t)
    urgent = f"urgent-{t.ns}"
    t.api.create("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": urgent}, "value": 1000})
    t.cleanup(lambda: t.api.delete(f"/apis/scheduling.k8s.io/v1/priorityclasses/{urgent}"))
    t.create(objects.pod("low", gpus=8))
    wait_until(lambda: bound_names(t) == ["low"], 10, "the first pod is bound")
    t.create(objects.pod("high", gpus=1, priorityClassName=urgent))

    def message():
        found = [p for p in t.pods() if p["metadata"]["name"] == "high"]
        return objects.condition(found[0], "PodScheduled").get("message", "")
    wait_until(lambda: f"Preemption is not wired: 1 pod of lower priority would have to leave first: {t.ns}/low on" in message(),
               10, "the message names the pod that would have to leave")
    stays(lambda: len(t.active_pods()) == 2 and bound_names(t) == ["low"], 2, "nobody is evicted")


def test_resource_claims_are_refused(t):
    """a pod with resourceClaims: not bound, and the reason says that claims are not supported yet"""
    t.nodes(1)
    scheduler(t)
    t.create(objects.pod("claims", resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "none"}]))
    message = wait_until(lambda: scheduled(t, "claims").get("message"), 10, "the pod has a message")
    assert "claim" in message.lower() and not bound_names(t), message


def test_podgroup_of_kubernetes(t):
    """a cluster that serves scheduling.k8s.io/v1beta1: a PodGroup with gang minCount 2 is whole or not at all"""
    t.nodes(1)
    scheduler(t)
    base = f"/apis/scheduling.k8s.io/v1beta1/namespaces/{t.ns}/podgroups"
    t.api.create(base, {"apiVersion": "scheduling.k8s.io/v1beta1", "kind": "PodGroup", "metadata": {"name": "pg"},
                        "spec": {"schedulingPolicy": {"gang": {"minCount": 2}}}})
    for i in range(2):
        t.create(objects.pod(f"m{i}", gpus=8, schedulingGroup={"podGroupName": "pg"}))
    stays(lambda: not bound_names(t), 3, "one node is not enough: nothing is bound")
    t.nodes(1, first=1)
    wait_until(lambda: bound_names(t) == ["m0", "m1"], 10, "both are bound")


test_podgroup_of_kubernetes.own_cluster = ("--gates", "GenericWorkload=true")


def test_volume_that_waits_for_its_consumer(t):
    """an unbound claim of a WaitForFirstConsumer class: the claim gets the chosen node, the pod is bound once the claim is"""
    node = t.nodes(1)[0]
    scheduler(t)
    storage = f"e2e-{t.ns}"
    t.api.create("/apis/storage.k8s.io/v1/storageclasses", {"metadata": {"name": storage}, "provisioner": "example.com/fake",
                                                            "volumeBindingMode": "WaitForFirstConsumer"})
    t.cleanup(lambda: t.api.delete(f"/apis/storage.k8s.io/v1/storageclasses/{storage}"))
    claims = f"/api/v1/namespaces/{t.ns}/persistentvolumeclaims"
    room = {"accessModes": ["ReadWriteOnce"], "storageClassName": storage}
    t.api.create(claims, {"metadata": {"name": "weights"}, "spec": {**room, "resources": {"requests": {"storage": "1Gi"}}}})
    t.create(objects.pod("p", volumes=[{"name": "w", "persistentVolumeClaim": {"claimName": "weights"}}]))

    def chosen():
        return t.api.get(f"{claims}/weights")["metadata"].get("annotations", {}).get("volume.kubernetes.io/selected-node")
    assert wait_until(chosen, 10, "the claim has a selected node") == node
    stays(lambda: not bound_names(t), 1, "the pod waits for its volume")
    claim = t.api.get(f"{claims}/weights")["metadata"]
    t.api.create("/api/v1/persistentvolumes", {"metadata": {"name": storage}, "spec": {
        **room, "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/nowhere"}, "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": t.ns, "name": "weights", "uid": claim["uid"]}}})
    t.cleanup(lambda: t.api.delete(f"/api/v1/persistentvolumes/{storage}"))
    wait_until(lambda: bound_names(t), 20, "the pod is bound")
