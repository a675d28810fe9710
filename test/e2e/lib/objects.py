"""Objects that tests create, and what they read from them."""

GROUP = "stowage.dev/v1alpha1"
MODEL_URI = "hf://Qwen/Qwen2.5-7B-Instruct"
LEVEL_LABELS = {"rack": "network.topology.nvidia.com/leaf", "block": "network.topology.nvidia.com/spine",
                "zone": "topology.kubernetes.io/zone", "nvlink": "nvidia.com/gpu.clique"}


def model_deployment(name, uri=MODEL_URI, **spec):
    """A ModelDeployment; `spec` adds fields beside model.uri, e.g. replicas=2, parallelism={"tensor": 8}."""
    return {"apiVersion": GROUP, "kind": "ModelDeployment", "metadata": {"name": name},
            "spec": {"model": {"uri": uri}, **spec}}


def two_node_model(name, level="rack", **spec):
    """tensor 8, pipeline 2: a replica is two whole 8-GPU nodes of one domain."""
    return model_deployment(name, parallelism={"tensor": 8, "pipeline": 2},
                            placement={"topology": {"level": level, "mode": "Required"}}, **spec)


def pod(name, gpus=1, scheduler="stowage", annotations=None, node=None, resource="nvidia.com/gpu", labels=None, **spec):
    body = {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "annotations": annotations or {}, "labels": labels or {}},
            "spec": {"schedulerName": scheduler, "terminationGracePeriodSeconds": 0, "containers": [{
                "name": "main", "image": "example.invalid/none",
                "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {resource: str(gpus)} if gpus else {}}}], **spec}}
    if node:
        body["spec"]["nodeName"] = node
    return body


def gang(name, size, gpus=8, level=None, preferred=None):
    """The pods of a gang by the gang contract, for the scheduler alone (no operator)."""
    notes = {"stowage.dev/group": name, "stowage.dev/group-size": str(size)}
    if level:
        notes["stowage.dev/topology-required"] = level
    if preferred:
        notes["stowage.dev/topology-preferred"] = preferred
    return [pod(f"{name}-{rank}", gpus, annotations=dict(notes), labels={"gang": name}) for rank in range(size)]


def condition(item, kind):
    """The condition of that type, or {}."""
    for found in item.get("status", {}).get("conditions", []):
        if found["type"] == kind:
            return found
    return {}


def is_true(item, kind):
    return condition(item, kind).get("status") == "True"


def bound(item):
    return bool(item["spec"].get("nodeName"))


def terminal(item):
    return item.get("status", {}).get("phase") in ("Succeeded", "Failed")


def label(item, key):
    return item["metadata"].get("labels", {}).get(f"stowage.dev/{key}", "")


def group_of(item):
    """What a pod is a member of: (namespace, group annotation), or None."""
    value = item["metadata"].get("annotations", {}).get("stowage.dev/group")
    return (item["metadata"]["namespace"], value) if value else None


def gpus_of(item, resource="nvidia.com/gpu"):
    return sum(int(c.get("resources", {}).get("limits", {}).get(resource, "0")) for c in item["spec"]["containers"])
