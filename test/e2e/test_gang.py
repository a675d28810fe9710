"""Models of several nodes: whole or not at all, in one domain."""

import time

from lib import invariants, objects
from lib.runner import limit
from lib.waiting import stays, wait_until


def placed_groups(t, names):
    """{name: bound pods} of the deployments that have any bound pod."""
    found = {name: [p for p in t.active_pods(name) if objects.bound(p)] for name in names}
    return {name: pods for name, pods in found.items() if pods}


def test_two_nodes_in_one_rack(t):
    """tensor 8, pipeline 2, topology rack Required on two racks: two pods on two nodes of one rack; the Service selects rank 0"""
    t.nodes(8)
    t.system()
    t.create(objects.two_node_model("big"))
    item = t.wait_ready("big")
    pods = t.pods("big")
    assert [objects.label(p, "rank") for p in pods] == ["0", "1"] and all(objects.gpus_of(p) == 8 for p in pods)
    hosts = {p["spec"]["nodeName"] for p in pods}
    assert len(hosts) == 2 and len({t.domain(h) for h in hosts}) == 1, hosts
    assert item["status"]["replicas"] == 1 and item["status"]["ready"] == "1/1"
    services = t.api.list(f"/api/v1/namespaces/{t.ns}/services")
    headless = [s for s in services if s["spec"].get("clusterIP") == "None"]
    assert headless and headless[0]["spec"].get("publishNotReadyAddresses"), "no headless Service for the group"
    assert all(p["spec"].get("subdomain") == headless[0]["metadata"]["name"] and p["spec"]["hostname"] == p["metadata"]["name"]
               for p in pods)
    traffic = [s for s in services if s["spec"].get("clusterIP") != "None"]
    assert len(traffic) == 1, [s["metadata"]["name"] for s in services]
    selector = ",".join(f"{k}={v}" for k, v in traffic[0]["spec"]["selector"].items())
    selected = t.api.list(f"/api/v1/namespaces/{t.ns}/pods", labelSelector=selector)
    assert [p["metadata"]["name"] for p in selected] == [pods[0]["metadata"]["name"]]
    names = [{e["name"] for e in p["spec"]["containers"][0]["env"]} for p in pods]
    assert names[0] == names[1], "the two ranks have different environment names"


def test_one_node_too_few(t):
    """one free node in each of two racks: nothing is bound and Placed says what is missing; a second node in one rack: bound in 2 s"""
    t.nodes(1, first=0)
    t.nodes(1, first=4)
    t.system()
    t.create(objects.two_node_model("big"))
    placed = t.wait_condition("big", "Placed", "False")
    wait_until(lambda: any(w in objects.condition(t.mdep("big"), "Placed").get("message", "") for w in ("rack", "gpu", "GPU")), 10,
               f"Placed names what is missing (it said {placed})")
    stays(lambda: not any(map(objects.bound, t.pods())), 2, "nothing is bound")
    pending = t.mdep("big")["status"].get("placement", {}).get("pending", [])
    assert pending and pending[0]["reason"], t.mdep("big")["status"]
    started = time.monotonic()
    t.nodes(1, first=1)
    wait_until(lambda: len([p for p in t.pods() if objects.bound(p)]) == 2, 10, "both pods are bound", every=0.05)
    seconds = time.monotonic() - started
    assert seconds <= 2, f"it took {seconds:.1f} s after the node was added"
    assert len({t.domain(p["spec"]["nodeName"]) for p in t.pods()}) == 1


@limit(180)
def test_ten_gangs_for_five_places(t):
    """ten two-node gangs, room for five: five whole, five pending, no gang partly bound at any moment"""
    nodes = t.nodes(10)
    t.system()
    gangs = invariants.PartialGangs()
    t.record(check=gangs)
    names = [f"big-{i}" for i in range(10)]
    for name in names:
        t.create(objects.two_node_model(name))
    wait_until(lambda: len(placed_groups(t, names)) == 5, 30, "five gangs are bound")
    stays(lambda: len(placed_groups(t, names)) == 5, 3, "five gangs are bound")
    gangs.finish()
    found = placed_groups(t, names)
    assert all(len(pods) == 2 and len({t.domain(p["spec"]["nodeName"]) for p in pods}) == 1 for pods in found.values())
    waiting = [name for name in names if name not in found]
    for name in waiting:
        assert len(t.active_pods(name)) == 2 and t.wait_condition(name, "Placed", "False")["message"]
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())
    t.api.delete(t.mdep_path(next(iter(found))))
    # The garbage collector of a new cluster learns of our kinds within 30 s.
    wait_until(lambda: len(placed_groups(t, waiting)) == 1, 45, "the freed nodes go to a waiting gang")
    assert len(next(iter(placed_groups(t, waiting).values()))) == 2


@limit(300)
def test_ten_gangs_while_leaders_die(t):
    """the same with two replicas of each program whose leaders are killed: no gang is partly bound for more than 10 s"""
    nodes = t.nodes(10)
    replicas = {kind: [t.process(kind, f"{kind}-{i}") for i in (0, 1)] for kind in ("operator", "scheduler")}
    for pair in replicas.values():
        wait_until(lambda p=pair: any(m.metric("leader_election_master_status") == 1 for m in p), 30, "somebody leads")
    gangs = invariants.PartialGangs(limit=10)
    t.record(check=gangs)
    names = [f"big-{i}" for i in range(10)]
    for name in names:
        t.create(objects.two_node_model(name))
    for _ in range(12 if t.long else 5):
        time.sleep(t.random.uniform(0.2, 4))
        kind = t.random.choice(list(replicas))
        pair = replicas[kind]
        victim = next((m for m in pair if m.metric("leader_election_master_status") == 1), t.random.choice(pair))
        victim.kill()
        found = placed_groups(t, names)
        if found:  # a place becomes free while nobody, or somebody new, leads
            gone = t.random.choice(sorted(found))
            t.api.delete(t.mdep_path(gone))
            wait_until(lambda name=gone: t.api.find(t.mdep_path(name)) is None, 20, f"{gone} is deleted")
            t.create(objects.two_node_model(gone))
        victim.start()
    wait_until(lambda: len(placed_groups(t, names)) == 5 and all(len(p) == 2 for p in placed_groups(t, names).values()), 60,
               "five gangs are bound whole")
    gangs.finish()
    invariants.no_oversale([t.node(n) for n in nodes], t.pods())
    invariants.no_duplicates(t.pods())
    print(f"   longest time a gang was partly bound: {gangs.longest:.2f} s", flush=True)


def test_nvlink_domain(t):
    """GB200, 4 GPUs a node, 18 nodes an NVLink domain: tensor 8 with level nvlink lands in one domain"""
    t.nodes(2, profile="gb200-nvl72", first=17)
    t.system()
    spec = {"parallelism": {"tensor": 8}, "accelerator": {"perNode": 4, "nodesPerReplica": 2},
            "placement": {"topology": {"level": "nvlink", "mode": "Required"}}}
    t.create(objects.model_deployment("nv", **spec))
    t.wait_condition("nv", "Placed", "False")
    t.nodes(1, profile="gb200-nvl72", first=16)
    t.wait_ready("nv")
    assert len({t.domain(p["spec"]["nodeName"], "nvlink") for p in t.pods("nv")}) == 1


def test_preferred_topology_spills_over(t):
    """topology rack Preferred, one free node in each of two racks: it is placed across them"""
    t.nodes(1, first=0)
    t.nodes(1, first=4)
    t.system()
    item = objects.two_node_model("big")
    item["spec"]["placement"]["topology"]["mode"] = "Preferred"
    t.create(item)
    t.wait_ready("big")
    assert len({p["spec"]["nodeName"] for p in t.pods("big")}) == 2
