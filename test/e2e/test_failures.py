"""What breaks: nodes, pods, our processes, other people's pods."""

import signal
import time

from clusterlib import processes
from lib import invariants, objects
from lib.runner import limit
from lib.waiting import stays, wait_until


def running(t, name, count):
    def check():
        pods = t.active_pods(name)
        return len(pods) == count and all(p["status"].get("phase") == "Running" for p in pods)
    return check


@limit(120)
def test_node_deleted_under_a_group(t):
    """a node of a running two-node group is deleted: the group is replaced whole, in one rack, with a higher attempt number"""
    t.nodes(4)
    t.system()
    t.create(objects.two_node_model("big"))
    t.wait_ready("big")
    before = t.pods("big")
    t.delete_node(before[1]["spec"]["nodeName"])
    old = {p["metadata"]["uid"] for p in before}

    def replaced():
        pods = t.active_pods("big")
        return len(pods) == 2 and not old & {p["metadata"]["uid"] for p in pods} and all(map(objects.bound, pods))
    wait_until(replaced, 20, "both pods are new and bound")
    t.wait_ready("big")
    after = t.active_pods("big")
    assert len({t.domain(p["spec"]["nodeName"]) for p in after}) == 1
    assert int(objects.label(after[0], "attempt")) > int(objects.label(before[0], "attempt"))
    attempts = t.mdep("big")["status"]["attempts"]
    assert attempts[0]["attempt"] == int(objects.label(after[0], "attempt")), attempts


@limit(120)
def test_pod_deleted_by_hand(t):
    """a pod of a one-node and of a two-node model is deleted: replaced, the other replicas untouched, no restart is charged"""
    t.nodes(4)
    t.system()
    t.create(objects.model_deployment("small", replicas=2))
    t.create(objects.two_node_model("big"))
    t.wait_ready("small")
    t.wait_ready("big")
    keep, gone = t.pods("small")
    leader = t.pods("big")[0]
    old = {p["metadata"]["uid"] for p in t.pods("big")}
    for pod in (gone, leader):
        t.api.delete(f"/api/v1/namespaces/{t.ns}/pods/{pod['metadata']['name']}")
    wait_until(lambda: running(t, "small", 2)() and gone["metadata"]["uid"] not in [p["metadata"]["uid"] for p in t.pods("small")],
               20, "small has two pods again")
    assert keep["metadata"]["uid"] in [p["metadata"]["uid"] for p in t.pods("small")]
    wait_until(lambda: running(t, "big", 2)() and not old & {p["metadata"]["uid"] for p in t.active_pods("big")}, 20,
               "the group of big is new")
    assert all(a.get("restarts", 0) == 0 for n in ("small", "big") for a in t.mdep(n)["status"].get("attempts", []))


@limit(120)
def test_failed_pod_restarts_the_group(t):
    """one pod of a two-node group fails by itself: the whole group is replaced and one restart is counted"""
    t.nodes(4)
    t.system()
    t.create(objects.two_node_model("big"))
    t.wait_ready("big")
    old = {p["metadata"]["uid"] for p in t.pods("big")}
    t.api.patch(f"/api/v1/namespaces/{t.ns}/pods/{t.pods('big')[1]['metadata']['name']}",
                {"metadata": {"annotations": {"test.stowage.dev/fail": "1ms"}}})
    wait_until(lambda: running(t, "big", 2)() and not old & {p["metadata"]["uid"] for p in t.active_pods("big")}, 30,
               "the group of big is new")
    wait_until(lambda: sum(a.get("restarts", 0) for a in t.mdep("big")["status"]["attempts"]) == 1, 10, "one restart is counted")


@limit(120)
def test_foreign_pods_take_the_gpus(t):
    """pods of another scheduler hold 12 of 16 GPUs: a model of 8 waits, one of 4 runs, nothing is oversold"""
    nodes = t.nodes(2)
    t.system()
    for i, node in enumerate((nodes[0], nodes[0], nodes[1])):
        t.create(objects.pod(f"foreign-{i}", gpus=4, scheduler="somebody-else", node=node))
    t.create(objects.model_deployment("eight", parallelism={"tensor": 8}))
    t.create(objects.model_deployment("four", parallelism={"tensor": 4}))
    t.wait_ready("four")
    t.wait_condition("eight", "Placed", "False")
    stays(lambda: not any(map(objects.bound, t.pods("eight"))), 2, "the model of 8 is not bound")
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())
    for i in (0, 1):
        t.api.delete(f"/api/v1/namespaces/{t.ns}/pods/foreign-{i}")
    t.wait_ready("eight", 15)
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())


def fifty(t, replicas=2):
    names = [f"m-{i:02}" for i in range(50)]
    for name in names:
        t.create(objects.model_deployment(name, replicas=replicas, runtime={"image": "example.invalid/engine:1"}))
    wait_until(lambda: sum(p["status"].get("phase") == "Running" for p in t.pods()) == 50 * replicas, 60, "all pods run", every=0.5)
    return names


@limit(400)
def test_kill_9_during_a_rollout(t):
    """operator and scheduler are killed at random moments while 50 deployments roll: all converge, no duplicates, no orphans"""
    nodes = t.nodes(20)
    pair = list(t.system(leader_elect=False))
    names = fifty(t)
    t.record(check=lambda pods: invariants.no_duplicates(pods.values()))
    for name in names:
        t.patch(name, {"runtime": {"image": "example.invalid/engine:2"}})
    for _ in range(30 if t.long else 8):
        time.sleep(t.random.uniform(0.05, 1.2))
        victim = t.random.choice(pair)
        victim.kill()
        time.sleep(t.random.uniform(0, 0.3))
        victim.start()

    def converged():
        pods = t.pods()
        return (len(pods) == 100 and {p["spec"]["containers"][0]["image"] for p in pods} == {"example.invalid/engine:2"}
                and all(p["status"].get("phase") == "Running" for p in pods))
    wait_until(converged, 150, "100 pods, all of the new image, all running", every=0.5)
    for name in names:
        t.wait_ready(name, 30)
    stays(converged, 3, "100 pods of the new image", every=0.5)
    invariants.no_duplicates(t.pods())
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())
    uids = {item["metadata"]["uid"] for item in t.api.list(t.mdep_path())}
    for path in ("/api/v1/namespaces/{}/pods", "/apis/apps/v1/namespaces/{}/controllerrevisions"):
        for item in t.api.list(path.format(t.ns)):
            owners = {o["uid"] for o in item["metadata"].get("ownerReferences", [])}
            assert owners and owners <= uids, f"orphan {path.rsplit('/', 1)[1]}/{item['metadata']['name']}"


def leader_of(pair):
    return next((m for m in pair if m.alive() and m.metric("leader_election_master_status") == 1), None)


@limit(240)
def test_failover(t):
    """two replicas of each: one leads; it is killed, the other takes over and a new model runs; SIGTERM hands over faster"""
    t.nodes(2)
    replicas = {kind: [t.process(kind, f"{kind}-{i}") for i in (0, 1)] for kind in ("operator", "scheduler")}
    for kind, pair in replicas.items():
        wait_until(lambda p=pair: leader_of(p), 30, f"a {kind} leads")
        stays(lambda p=pair: sum(m.metric("leader_election_master_status") == 1 for m in p) == 1, 2, f"one {kind} leads")
    t.create(objects.model_deployment("first"))
    t.wait_ready("first")
    for kind, limit_seconds in (("operator", 20), ("scheduler", 10)):
        pair = replicas[kind]
        victim = leader_of(pair)
        victim.kill()
        started = time.monotonic()
        t.create(objects.model_deployment(f"after-{kind}"))
        t.wait_ready(f"after-{kind}", limit_seconds + 5)
        print(f"   {kind}: a new model was ready {time.monotonic() - started:.1f} s after the leader was killed", flush=True)
        assert time.monotonic() - started <= limit_seconds, f"failover of the {kind} took too long"
        victim.start()
    for kind, pair in replicas.items():
        wait_until(lambda p=pair: leader_of(p), 30, f"a {kind} leads")
        victim = leader_of(pair)
        took = victim.terminate(30)
        assert took < 10, f"{kind} needed {took:.1f} s to end"
        other = next(m for m in pair if m is not victim)
        wait_until(lambda m=other: m.metric("leader_election_master_status") == 1, 6, f"the other {kind} leads after a clean end")
    t.create(objects.model_deployment("last"))
    t.wait_ready("last", 15)


def test_namespace_deleted_in_a_rollout(t):
    """the namespace goes in the middle of a rollout: everything goes with it, and other namespaces are served as before"""
    t.nodes(2)
    pair = t.system()
    doomed = t.namespace()
    t.create(objects.model_deployment("d", replicas=6), ns=doomed)
    wait_until(lambda: sum(p["status"].get("phase") == "Running" for p in t.pods(ns=doomed)) == 6, 30, "6 pods run")
    t.api.patch(t.mdep_path("d", doomed), {"spec": {"runtime": {"image": "example.invalid/other"}}})
    t.api.delete(f"/api/v1/namespaces/{doomed}")
    wait_until(lambda: t.api.find(f"/api/v1/namespaces/{doomed}") is None, 40, "the namespace is gone")
    t.create(objects.model_deployment("elsewhere"))
    t.wait_ready("elsewhere")
    assert all(p.alive() for p in pair)


@limit(180)
def test_api_server_restart(t):
    """kube-apiserver is away for some seconds: who lost the lease ends with status 1 and, started again, goes on"""
    t.nodes(1)
    pair = t.system()
    t.create(objects.model_deployment("before"))
    t.wait_ready("before")
    t.cluster.restart("kube-apiserver")
    t.create(objects.model_deployment("after"))
    # What a Deployment does for a program that ended because it could not renew its lease.
    wait_until(lambda: all(restarted_if_ended(p) for p in pair) and t.mdep("after").get("status", {}).get("readyReplicas") == 1,
               90, "after is Ready")
    assert t.mdep("before")["status"]["readyReplicas"] == 1


@limit(180)
def test_api_server_frozen(t):
    """kube-apiserver is stopped (SIGSTOP) for 25 s: nobody waits for ever; who lost the lease ends, and all goes on afterwards"""
    t.nodes(1)
    pair = t.system()
    t.create(objects.model_deployment("before"))
    t.wait_ready("before")
    server = t.cluster.env["processes"]["kube-apiserver"]
    assert processes.send(server, signal.SIGSTOP)
    t.cleanup(lambda: processes.send(server, signal.SIGCONT))
    frozen = time.monotonic()
    # The kernel of a stopped process still acknowledges, so only the time limits of calls and leases can tell.
    for p, longest in zip(reversed(pair), (8, 20)):  # the scheduler's lease is 4 s, the operator's 15 s
        wait_until(lambda one=p: not one.alive(), max(1, longest - (time.monotonic() - frozen)), f"the {p.name} has ended", every=0.2)
        print(f"   {p.name} gave up after {time.monotonic() - frozen:.1f} s", flush=True)
        assert "lost the lease" in p.log_text(), p.log_tail()
        p.start()  # and finds a server that accepts connections and says nothing
    time.sleep(max(0, 25 - (time.monotonic() - frozen)))
    assert processes.send(server, signal.SIGCONT)
    t.create(objects.model_deployment("after"))
    wait_until(lambda: all(restarted_if_ended(p) for p in pair) and t.mdep("after").get("status", {}).get("readyReplicas") == 1,
               60, "after is Ready")
    assert t.mdep("before")["status"]["readyReplicas"] == 1


def restarted_if_ended(process):
    """True while it runs; else checks how it ended and starts it again."""
    if process.alive():
        return True
    assert "lost the lease" in process.log_text(), process.log_tail()
    process.start()
    return True
