"""Which node: products, device memory, tiers, residency, spread, other vendors' devices."""

from lib import objects
from lib.waiting import stays, wait_until


def where(t, name):
    """The nodes of a deployment's bound pods."""
    return sorted(p["spec"]["nodeName"] for p in t.active_pods(name) if objects.bound(p))


def place(t, name, **spec):
    t.create(objects.model_deployment(name, **spec))
    t.wait_ready(name)
    return where(t, name)


def test_products_in_order_of_preference(t):
    """products A100, then H100, one A100 node: 8 single replicas land on it, the ninth on an H100"""
    t.nodes(10, profile="mixed")
    t.system()
    products = ["NVIDIA-A100-SXM4-80GB", "NVIDIA-H100-80GB-HBM3"]
    found = place(t, "m", replicas=9, accelerator={"products": products})
    assert sum(n.startswith("a100") for n in found) == 8 and sum(n.startswith("h100") for n in found) == 1, found


def test_unknown_product(t):
    """products names what no node has: nothing is bound and the reason names the product"""
    t.nodes(2)
    t.system()
    t.create(objects.model_deployment("m", accelerator={"products": ["NVIDIA-B300"]}))
    placed = t.wait_condition("m", "Placed", "False")
    wait_until(lambda: "NVIDIA-B300" in objects.condition(t.mdep("m"), "Placed")["message"], 10, f"it names the product: {placed}")
    assert not where(t, "m")


def test_device_memory(t):
    """minMemory 80Gi, nodes of 23,034 MiB and of 81,559 MiB: the small ones are refused, the labelled 80 GB device counts as 80Gi"""
    t.nodes(2, profile="l4x1")
    t.system()
    t.create(objects.model_deployment("m", accelerator={"minMemory": "80Gi"}))
    t.wait_condition("m", "Placed", "False")
    stays(lambda: not where(t, "m"), 1, "nothing is bound")
    big = t.nodes(1)
    t.wait_ready("m")
    assert where(t, "m") == big


def test_tiers(t):
    """reserved, on-demand and tainted spot nodes: no tiers keeps off spot, Spot goes there, an order is followed"""
    t.nodes(10, profile="mixed")
    t.system()
    assert not where_spot(place(t, "any", replicas=3))
    spot = place(t, "spot", replicas=3, capacity={"tiers": [{"type": "Spot"}]})
    assert where_spot(spot) == spot, spot
    order = {"tiers": [{"type": "Reserved"}, {"type": "OnDemand"}]}
    assert all(n.startswith("h100-res") for n in place(t, "order", replicas=2, capacity=order))
    assert all("-od-" in n for n in place(t, "on-demand", capacity={"tiers": [{"type": "OnDemand"}]}))


def where_spot(names):
    return [name for name in names if "spot" in name]


def test_residency(t):
    """residency eu-west-1 while other regions have room: only nodes there; with none free it waits rather than leave"""
    t.nodes(10, profile="mixed")  # two L4 nodes are in eu-west-1
    t.system()
    spec = {"placement": {"residency": {"regions": ["eu-west-1"]}}, "capacity": {"tiers": [{"type": "Spot"}, {"type": "OnDemand"}]}}
    assert place(t, "two", replicas=2, **spec) == ["l4-spot-0000", "l4-spot-0001"]
    t.create(objects.model_deployment("third", **spec))
    t.wait_condition("third", "Placed", "False")
    stays(lambda: not where(t, "third"), 2, "the third stays out")


def test_spread_over_zones(t):
    """three zones, spread zone with maxSkew 1, 6 replicas: two in each"""
    for first in (0, 32, 64):
        t.nodes(1, first=first)
    t.system()
    found = place(t, "m", replicas=6, placement={"spread": {"level": "zone", "maxSkew": 1}})
    zones = [t.domain(n, "zone") for n in found]
    assert sorted(zones.count(z) for z in set(zones)) == [2, 2, 2], zones


def test_other_devices(t):
    """amd.com/gpu, google.com/tpu on tainted nodes, and tainted L4 nodes: each model lands on its kind, taints are tolerated"""
    nodes = {profile: t.nodes(1, profile=profile) for profile in ("mi300x8", "tpu-v5e", "l4x1")}
    t.system()
    assert place(t, "amd", accelerator={"resource": "amd.com/gpu"}, parallelism={"tensor": 8}) == nodes["mi300x8"]
    assert place(t, "tpu", accelerator={"resource": "google.com/tpu"}, parallelism={"tensor": 4}) == nodes["tpu-v5e"]
    assert place(t, "l4") == nodes["l4x1"]


def test_node_selector_and_toleration(t):
    """nodeSelector and a toleration of the team's taint: the model lands on the team's node and on no other"""
    nodes = t.nodes(3)
    t.cluster.kubectl("taint", "node", nodes[1], "team=research:NoSchedule")
    t.cluster.kubectl("label", "node", nodes[1], "team=research")
    t.system()
    team = {"nodeSelector": {"team": "research"}}
    t.create(objects.model_deployment("stranger", placement=team))
    toleration = [{"key": "team", "value": "research", "effect": "NoSchedule"}]
    assert place(t, "member", placement={**team, "tolerations": toleration}) == [nodes[1]]
    placed = t.wait_condition("stranger", "Placed", "False")
    assert not where(t, "stranger"), placed
