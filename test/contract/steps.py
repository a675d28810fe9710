"""The steps of the contract: requests in order, each with what is compared and which difference is accepted."""
import re
from dataclasses import dataclass, field

NS = "/api/v1/namespaces/contract"
MAPS, PODS = NS + "/configmaps", NS + "/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/contract/deployments"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/contract.stowage.dev/v1/namespaces/contract/widgets"
JSON, MERGE, STRATEGIC = "application/json", "application/merge-patch+json", "application/strategic-merge-patch+json"
PATCH, APPLY = "application/json-patch+json", "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
YAML, PROTOBUF = "application/yaml", "application/vnd.kubernetes.protobuf"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"


@dataclass
class Step:
    name: str
    method: str
    path: str
    body: object = None
    type: str = JSON
    accept: str = JSON
    raw: str = None
    keep: dict = field(default_factory=dict)  # name -> path in the answer, for ${name} in later steps
    compare: str = "all"                      # or "status", or "reason": status, reason and causes
    ignore: tuple = ()                        # keys or dotted paths left out of the comparison
    accepted: str = ""                        # why a difference is all right
    until: int = None                         # repeat until this status, for at most `wait` seconds
    wait: float = 10


def scrub(text):
    """Text without UIDs, versions, ages and times."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uid>", text)
    text = re.sub(r"record \(\d+\)", "record (<version>)", text)
    text = re.sub(r"resourceVersion: \"\d+\"", "resourceVersion: <version>", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>", text)
    text = re.sub(r"\b(G-|a_b|n{58})[bcdfghjklmnpqrstvwxz2456789]{5}\b", r"\1<random>", text)  # generated names
    # The outcome of a patch inside a text: its members stand in another order.
    text = re.sub(r"Invalid value: \"\{.*\}\":", "Invalid value: <object>:", text)
    return re.sub(r"^\d+[smh](\d+s)?$", "<age>", text)


def config_map(name, data=None, **metadata):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data or {}}


def pod(name, spec=None, **metadata):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata},
            "spec": {"automountServiceAccountToken": False, "containers": [{"name": "main", "image": "engine:1"}], **(spec or {})}}


def deployment(replicas=1):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {"replicas": replicas, "paused": True, "selector": {"matchLabels": {"a": "b"}},
                     "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "main", "image": "x:1"}]}}}}


def crud():
    yield Step("create", "POST", MAPS, config_map("a", {"k": "v"}), keep={"a_uid": "metadata.uid", "a_rv": "metadata.resourceVersion"})
    yield Step("create again", "POST", MAPS, config_map("a"))
    yield Step("get", "GET", MAPS + "/a")
    yield Step("get missing", "GET", MAPS + "/none")
    yield Step("get in missing namespace", "GET", "/api/v1/namespaces/none/configmaps/a")
    yield Step("create in missing namespace", "POST", "/api/v1/namespaces/none/configmaps", config_map("a"))
    yield Step("list", "GET", MAPS + "?labelSelector=none")
    yield Step("get as table", "GET", MAPS + "/a", accept=TABLE, ignore=("columnDefinitions",))
    yield Step("get as metadata", "GET", MAPS + "/a", accept=METADATA)
    yield Step("update", "PUT", MAPS + "/a", config_map("a", {"k": "w"}))
    yield Step("update with old version", "PUT", MAPS + "/a", config_map("a", {"k": "x"}, resourceVersion="${a_rv}"))
    yield Step("update with wrong uid", "PUT", MAPS + "/a", config_map("a", {"k": "x"}, uid="11111111-1111-4111-8111-111111111111"))
    yield Step("update with other name", "PUT", MAPS + "/a", config_map("b"))
    yield Step("update missing", "PUT", MAPS + "/none", config_map("none"))
    yield Step("update nothing", "PUT", MAPS + "/a", config_map("a", {"k": "w"}))
    yield Step("dry run create", "POST", MAPS + "?dryRun=All", config_map("dry"))
    yield Step("dry run left nothing", "GET", MAPS + "/dry")
    yield Step("dry run with bad value", "POST", MAPS + "?dryRun=Some", config_map("dry"), compare="status")
    for mode in ("Ignore", "Warn", "Strict"):
        yield Step(f"unknown field {mode}", "POST", MAPS + "?fieldValidation=" + mode, {**config_map("u" + mode.lower()), "wrong": 1})
    yield Step("unknown nested field", "POST", PODS + "?fieldValidation=Strict&dryRun=All", pod("p", {"restartPolcy": "Never"}))
    yield Step("duplicate field", "POST", MAPS + "?fieldValidation=Strict", raw='{"metadata":{"name":"dup"},"data":{"a":"1","a":"2"}}')
    yield Step("generated name", "POST", MAPS + "?dryRun=All", {"metadata": {"generateName": "gen-"}}, compare="status")
    for bad in ("A", "a_b", "-a", "a" * 254, "a..b"):
        yield Step(f"bad name {bad[:8]}", "POST", MAPS, config_map(bad))
    yield Step("no name", "POST", MAPS, {"metadata": {}})
    yield Step("bad label key", "POST", MAPS, config_map("l", labels={"-x": "y"}))
    yield Step("bad label value", "POST", MAPS, config_map("l", labels={"x": "-y"}))
    yield Step("bad annotation key", "POST", MAPS, config_map("l", annotations={"a b": "y"}))
    yield Step("wrong kind", "POST", MAPS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}, compare="status")
    yield Step("wrong version", "POST", MAPS, {"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "x"}}, compare="status")
    yield Step("wrong namespace in body", "POST", MAPS, config_map("x", namespace="other"))
    yield Step("wrong type", "POST", MAPS, {"metadata": {"name": "x"}, "data": {"a": 1}}, compare="status")
    yield Step("wrong type of spec", "POST", PODS, {"metadata": {"name": "x"}, "spec": {"containers": "no"}}, compare="status")
    yield Step("malformed JSON", "POST", MAPS, raw="{", compare="status")
    yield Step("not an object", "POST", MAPS, raw="[]", compare="status")
    yield Step("YAML body", "POST", MAPS, raw="metadata: {name: y}\ndata: {a: 'true'}\n", type="application/yaml")
    yield Step("unknown content type", "POST", MAPS, raw="x", type="text/css", compare="status")
    yield Step("unacceptable form", "GET", MAPS + "/a", accept="text/html", compare="status")
    yield Step("bad escape in the path", "GET", MAPS + "/%zz", compare="status")
    yield Step("unknown resource", "GET", "/api/v1/things", compare="status")
    yield Step("unknown group", "GET", "/apis/none.example/v1/things", compare="status")
    yield Step("method not allowed", "POST", MAPS + "/a", config_map("a"), compare="status")


def patches():
    yield Step("merge patch", "PATCH", MAPS + "/a", {"data": {"k": None, "m": "1"}}, type=MERGE)
    yield Step("merge patch missing object", "PATCH", MAPS + "/none", {}, type=MERGE)
    yield Step("merge patch with version", "PATCH", MAPS + "/a", {"metadata": {"resourceVersion": "1"}}, type=MERGE)
    for name, ops in {
        "add": [{"op": "add", "path": "/data/n", "value": "2"}], "replace": [{"op": "replace", "path": "/data/n", "value": "3"}],
        "test": [{"op": "test", "path": "/data/n", "value": "3"}], "remove": [{"op": "remove", "path": "/data/n"}],
        "copy": [{"op": "copy", "from": "/data/m", "path": "/data/c"}], "move": [{"op": "move", "from": "/data/c", "path": "/data/e"}],
    }.items():
        yield Step("JSON patch " + name, "PATCH", MAPS + "/a", ops, type=PATCH)
    for name, ops in {
        "failed test": [{"op": "test", "path": "/data/m", "value": "no"}], "missing path": [{"op": "remove", "path": "/data/none"}],
        "unknown operation": [{"op": "dance", "path": "/data"}],
    }.items():
        yield Step("JSON patch " + name, "PATCH", MAPS + "/a", ops, type=PATCH, compare="status")
    yield Step("JSON patch no array", "PATCH", MAPS + "/a", {}, type=PATCH, compare="status")
    yield Step("deployment", "POST", DEPLOYMENTS, deployment(), ignore=("status", "annotations"), keep={"d_rv": "metadata.resourceVersion"})
    containers = lambda *items: {"spec": {"template": {"spec": {"containers": list(items)}}}}  # noqa: E731
    quiet = ("status", "annotations", "managedFields")
    yield Step("strategic: change and add", "PATCH", DEPLOYMENTS + "/d", containers({"name": "main", "image": "x:2"}, {"name": "side", "image": "s:1"}), type=STRATEGIC, ignore=quiet)
    yield Step("strategic: order", "PATCH", DEPLOYMENTS + "/d", {"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "side"}, {"name": "main"}], "containers": [{"name": "main", "image": "x:3"}]}}}}, type=STRATEGIC, ignore=quiet)
    yield Step("strategic: delete item", "PATCH", DEPLOYMENTS + "/d", containers({"name": "side", "$patch": "delete"}), type=STRATEGIC, ignore=quiet)
    yield Step("strategic: replace list", "PATCH", DEPLOYMENTS + "/d", containers({"$patch": "replace"}, {"name": "only", "image": "o:1"}), type=STRATEGIC, ignore=quiet)
    yield Step("strategic: retain keys", "PATCH", DEPLOYMENTS + "/d", {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}, type=STRATEGIC, ignore=quiet)
    yield Step("scale get", "GET", DEPLOYMENTS + "/d/scale", ignore=("status",))
    yield Step("scale patch", "PATCH", DEPLOYMENTS + "/d/scale", {"spec": {"replicas": 3}}, type=MERGE, ignore=("status",))
    yield Step("scale negative", "PATCH", DEPLOYMENTS + "/d/scale", {"spec": {"replicas": -1}}, type=MERGE, compare="status")
    yield Step("force on a merge patch", "PATCH", MAPS + "/a?force=true", {}, type=MERGE, compare="status")


def applies():
    url = lambda name, manager, more="": f"{MAPS}/{name}?fieldManager={manager}{more}"  # noqa: E731
    yield Step("apply creates", "PATCH", url("s", "one"), config_map("s", {"x": "1", "y": "1"}), type=APPLY)
    yield Step("apply again", "PATCH", url("s", "one"), config_map("s", {"x": "1", "y": "1"}), type=APPLY)
    yield Step("apply drops a field", "PATCH", url("s", "one"), config_map("s", {"x": "1"}), type=APPLY)
    yield Step("apply by another, same value", "PATCH", url("s", "two"), config_map("s", {"x": "1"}), type=APPLY)
    yield Step("apply conflict", "PATCH", url("s", "three"), config_map("s", {"x": "9"}), type=APPLY)
    yield Step("apply forced", "PATCH", url("s", "three", "&force=true"), config_map("s", {"x": "9", "z": "1"}), type=APPLY)
    yield Step("two conflicts", "PATCH", url("s", "four"), config_map("s", {"x": "8", "z": "8"}), type=APPLY)
    yield Step("update takes ownership", "PATCH", MAPS + "/s?fieldManager=editor", {"data": {"z": "7"}}, type=MERGE)
    yield Step("apply conflict with update", "PATCH", url("s", "three"), config_map("s", {"x": "9", "z": "1"}), type=APPLY)
    yield Step("apply labels", "PATCH", url("s", "one"), config_map("s", {}, labels={"l": "1"}), type=APPLY)
    yield Step("apply labels of another", "PATCH", url("s", "two"), config_map("s", {"x": "9"}, labels={"m": "1"}), type=APPLY)
    yield Step("apply without labels", "PATCH", url("s", "one"), config_map("s", {}), type=APPLY)
    yield Step("apply an empty map", "PATCH", url("em", "one"), config_map("em"), type=APPLY)
    yield Step("apply an empty map as another", "PATCH", url("em", "two"), config_map("em"), type=APPLY)
    yield Step("create with a version", "POST", MAPS, config_map("v", resourceVersion="5"))
    yield Step("create with a generation", "POST", MAPS + "?dryRun=All", config_map("v", generation=7))
    yield Step("update with a version that is no number", "PUT", MAPS + "/s", config_map("s", resourceVersion="x"))
    yield Step("update without a name", "PUT", MAPS + "/s", {"data": {"a": "b"}})
    yield Step("apply without manager", "PATCH", MAPS + "/s", config_map("s"), type=APPLY)
    yield Step("apply with managedFields", "PATCH", url("s", "one"), config_map("s", managedFields=[{"manager": "x", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}}]), type=APPLY)
    yield Step("apply without kind", "PATCH", url("s", "one"), {"apiVersion": "v1", "metadata": {"name": "s"}}, type=APPLY, compare="status")
    yield Step("apply with uid of the dead", "PATCH", url("dead", "one"), config_map("dead", uid="11111111-1111-4111-8111-111111111111"), type=APPLY)
    yield Step("apply dry run", "PATCH", url("s", "one", "&dryRun=All"), config_map("s", {"q": "1"}), type=APPLY)
    for i in range(2):
        ports = [{"name": "http", "port": 80, "targetPort": 80}] + ([{"name": "admin", "port": 81, "targetPort": 81}] if i == 0 else [])
        yield Step(f"apply service {i}", "PATCH", NS + "/services/svc?fieldManager=one", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc"}, "spec": {"selector": {"a": "b"}, "ports": ports}}, type=APPLY, ignore=("clusterIP", "clusterIPs"))
    yield Step("apply unknown field", "PATCH", url("s", "one", "&fieldValidation=Strict"), {**config_map("s"), "wrong": 1}, type=APPLY)


def lists_and_watches():
    for i, tier in enumerate(("gold", "gold", "lead", "tin")):
        yield Step(f"member {i}", "POST", MAPS, config_map(f"m{i}", labels={"tier": tier, "n": str(i)}), keep={f"m{i}_rv": "metadata.resourceVersion"})
    for selector in ("tier=gold", "tier==gold", "tier!=gold,tier", "tier in (gold,tin)", "tier notin (gold),tier", "!tier", "tier,n>1", "tier,n<1", "tier=gold,n=0"):
        yield Step("labels " + selector, "GET", MAPS + "?limit=100&labelSelector=" + selector.replace(" ", "%20").replace("!", "%21").replace(">", "%3E").replace("<", "%3C"), ignore=("managedFields",))
    for selector in ("tier in", "a=b=c", "tier>x", "=a"):
        yield Step("bad labels " + selector, "GET", MAPS + "?labelSelector=" + selector.replace(" ", "%20").replace(">", "%3E"), compare="status")
    for selector in ("metadata.name=m1", "metadata.name!=m1,metadata.namespace=contract", "metadata.namespace=other"):
        yield Step("fields " + selector, "GET", MAPS + "?labelSelector=tier&fieldSelector=" + selector.replace("!", "%21"), ignore=("managedFields",))
    yield Step("bad field", "GET", MAPS + "?fieldSelector=spec.none=1", compare="status")
    yield Step("page 1", "GET", MAPS + "?labelSelector=tier&limit=2", ignore=("managedFields",), keep={"token": "metadata.continue"})
    yield Step("page 2", "GET", MAPS + "?labelSelector=tier&limit=2&continue=${token}", ignore=("managedFields",))
    yield Step("bad token", "GET", MAPS + "?limit=2&continue=bad", compare="status")
    yield Step("bad version", "GET", MAPS + "?resourceVersion=x", compare="status")
    yield Step("match without version", "GET", MAPS + "?resourceVersionMatch=Exact", compare="status")
    yield Step("list at version 0", "GET", MAPS + "?resourceVersion=0&labelSelector=tier", ignore=("managedFields",))
    yield Step("list as table", "GET", MAPS + "?labelSelector=tier", accept=TABLE, ignore=("columnDefinitions", "managedFields"))
    yield Step("watch from a version", "GET", MAPS + "?watch=1&timeoutSeconds=1&labelSelector=tier&resourceVersion=${m0_rv}", ignore=("managedFields",))
    yield Step("watch from the start", "GET", MAPS + "?watch=1&timeoutSeconds=1&labelSelector=tier%3Dgold", ignore=("managedFields",))
    yield Step("watch a name", "GET", MAPS + "?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dm2&resourceVersion=0", ignore=("managedFields",))
    yield Step("streaming list", "GET", MAPS + "?watch=1&timeoutSeconds=1&labelSelector=tier&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", compare="status")
    yield Step("streaming list without match", "GET", MAPS + "?watch=1&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true", compare="status")
    yield Step("delete collection", "DELETE", MAPS + "?labelSelector=tier%3Dtin", compare="status")
    yield Step("collection is deleted", "GET", MAPS + "/m3")


def lifecycle():
    yield Step("with finalizer", "POST", MAPS, config_map("f", finalizers=["example.com/hold"]))
    yield Step("bad finalizer", "POST", MAPS, config_map("g", finalizers=["nohost"]), compare="status")
    yield Step("delete waits", "DELETE", MAPS + "/f")
    yield Step("delete waits again", "DELETE", MAPS + "/f")
    yield Step("new finalizer while deleting", "PATCH", MAPS + "/f", {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}, type=MERGE)
    yield Step("last finalizer goes", "PATCH", MAPS + "/f", {"metadata": {"finalizers": None}}, type=MERGE)
    yield Step("object is gone", "GET", MAPS + "/f", until=404)
    yield Step("delete missing", "DELETE", MAPS + "/f")
    yield Step("delete with wrong uid", "DELETE", MAPS + "/a", {"preconditions": {"uid": "11111111-1111-4111-8111-111111111111"}})
    yield Step("delete with wrong version", "DELETE", MAPS + "/a", {"preconditions": {"resourceVersion": "1"}})
    yield Step("delete with bad policy", "DELETE", MAPS + "/a", {"propagationPolicy": "Sideways"}, compare="status")
    yield Step("delete dry run", "DELETE", MAPS + "/a?dryRun=All")
    for policy in ("Background", "Foreground", "Orphan"):
        name = policy.lower()
        yield Step(f"{name} owner", "POST", MAPS, config_map(name), keep={name: "metadata.uid"})
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": "${" + name + "}", "blockOwnerDeletion": True, "controller": True}
        yield Step(f"{name} child", "POST", MAPS, config_map(name + "-child", ownerReferences=[reference]))
        yield Step(f"{name} delete", "DELETE", MAPS + "/" + name, {"propagationPolicy": policy}, compare="status")
        yield Step(f"{name} owner goes", "GET", MAPS + "/" + name, until=404, wait=20)
        yield Step(f"{name} child after", "GET", MAPS + f"/{name}-child", until=200 if policy == "Orphan" else 404, wait=20, ignore=("managedFields",))
    yield Step("two controllers", "POST", MAPS, config_map("tc", ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": n, "uid": n, "controller": True} for n in "xy"]), compare="status")
    yield Step("owner without uid", "POST", MAPS, config_map("to", ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}]), compare="status")


def pods():
    managed = ("managedFields", "tolerations")
    yield Step("pod", "POST", PODS, pod("p"), ignore=managed, keep={"p_uid": "metadata.uid"})
    yield Step("pod with resources", "POST", PODS, pod("r", {"containers": [{"name": "main", "image": "e", "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi", "nvidia.com/gpu": 8}}}]}), ignore=managed)
    for name, spec in {
        "no containers": {"containers": []}, "no image": {"containers": [{"name": "a"}]}, "bad container name": {"containers": [{"name": "A", "image": "x"}]},
        "twice the name": {"containers": [{"name": "a", "image": "x"}, {"name": "a", "image": "y"}]}, "bad restart policy": {"restartPolicy": "Maybe"},
        "request over limit": {"containers": [{"name": "a", "image": "x", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}]},
        "negative quantity": {"containers": [{"name": "a", "image": "x", "resources": {"requests": {"cpu": "-1"}}}]},
        "bad quantity": {"containers": [{"name": "a", "image": "x", "resources": {"requests": {"cpu": "lots"}}}]},
        "volume not there": {"containers": [{"name": "a", "image": "x", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]},
        "unknown priority class": {"priorityClassName": "none"}, "bad hostname": {"hostname": "A_B"},
    }.items():
        yield Step("pod: " + name, "POST", PODS, pod("bad", spec), compare="status")
    yield Step("pod spec is fixed", "PATCH", PODS + "/p", {"spec": {"restartPolicy": "Never"}}, type=MERGE, compare="status")
    yield Step("pod image may change", "PATCH", PODS + "/p", {"spec": {"containers": [{"name": "main", "image": "engine:2"}]}}, type=STRATEGIC, ignore=managed)
    yield Step("bind to nothing", "POST", PODS + "/p/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {}}, compare="status")
    yield Step("bind with wrong uid", "POST", PODS + "/p/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p", "uid": "11111111-1111-4111-8111-111111111111"}, "target": {"kind": "Node", "name": "n1"}}, compare="status")
    yield Step("bind missing pod", "POST", PODS + "/none/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "none"}, "target": {"kind": "Node", "name": "n1"}}, compare="status")
    bind = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p", "uid": "${p_uid}", "annotations": {"a": "b"}}, "target": {"kind": "Node", "name": "n1"}}
    yield Step("bind", "POST", PODS + "/p/binding", bind)
    yield Step("bind twice", "POST", PODS + "/p/binding", bind)
    yield Step("bound pod", "GET", PODS + "/p", ignore=managed)
    yield Step("gated pod", "POST", PODS, pod("g", {"schedulingGates": [{"name": "wait"}]}), ignore=managed)
    yield Step("bind gated pod", "POST", PODS + "/g/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "g"}, "target": {"kind": "Node", "name": "n1"}}, compare="status")
    yield Step("pods of a node", "GET", PODS + "?fieldSelector=spec.nodeName%3Dn1", ignore=managed)
    yield Step("pods by phase", "GET", PODS + "?fieldSelector=status.phase%3DRunning")
    yield Step("status", "PATCH", PODS + "/p/status", {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}, type=STRATEGIC, ignore=managed)
    yield Step("status through the front door", "PATCH", PODS + "/p", {"status": {"phase": "Failed"}}, type=MERGE, ignore=managed)
    yield Step("pod as table", "GET", PODS + "/p", accept=TABLE, ignore=("columnDefinitions", "managedFields"))
    yield Step("evict", "POST", PODS + "/p/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}, compare="status")
    yield Step("evicted pod", "GET", PODS + "/p", ignore=managed + ("conditions", "generation", "observedGeneration"))
    yield Step("bind a dying pod", "POST", PODS + "/p/binding", bind, compare="status")
    yield Step("delete at once", "DELETE", PODS + "/p", {"gracePeriodSeconds": 0}, compare="status")
    yield Step("pod is gone", "GET", PODS + "/p", until=404)


def others():
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": {"holderIdentity": "x", "leaseDurationSeconds": 15, "renewTime": "2026-01-02T03:04:05.000006Z"}}
    leases = "/apis/coordination.k8s.io/v1/namespaces/contract/leases"
    yield Step("lease", "POST", leases, lease)
    yield Step("lease of no duration", "POST", leases, {**lease, "metadata": {"name": "m"}, "spec": {"leaseDurationSeconds": 0}}, compare="status")
    yield Step("secret", "POST", NS + "/secrets", {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
    yield Step("secret of another type", "PATCH", NS + "/secrets/s", {"type": "other"}, type=MERGE, compare="status")
    yield Step("secret with bad base64", "POST", NS + "/secrets", {"metadata": {"name": "t"}, "data": {"a": "***"}}, compare="status")
    yield Step("service without ports", "POST", NS + "/services", {"metadata": {"name": "noports"}, "spec": {"selector": {"a": "b"}}}, compare="status")
    yield Step("headless service", "POST", NS + "/services", {"metadata": {"name": "headless"}, "spec": {"clusterIP": "None", "selector": {"a": "b"}}})
    yield Step("service name", "POST", NS + "/services", {"metadata": {"name": "1st"}, "spec": {"clusterIP": "None"}}, compare="status")
    budgets = "/apis/policy/v1/namespaces/contract/poddisruptionbudgets"
    yield Step("budget", "POST", budgets, {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}}, ignore=("status",))
    yield Step("budget of both kinds", "POST", budgets, {"metadata": {"name": "c"}, "spec": {"minAvailable": 1, "maxUnavailable": 1}}, compare="status")
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    yield Step("priority class", "POST", classes, {"metadata": {"name": "contract"}, "value": 7})
    yield Step("priority class is fixed", "PATCH", classes + "/contract", {"value": 8}, type=MERGE, compare="status")
    yield Step("priority class goes", "DELETE", classes + "/contract")
    yield Step("frozen config map", "POST", MAPS, {**config_map("i", {"a": "b"}), "immutable": True})
    yield Step("frozen config map changes", "PATCH", MAPS + "/i", {"data": {"a": "c"}}, type=MERGE, compare="status")
    event = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "contract"}, "message": "hello", "reason": "Test", "type": "Normal"}
    yield Step("event", "POST", NS + "/events", event, ignore=("source", "managedFields"))
    yield Step("event in the new view", "GET", "/apis/events.k8s.io/v1/namespaces/contract/events/e", ignore=("managedFields",))
    yield Step("events of an object", "GET", NS + "/events?fieldSelector=involvedObject.name%3Dp", ignore=("source", "managedFields"))
    yield Step("event of another namespace", "POST", NS + "/events", {**event, "metadata": {"name": "o"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "x"}}, compare="status")


def definition():
    spec = {"type": "object", "required": ["size"],
            "x-kubernetes-validations": [{"rule": "self.size <= self.limit", "message": "size must not pass limit"},
                                         {"rule": "!has(oldSelf.color) || has(self.color) && self.color == oldSelf.color", "message": "color is immutable"}],
            "properties": {"size": {"type": "integer", "minimum": 1, "maximum": 100}, "limit": {"type": "integer", "default": 50},
                           "replicas": {"type": "integer", "default": 1}, "color": {"type": "string", "enum": ["red", "blue"], "maxLength": 9},
                           "name": {"type": "string", "maxLength": 8, "pattern": "^[a-z]+$"}, "share": {"x-kubernetes-int-or-string": True},
                           "parts": {"type": "array", "maxItems": 3, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
                                     "items": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "weight": {"type": "integer", "default": 7}}}},
                           "raw": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    status = {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}}
    version = {"name": "v1", "served": True, "storage": True,
               "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}},
               "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
               "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {"spec": spec, "status": status}}}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.contract.stowage.dev"},
            "spec": {"group": "contract.stowage.dev", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"}, "versions": [version]}}


def custom():
    def widget(spec, name="w"):
        return {"apiVersion": "contract.stowage.dev/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}
    yield Step("definition", "POST", CRDS, definition(), compare="status")
    yield Step("definition is served", "GET", WIDGETS, until=200)
    yield Step("definition twice", "POST", CRDS, definition())
    bad = definition()
    bad["metadata"]["name"] = "wrong.contract.stowage.dev"
    yield Step("definition of another name", "POST", CRDS, bad, compare="status")
    yield Step("widget", "POST", WIDGETS, widget({"size": 3, "wrong": 1, "raw": {"any": {"thing": 1}}, "parts": [{"id": "a"}]}))
    yield Step("widget strict", "POST", WIDGETS + "?fieldValidation=Strict", widget({"size": 3, "wrong": 1}, "x"), compare="status")
    for name, spec in {
        "missing": {}, "type": {"size": "x"}, "minimum": {"size": 0}, "maximum": {"size": 101, "limit": 200}, "enum": {"size": 1, "color": "green"},
        "pattern": {"size": 1, "name": "Abc"}, "length": {"size": 1, "name": "abcdefghij"}, "too many": {"size": 1, "parts": [{"id": c} for c in "abcd"]},
        "duplicate": {"size": 1, "parts": [{"id": "a"}, {"id": "a"}]}, "missing key": {"size": 1, "parts": [{"weight": 1}]},
        "int or string": {"size": 1, "share": True}, "rule": {"size": 9, "limit": 5}, "null": {"size": None},
    }.items():
        yield Step("widget: " + name, "POST", WIDGETS, widget(spec, "bad"))
    yield Step("widget status", "PATCH", WIDGETS + "/w/status", {"status": {"replicas": 1, "selector": "a=b"}, "spec": {"size": 9}}, type=MERGE)
    yield Step("widget generation", "PATCH", WIDGETS + "/w", {"spec": {"size": 4, "color": "red"}}, type=MERGE)
    yield Step("widget transition rule", "PATCH", WIDGETS + "/w", {"spec": {"color": "blue"}}, type=MERGE)
    yield Step("widget strategic", "PATCH", WIDGETS + "/w", {}, type=STRATEGIC, compare="status")
    yield Step("widget put without version", "PUT", WIDGETS + "/w", widget({"size": 3}), compare="status")
    yield Step("widget scale", "GET", WIDGETS + "/w/scale")
    yield Step("widget scaled", "PATCH", WIDGETS + "/w/scale", {"spec": {"replicas": 4}}, type=MERGE)
    yield Step("widget applied", "PATCH", WIDGETS + "/v?fieldManager=one", widget({"size": 2, "parts": [{"id": "a"}, {"id": "b"}]}, "v"), type=APPLY)
    yield Step("widget applied by two", "PATCH", WIDGETS + "/v?fieldManager=two", widget({"size": 2, "parts": [{"id": "c", "weight": 1}]}, "v"), type=APPLY)
    yield Step("widget applied less", "PATCH", WIDGETS + "/v?fieldManager=one", widget({"size": 2, "parts": [{"id": "a"}]}, "v"), type=APPLY)
    yield Step("widget status applied", "PATCH", WIDGETS + "/v/status?fieldManager=three", {"apiVersion": "contract.stowage.dev/v1", "kind": "Widget", "metadata": {"name": "v"}, "status": {"replicas": 2}}, type=APPLY, keep={"v_uid": "metadata.uid", "v_rv": "metadata.resourceVersion"})
    fenced = lambda replicas: {"apiVersion": "contract.stowage.dev/v1", "kind": "Widget", "metadata": {"name": "v", "uid": "${v_uid}", "resourceVersion": "${v_rv}"}, "status": {"replicas": replicas}}  # noqa: E731
    yield Step("widget status applied at its version", "PATCH", WIDGETS + "/v/status?fieldManager=three&force=true", fenced(3), type=APPLY)
    yield Step("widget status applied at an old version", "PATCH", WIDGETS + "/v/status?fieldManager=three&force=true", fenced(2), type=APPLY)
    yield Step("widget status applied once more", "PATCH", WIDGETS + "/v/status?fieldManager=three&force=true", fenced(3), type=APPLY)
    yield Step("widget as YAML", "GET", WIDGETS + "/w", accept=YAML)
    yield Step("widget as protobuf", "GET", WIDGETS + "/w", accept=PROTOBUF, compare="status")
    yield Step("widget table", "GET", WIDGETS + "/w", accept=TABLE, ignore=("managedFields", "description"))
    yield Step("widget deleted", "DELETE", WIDGETS + "/w")
    yield Step("widget held", "POST", WIDGETS, {**widget({"size": 2}, "held"), "metadata": {"name": "held", "finalizers": ["example.com/hold"]}})
    yield Step("definition deleted", "DELETE", CRDS + "/widgets.contract.stowage.dev", compare="status")
    yield Step("definition is held", "GET", CRDS + "/widgets.contract.stowage.dev", compare="status")
    yield Step("instances go first", "GET", WIDGETS + "/v", until=404, wait=20, compare="status")
    yield Step("no new instance", "POST", WIDGETS, widget({"size": 2}, "late"))
    yield Step("held widget is deleted too", "GET", WIDGETS + "/held", compare="status")
    yield Step("held widget is freed", "PATCH", WIDGETS + "/held", {"metadata": {"finalizers": None}}, type=MERGE, compare="status")
    yield Step("definition is gone", "GET", WIDGETS, until=404, wait=20, compare="status")


def formats():
    tricky = {"bool": "true", "number": "012", "float": "1e3", "null": "~", "empty": "", "colon": "a: b", "dash": "- a", "hash": "a #b", "quote": "it's",
              "double": 'say "x"', "lines": "a\nb\n", "openlines": "a\nb", "space": " x ", "tab": "a\tb", "star": "*x", "date": "2020-01-01", "word": "yes",
              "brace": "{a}", "wide": "h\u00e9llo", "percent": "50%", "at": "@x", "hex": "0x10", "version": "1.2.3", "ip": "10.0.0.1", "path": "/a/b", "key": "a=b,c=d"}
    yield Step("object for YAML", "POST", MAPS, config_map("yaml", tricky), ignore=("managedFields",))
    yield Step("object as YAML", "GET", MAPS + "/yaml", accept=YAML)
    yield Step("created as YAML", "POST", MAPS + "?dryRun=All", config_map("yaml2", {"a": "b"}, labels={"x": "1"}), accept=YAML)
    yield Step("patched as YAML", "PATCH", MAPS + "/yaml", {"data": {"more": "1"}}, type=MERGE, accept=YAML)
    yield Step("empty list as YAML", "GET", MAPS + "?labelSelector=none", accept=YAML)
    yield Step("error as YAML", "GET", MAPS + "/none", accept=YAML)
    yield Step("refusal as YAML", "POST", MAPS, config_map("Bad"), accept=YAML, accepted="the sandbox does not fold long lines; readers join them again")
    yield Step("JSON before YAML", "GET", MAPS + "/yaml", accept=JSON + "," + YAML)
    yield Step("YAML before JSON", "GET", MAPS + "/yaml", accept=YAML + "," + JSON)
    yield Step("version as YAML", "GET", "/version", accept=YAML, compare="status")
    yield Step("watch as YAML", "GET", MAPS + "?watch=1&timeoutSeconds=1", accept=YAML, compare="status")
    yield Step("protobuf", "GET", MAPS + "/yaml", accept=PROTOBUF, compare="status", accepted="the sandbox reads protobuf and does not write it; every client offers JSON beside it")
    yield Step("protobuf before JSON", "GET", MAPS + "/yaml", accept=PROTOBUF + "," + JSON, compare="status")


def rules():
    def ruled(rule, message=None):
        out = definition()
        out["metadata"]["name"] = "ruled.contract.stowage.dev"
        out["spec"]["names"] = {"plural": "ruled", "kind": "Ruled"}
        validation = {"rule": rule, **({"messageExpression": message} if message else {"message": "no"})}
        out["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"] = [validation]
        return out
    for rule in ("self.size > 0", "has(self.color) && self.color != ''", "self.parts.all(p, p.id.size() < 9)", "self.name.startsWith('a')",
                 "type(self.share) == int || self.share == '1'", "self.color in ['red', 'blue']", "!has(self.parts) || self.parts.exists(p, p.weight > 1)",
                 "self.size < 5.0", "oldSelf.size <= self.size", "self.?name.orValue('') == ''"):
        yield Step("rule that fits: " + rule, "POST", CRDS + "?dryRun=All", ruled(rule), compare="status")
    for rule in ("self.none == 1", "self.size == 'a'", "self.size + self.name == 'a'", "self.name.none()", "none(self.size)", "other > 1", "self.size", "self.name",
                 "self.name.startsWith(1)", "self.size.startsWith('a')", "self.size in ['a']", "self.parts.all(p, p.none == 1)", "self.color.length == 1",
                 "!self.name", "self.size && true", "self.size > 0 ? 1 : 'a'", "self.name == null", "self.raw.x == 1", "has(self.none)", "self.name[0] == 'a'",
                 "self.size > 0 &&\n  self.none"):
        yield Step("rule that does not: " + rule, "POST", CRDS + "?dryRun=All", ruled(rule))
    yield Step("rule that does not parse", "POST", CRDS + "?dryRun=All", ruled("self.size >"), accepted="a parser of another make names what it expected in other words")
    yield Step("message that is no text", "POST", CRDS + "?dryRun=All", ruled("true", "self.size"))
    yield Step("message of an unknown field", "POST", CRDS + "?dryRun=All", ruled("true", "self.none"))
    yield Step("message that is text", "POST", CRDS + "?dryRun=All", ruled("true", "'size is ' + string(self.size)"))


def steps():
    yield Step("namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "contract"}})
    yield Step("default account", "GET", NS + "/serviceaccounts/default", until=200)
    items = "items of built-in lists carry kind and apiVersion, as those of custom resources do; decoders accept both"
    for part in (crud, patches, applies, lists_and_watches, lifecycle, pods, others, formats, rules, custom):
        for step in part():
            step.name = f"{part.__name__}: {step.name}"
            lists = part in (lists_and_watches, pods, others) and any(w in step.name for w in ("labels ", "fields ", "page ", "version 0", "of a node", "of an object"))
            if lists and step.accept == JSON:
                step.accepted = step.accepted or items
            yield step
    import cost_steps, hostile_steps  # they use what is above
    for step in cost_steps.steps():
        step.name = "costs: " + step.name
        yield step
    yield from hostile_steps.steps()
    yield Step("namespace deleted", "DELETE", "/api/v1/namespaces/contract", compare="status")
    yield Step("nothing new gets in", "POST", MAPS, config_map("late"), compare="status", accepted="the sandbox finishes an empty namespace at once: 404 instead of 403")
    yield Step("namespace is gone", "GET", "/api/v1/namespaces/contract", until=404, wait=60)
