"""Requests that are wrong on purpose: bodies, media types, parameters, selectors, patches, names, options for deletion.

Each one is a question of what kube-apiserver says to it: status, reason, message and causes.
"""
from steps import APPLY, CRDS, DEPLOYMENTS, JSON, MAPS, MERGE, NS, PATCH, PODS, STRATEGIC, TABLE, YAML, Step, config_map, deployment, pod

NAMED = '{"metadata":{"name":"hostile"}'
UID = "11111111-1111-4111-8111-111111111111"
DRY = "?dryRun=All"


def quoted(text):
    return "".join(c if c.isalnum() or c in "-._~" else "".join(f"%{b:02X}" for b in c.encode()) for c in text)


def bodies():
    for name, raw in {
        "cut": NAMED, "text after it": NAMED + "} more", "two": "{}{}", "NaN": NAMED + ',"data":{"a":NaN}}', "no body": "", "null": "null", "text": '"x"', "number": "7", "true": "true",
        "control character": NAMED + ',"data":{"a":"\x01"}}', "single quotes": "{'metadata':{}}", "comment": "// x\n{}", "trailing comma": '{"metadata":{"name":"x",}}',
        "half a surrogate": NAMED + ',"data":{"a":"\\ud800"}}', "byte order mark": "\ufeff" + NAMED + "}", "not UTF-8": b'{"metadata":{"name":"hostile"},"data":{"a":"\xff\xfe"}}',
        "zero bytes": b"\x00\x00", "HTML": "<html></html>", "metadata is a text": '{"metadata":"x"}', "metadata is a list": '{"metadata":[]}', "metadata is null": '{"metadata":null}',
        "name is a number": '{"metadata":{"name":7}}', "labels are a list": '{"metadata":{"name":"x","labels":["a"]}}', "label is a number": '{"metadata":{"name":"x","labels":{"a":1}}}',
        "label is null": '{"metadata":{"name":"x","labels":{"a":null}}}', "data is a text": NAMED + ',"data":"x"}', "data is nested": NAMED + ',"data":{"a":{"b":"c"}}}', "data is null": NAMED + ',"data":null}',
        "kind is a number": '{"kind":1,"apiVersion":"v1","metadata":{"name":"x"}}', "apiVersion with many slashes": '{"kind":"ConfigMap","apiVersion":"a/b/c","metadata":{"name":"x"}}',
        "binary data that is no base64": NAMED + ',"binaryData":{"a":"***"}}', "name given twice": '{"metadata":{"name":"one","name":"two"}}', "other case": '{"METADATA":{"NAME":"hostile"},"Data":{"a":"b"}}',
    }.items():
        yield Step("body: " + name, "POST", MAPS + DRY, raw=raw, compare="reason")
    for name, value in {"half": "1.5", "text": '"3"', "true": "true", "too large": "99999999999", "huge": "1e400", "float that is whole": "3.0", "negative": "-1", "null": "null", "object": "{}"}.items():
        raw = '{"metadata":{"name":"x"},"spec":{"replicas":%s,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"m","image":"x"}]}}}}' % value
        yield Step("replicas: " + name, "POST", DEPLOYMENTS + DRY, raw=raw, compare="reason")
    for name, raw in {
        "tab": "a:\n\tb: c", "open bracket": "a: [", "two documents": "metadata: {name: m1}\n---\nmetadata: {name: m2}\n", "key twice": "metadata: {name: m}\ndata: {a: x, a: y}\n",
        "merge key": "base: &b {name: m}\nmetadata:\n  <<: *b\n", "unknown anchor": "metadata: *none\n", "tag": "metadata: !!python/object {name: m}\n", "a list": "- 1\n- 2\n", "a scalar": "hello\n",
        "byte order mark": "\ufeffmetadata: {name: m}\n", "number as value": "metadata: {name: m}\ndata: {a: 1}\n", "number as key": "metadata: {name: m}\ndata: {1: a}\n", "only a comment": "# nothing\n",
        "yes": "metadata: {name: m}\nimmutable: yes\n", "date": "metadata: {name: m}\ndata: {a: 2026-01-02}\n", "octal": "metadata: {name: m}\ndata: {a: 0o17}\n",
    }.items():
        yield Step("YAML: " + name, "POST", MAPS + DRY, raw=raw, type=YAML, compare="reason")
    for kind, depth in (("[", 100_000), ('{"a":', 100_000), ('{"a":', 9_000)):
        yield Step(f"{depth} times {kind}", "POST", MAPS + DRY, raw=kind * depth, compare="status")
    deep = '{"metadata":{"name":"deep"},"data":' + '{"a":' * 5000 + "1" + "}" * 5001
    yield Step("5000 levels that end", "POST", MAPS + DRY, raw=deep, compare="status")
    yield Step("too large", "POST", MAPS + DRY, raw=NAMED + ',"data":{"a":"' + "x" * (3 << 20) + '"}}')
    yield Step("data over a megabyte", "POST", MAPS + DRY, config_map("x", {"a": "x" * (1 << 20), "b": "y"}))
    yield Step("annotations over 256 KiB", "POST", MAPS + DRY, config_map("x", annotations={"a": "x" * (256 << 10)}))


def media():
    good = config_map("media")
    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "text/plain", "application/json;charset=latin1", "application/x-www-form-urlencoded", MERGE, APPLY, "*/*", "json", ";", "application/json, text/css", "application/cbor"):
        yield Step("content type " + kind, "POST", MAPS + DRY, good, type=kind)
    for accept in ("text/html", "*/*", "application/*", "application/json;q=0.1, application/yaml", "application/json;as=Table;v=v2;g=meta.k8s.io", "application/json;as=Table;v=v1;g=none", "", ";;", "text/*", "application/json;as=None;v=v1;g=meta.k8s.io",
                   "text/html, application/json", "application/json;stream=watch", "application/json;pretty=1", "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io"):
        yield Step("accept " + accept, "GET", MAPS + "?labelSelector=none", accept=accept, compare="reason")
    for kind in (JSON, "text/plain", "application/json-patch", "application/merge-patch+json; charset=utf-8", "application/merge-patch", YAML):
        yield Step("patch of type " + kind, "PATCH", MAPS + "/hostile" + DRY, {}, type=kind)
    yield Step("watch as a table of another version", "GET", MAPS + "?watch=1&timeoutSeconds=1", accept="application/json;as=Table;v=v9;g=meta.k8s.io", compare="status")
    yield Step("apply patch that is no YAML", "PATCH", MAPS + "/hostile?fieldManager=x", raw="a: [", type=APPLY, compare="reason")
    yield Step("apply patch of a list", "PATCH", MAPS + "/hostile?fieldManager=x", raw="[]", type=APPLY, compare="reason")
    yield Step("apply patch of nothing", "PATCH", MAPS + "/hostile?fieldManager=x", raw="", type=APPLY)


def parameters():
    for query in ("limit=-1", "limit=x", "limit=0", "limit=1.5", "limit=99999999999999999999", "timeoutSeconds=x", "watch=maybe&timeoutSeconds=1", "watch=false", "watch=0", "watch=x&timeoutSeconds=1", "resourceVersion=-1", "resourceVersion=x", "resourceVersion=99999999999999999999",
                  "resourceVersion=1.5", "resourceVersion=999999999", "resourceVersionMatch=Foo&resourceVersion=1", "resourceVersionMatch=Exact", "resourceVersionMatch=Exact&resourceVersion=0", "resourceVersionMatch=NotOlderThan", "continue=x", "continue=%7B%7D", "continue=e30", "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ",
                  "continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi8uLi8ifQ", "continue=x&resourceVersion=1", "sendInitialEvents=true", "sendInitialEvents=x", "allowWatchBookmarks=x", "watch=1&resourceVersion=x&timeoutSeconds=1", "watch=1&resourceVersion=999999999&timeoutSeconds=1", "watch=1&limit=-1&timeoutSeconds=1",
                  "watch=1&labelSelector=((&timeoutSeconds=1", "watch=1&resourceVersionMatch=Exact&resourceVersion=1&timeoutSeconds=1", "watch=1&sendInitialEvents=true&timeoutSeconds=1", "watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&timeoutSeconds=1", "watch=1&continue=x&timeoutSeconds=1", "pretty=x", "unknown=1", "&&&", "=", "a=%zz", "labelSelector=%zz", "includeUninitialized=true", "includeObject=None"):
        late = "999999999" in query and "99999999999" not in query
        yield Step("list with " + query, "GET", MAPS + "?" + query, ignore=("items", "object"), compare="reason" if "watch" in query or late or "%zz" in query else "all",
                   accepted="the sandbox says at once that a version is to come" if late and "watch" in query else "")
    for query in ("dryRun=", "dryRun=None", "dryRun=all", "fieldValidation=", "fieldValidation=strict", "fieldManager=" + "m" * 129, "fieldManager=a%00b", "fieldManager=%0A", "fieldManager=", "pretty=true"):
        yield Step("create with " + query[:40], "POST", MAPS + "?" + query + ("" if query.startswith("dryRun") else "&dryRun=All"), config_map("hostile"))
    yield Step("get with a version", "GET", MAPS + "/s?resourceVersion=x", compare="status")
    yield Step("get with a version to come", "GET", MAPS + "/s?resourceVersion=999999999", compare="status")
    yield Step("table with a bad includeObject", "GET", MAPS + "?labelSelector=none&includeObject=x", accept=TABLE, compare="status")
    for selector in ("a b", "a in", "a in (", "a in ()", "a in (b", "a notin", "in (a)", "a=b,", ",", "a,,b", "a=b c", "!", "!!a", "a>", "a>b", "a>1,a<x", "a==", "a===b", "a!b", "(a)", "a)", "/a", "a/b/c", "-a", "a=-b", "a" * 64, "a=" + "b" * 64, "a.b/" + "c" * 64, "x" * 254 + "/a", "a in (b,)", "a in (,)", 
                     "a in (" + ",".join(f"v{i}" for i in range(500)) + ")", "a exists"):
        yield Step("labels " + selector[:40], "GET", MAPS + "?labelSelector=" + quoted(selector), ignore=("items",))
    for selector in ("a", "=b", "metadata.name", "metadata.name=a=b", "metadata.name=a,", ",", "metadata.name>a", "spec.none=x", "metadata.name=\\", "metadata.name!=", "metadata.name==a==b", "metadata.labels.a=b"):
        yield Step("fields " + selector, "GET", MAPS + "?fieldSelector=" + quoted(selector), ignore=("items",))
        yield Step("fields of pods " + selector, "GET", PODS + "?fieldSelector=" + quoted(selector), ignore=("items",))


def names():
    for path in ("/..", "/%2e%2e", "/.", "/a%2fb", "/a%00b", "/%20", "/" + "n" * 300, "/A", "/a_b", "//a", "/a/", "/a/b", "/a/status", "/a/b/c"):
        yield Step("name " + path[:20], "GET", MAPS + quoted_path(path))
    for metadata in ({"generateName": "G-"}, {"generateName": "a_b"}, {"generateName": "n" * 300, }, {"name": "x", "generateName": "y-"}, {"name": ""}, {"name": "x", "namespace": ""}, {"name": "x", "namespace": "none"},
                     {"name": "x", "finalizers": ["a"]}, {"name": "x", "finalizers": ["a b/c"]}, {"name": "x", "finalizers": ["orphan", "foregroundDeletion"]}, {"name": "x", "finalizers": ["example.com/" + "f" * 64]},
                     {"name": "x", "ownerReferences": [{}]}, {"name": "x", "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "y"}]}, {"name": "x", "ownerReferences": [{"apiVersion": "v1", "kind": "Event", "name": "y", "uid": UID}]},
                     {"name": "x", "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": n, "uid": UID, "controller": True} for n in "ab"]}, {"name": "x", "ownerReferences": [{"apiVersion": "a/b/c", "kind": "ConfigMap", "name": "y", "uid": UID}]},
                     {"name": "x", "labels": {"a" * 64: "b"}}, {"name": "x", "labels": {"a/b/c": "b"}}, {"name": "x", "labels": {"": "b"}}, {"name": "x", "labels": {"x" * 254 + "/a": "b"}}, {"name": "x", "labels": {"a": "b" * 64}}, {"name": "x", "labels": {"a": "b c"}}, {"name": "x", "labels": {"A.b/c": "d"}},
                     {"name": "x", "annotations": {"": "b"}}, {"name": "x", "annotations": {"a/": "b"}}, {"name": "x", "managedFields": [{}]}, {"name": "x", "managedFields": [{"manager": "m", "operation": "Steal", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}}]},
                     {"name": "x", "managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV2", "fieldsV1": {}}]}, {"name": "x", "creationTimestamp": "yesterday"}, {"name": "x", "deletionTimestamp": "2026-01-02T03:04:05Z"}, {"name": "x", "resourceVersion": "5"}, {"name": "x", "generation": -1}, {"name": "x", "uid": "mine"}):
        text = str(metadata)
        yield Step("metadata " + text[1:70], "POST", MAPS + DRY, {"metadata": metadata}, compare="status" if metadata.get("generateName") and "name" not in metadata and len(text) < 30 and "_" not in text and "G" not in text else "all")


def quoted_path(path):
    return "".join(c if c.isalnum() and ord(c) < 128 or c in "/%-._~" else "".join(f"%{b:02X}" for b in c.encode("latin1")) for c in path)


def patching():
    yield Step("something to patch", "POST", MAPS, config_map("hostile", {"a": "1"}), keep={"hostile": "metadata.uid", "hostile_rv": "metadata.resourceVersion"})
    d = DEPLOYMENTS + "/hostile"
    yield Step("a deployment to patch", "POST", DEPLOYMENTS, {**deployment(), "metadata": {"name": "hostile"}}, ignore=("status", "annotations"))
    for name, patch in {
        "unknown directive": {"$patch": "explode"}, "directive that is a number": {"$patch": 1}, "a list": [], "null": None, "a text": "x", "delete all": {"$patch": "delete"}, "replace all": {"$patch": "replace"},
        "spec is a text": {"spec": "x"}, "spec is null": {"spec": None}, "replicas is a list": {"spec": {"replicas": []}}, "containers are an object": {"spec": {"template": {"spec": {"containers": {}}}}}, "containers are texts": {"spec": {"template": {"spec": {"containers": ["a"]}}}},
        "item without its key": {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}, "item with a null key": {"spec": {"template": {"spec": {"containers": [{"name": None}]}}}}, "unknown directive in a list": {"spec": {"template": {"spec": {"containers": [{"name": "main", "$patch": "explode"}]}}}},
        "order of others": {"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "none"}], "containers": [{"name": "main", "image": "x:9"}]}}}}, "order that is a text": {"spec": {"template": {"spec": {"$setElementOrder/containers": "x"}}}},
        "order without a list": {"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "main"}]}}}}, "order of an unknown field": {"spec": {"$setElementOrder/none": []}}, "deletion from a list that is no list": {"metadata": {"$deleteFromPrimitiveList/finalizers": "x"}},
        "deletion from a list": {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/x"]}}, "keys to keep without the key": {"spec": {"strategy": {"$retainKeys": ["rollingUpdate"], "type": "Recreate"}}}, "keys to keep that are a text": {"spec": {"strategy": {"$retainKeys": "x"}}},
        "merge directive": {"$patch": "merge", "spec": {"replicas": 2}}, "merge directive in a list": {"spec": {"template": {"spec": {"containers": [{"name": "main", "$patch": "merge"}]}}}}, "replace directive in a list": {"spec": {"template": {"spec": {"containers": [{"$patch": "replace"}, {"name": "new", "image": "y:1"}]}}}},
        "delete directive without the key": {"spec": {"template": {"spec": {"containers": [{"$patch": "delete"}]}}}}, "list in a list": {"spec": {"template": {"spec": {"containers": [["x"]]}}}}, "two new before the old": {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "y"}, {"name": "a", "image": "y"}]}}}},
        "order with the server's own": {"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "z"}, {"name": "main"}], "containers": [{"name": "z", "image": "y"}]}}}}, "selector": {"spec": {"selector": {"matchLabels": {"a": "c"}}, "template": {"metadata": {"labels": {"a": "c"}}}}},
        "text for a number": {"spec": {"replicas": "2"}}, "float for a number": {"spec": {"replicas": 1.5}}, "number for a text": {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": 7}]}}}}, "text for a flag": {"spec": {"paused": "yes"}}, "quantity that is none": {"spec": {"template": {"spec": {"containers": [{"name": "main", "resources": {"limits": {"cpu": "lots"}}}]}}}},
        "unknown field": {"spec": {"none": 1}}, "unknown $ key": {"$none": 1}, "other name": {"metadata": {"name": "other"}}, "other namespace": {"metadata": {"namespace": "other"}}, "other uid": {"metadata": {"uid": UID}}, "other kind": {"kind": "ConfigMap"}, "other version": {"apiVersion": "v1"},
        "status": {"status": {"replicas": 7}}, "resource version that is no number": {"metadata": {"resourceVersion": "x"}},
    }.items():
        raw = "null" if patch is None else None
        yield Step("strategic: " + name, "PATCH", d + DRY, patch, raw=raw, type=STRATEGIC, ignore=("status", "annotations", "managedFields"))
        yield Step("merge: " + name, "PATCH", d + DRY, patch, raw=raw, type=MERGE, ignore=("status", "annotations", "managedFields"))
    for name, ops in {
        "an object": {}, "null": None, "a text": "x", "items that are no objects": [1], "no op": [{"path": "/data/a"}], "no path": [{"op": "add", "value": 1}], "no value": [{"op": "add", "path": "/data/b"}], "no from": [{"op": "copy", "path": "/data/b"}], "path without a slash": [{"op": "add", "path": "data", "value": {}}],
        "path is empty": [{"op": "replace", "path": "", "value": {}}], "remove the whole": [{"op": "remove", "path": ""}], "index into an object": [{"op": "remove", "path": "/data/-"}], "path is a number": [{"op": "remove", "path": 1}], "op is a number": [{"op": 1, "path": "/data"}],
        "bad escape": [{"op": "add", "path": "/data/~2", "value": "x"}], "test of what is not there": [{"op": "test", "path": "/data/none", "value": None}], "test of null": [{"op": "test", "path": "/data/none"}], "add null": [{"op": "add", "path": "/data/b", "value": None}], "add a number": [{"op": "add", "path": "/data/b", "value": 1}],
        "move into itself": [{"op": "move", "from": "/data", "path": "/data/x"}], "deep path": [{"op": "add", "path": "/data" + "/x" * 1000, "value": "y"}], "list index": [{"op": "add", "path": "/metadata/finalizers", "value": ["a.b/c"]}, {"op": "add", "path": "/metadata/finalizers/7", "value": "a.b/d"}],
        "negative index": [{"op": "add", "path": "/metadata/finalizers", "value": ["a.b/c"]}, {"op": "remove", "path": "/metadata/finalizers/-1"}], "leading zero": [{"op": "add", "path": "/metadata/finalizers", "value": ["a.b/c"]}, {"op": "remove", "path": "/metadata/finalizers/00"}],
        "too many": [{"op": "test", "path": "/data/a", "value": "1"}] * 10_001, "name": [{"op": "replace", "path": "/metadata/name", "value": "other"}], "kind": [{"op": "replace", "path": "/kind", "value": "Pod"}], "uid": [{"op": "replace", "path": "/metadata/uid", "value": UID}],
        "copies that double": [{"op": "add", "path": "/metadata/annotations", "value": {"a": "x" * 1000}}] + [{"op": "copy", "from": "/metadata/annotations", "path": f"/metadata/annotations/c{i}"} for i in range(30)],
        "replace what is not there": [{"op": "replace", "path": "/data/none", "value": "x"}], "remove what is not there": [{"op": "remove", "path": "/data/none"}], "index beyond": [{"op": "add", "path": "/metadata/finalizers", "value": ["a.b/c"]}, {"op": "replace", "path": "/metadata/finalizers/1", "value": "a.b/d"}],
        "move": [{"op": "move", "from": "/data/a", "path": "/data/b"}], "test of the whole": [{"op": "test", "path": "", "value": {}}], "text before the slash": [{"op": "add", "path": "x/data/b", "value": "y"}],
        "copy of a missing value": [{"op": "copy", "from": "/data/none", "path": "/data/b"}],
    }.items():
        yield Step("JSON patch: " + name, "PATCH", MAPS + "/hostile" + DRY, ops, raw="null" if ops is None else None, type=PATCH)
    yield Step("JSON patch that is cut", "PATCH", MAPS + "/hostile" + DRY, raw='[{"op":', type=PATCH)
    yield Step("merge patch that is cut", "PATCH", MAPS + "/hostile" + DRY, raw='{"a":', type=MERGE)
    yield Step("strategic patch that is cut", "PATCH", MAPS + "/hostile" + DRY, raw='{"a":', type=STRATEGIC)
    yield Step("patch without a body", "PATCH", MAPS + "/hostile" + DRY, raw="", type=MERGE)
    yield Step("patch of a collection", "PATCH", MAPS, {}, type=MERGE)
    for i, (manager, data, force) in enumerate((("one", {"a": "1", "b": "2"}, ""), ("two", {"a": "2"}, ""), ("two", {"a": "2", "b": "3"}, ""), ("two", {"a": "2"}, "&force=true"), ("one", {"a": "1"}, ""), ("three", {"b": "9"}, "&force=maybe"), ("one", {}, ""), ("a b", {"z": "1"}, ""), ("m" * 128, {"z": "1"}, ""), ("m" * 129, {"z": "1"}, ""))):
        yield Step(f"managers in conflict {i}", "PATCH", f"{MAPS}/hostile?fieldManager={quoted(manager)}{force}", config_map("hostile", data), type=APPLY)
    for name, body in {"other name": config_map("other"), "other namespace": config_map("hostile", namespace="other"), "no apiVersion": {"kind": "ConfigMap", "metadata": {"name": "hostile"}}, "other kind": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hostile"}}, "old version": config_map("hostile", resourceVersion="1"),
                       "other uid": config_map("hostile", uid=UID), "data of a wrong type": {**config_map("hostile"), "data": {"a": 1}}, "generateName": config_map("hostile", generateName="x-"), "unknown fields": {**config_map("hostile"), "wrong": 1}, "labels are a list": config_map("hostile", labels=["a"]), "null value": {**config_map("hostile"), "data": None}}.items():
        yield Step("apply: " + name, "PATCH", MAPS + "/hostile?fieldManager=one&dryRun=All", body, type=APPLY)
    yield Step("apply to a name that is none", "PATCH", MAPS + "/A_B?fieldManager=one", config_map("A_B"), type=APPLY)
    yield Step("apply items without keys", "PATCH", d + "?fieldManager=one&dryRun=All", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "hostile"}, "spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}, type=APPLY)
    yield Step("apply the same item twice", "PATCH", d + "?fieldManager=one&dryRun=All", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "hostile"}, "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "a", "image": "y"}]}}}}, type=APPLY)


def deleting():
    target = MAPS + "/hostile"
    for name, body in {"a list": [], "a text": "x", "unknown field": {"wrong": 1}, "other kind": {"kind": "ConfigMap", "apiVersion": "v1"}, "grace that is negative": {"gracePeriodSeconds": -5}, "grace that is a text": {"gracePeriodSeconds": "x"}, "unknown policy": {"propagationPolicy": "Sideways"},
                       "policy that is a number": {"propagationPolicy": 1}, "policy and orphans": {"propagationPolicy": "Orphan", "orphanDependents": True}, "dry run of another kind": {"dryRun": ["Some"]}, "dry run that is a text": {"dryRun": "All"}, "wrong uid": {"preconditions": {"uid": UID}}, "wrong version": {"preconditions": {"resourceVersion": "1"}},
                       "preconditions that are a list": {"preconditions": []}, "both": {"preconditions": {"uid": "${hostile}", "resourceVersion": "1"}}}.items():
        if isinstance(body, dict):  # the query counts for nothing beside a body
            body = {"dryRun": ["All"], **body}
        yield Step("delete: " + name, "DELETE", target, body)
    yield Step("delete: query beside a body", "DELETE", MAPS + "/none" + DRY, {"kind": "DeleteOptions", "apiVersion": "v1"})
    yield Step("delete: cut body", "DELETE", target + DRY, raw='{"a":')
    yield Step("delete: text", "DELETE", target + DRY, raw="x", type="text/plain")
    for query in ("propagationPolicy=Sideways", "gracePeriodSeconds=x", "gracePeriodSeconds=-1", "orphanDependents=maybe", "orphanDependents=true", "dryRun=x", "propagationPolicy=Foreground&orphanDependents=false"):
        yield Step("delete with " + query, "DELETE", target + "?" + query + ("" if "dryRun" in query else "&dryRun=All"))
    for name, path, body in (("of nothing", "/eviction", {}), ("of another name", "/eviction", {"metadata": {"name": "other"}}), ("that is a list", "/eviction", []), ("without a target", "/binding", {"metadata": {"name": "none"}}), ("to a pod", "/binding", {"target": {"kind": "Pod", "name": "x"}})):
        yield Step(f"{path[1:]} {name}", "POST", PODS + "/none" + path, body)
    yield Step("delete a collection by a bad selector", "DELETE", MAPS + "?labelSelector=((" )
    yield Step("delete a collection with a body that is cut", "DELETE", MAPS + "?labelSelector=none", raw="{")
    for method, path in (("POST", MAPS + "/hostile"), ("PUT", MAPS), ("POST", NS + "/configmaps/hostile/status"), ("DELETE", DEPLOYMENTS + "/hostile/status"), ("PUT", "/api/v1/configmaps"), ("POST", "/api/v1/configmaps"), ("DELETE", "/api/v1/configmaps"), ("DELETE", "/api/v1/namespaces"), ("PATCH", "/api/v1"), ("DELETE", "/"), ("POST", "/version"),
                         ("GET", "/api/v2"), ("GET", "/apis/apps/v9/deployments"), ("GET", "/apis/apps/v1/namespaces/contract/none"), ("GET", "/none"), ("GET", "/api/v1/namespaces/contract/configmaps/hostile/none")):
        yield Step(f"{method} {path}", method, path, {} if method in ("POST", "PUT", "PATCH") else None, compare="status" if (method, path) in (("GET", "/none"), ("DELETE", "/")) else "all")
    yield Step("clean up", "DELETE", target)
    yield Step("clean up the deployment", "DELETE", DEPLOYMENTS + "/hostile", compare="status")


def definitions():
    def one(group="hostile.stowage.dev", plural="things", kind="Thing", versions=None, **spec):
        return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}"},
                "spec": {"group": group, "names": {"plural": plural, "kind": kind}, "scope": "Namespaced", "versions": versions or [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}], **spec}}

    def shaped(schema):
        return one(versions=[{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}])
    for name, body in {
        "no versions": one(versions=[]) | {"spec": {**one()["spec"], "versions": []}}, "other name": {**one(), "metadata": {"name": "x"}}, "no storage version": one(versions=[{"name": "v1", "served": True, "storage": False, "schema": {"openAPIV3Schema": {"type": "object"}}}]),
        "no schema": one(versions=[{"name": "v1", "served": True, "storage": True}]), "scope": {**one(), "spec": {**one()["spec"], "scope": "Galaxy"}}, "kind of the system": one(group="apps", plural="deployments", kind="Deployment"), "protected group": one(group="x.k8s.io"), "bad plural": one(plural="Things"),
        "root that is a text": shaped({"type": "string"}), "no type": shaped({"properties": {"a": {}}}), "unknown type": shaped({"type": "object", "properties": {"a": {"type": "elephant"}}}), "list without items": shaped({"type": "object", "properties": {"a": {"type": "array"}}}), "bad pattern": shaped({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}),
        "pattern of another language": shaped({"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=a)b"}}}), "default of another type": shaped({"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}}), "default out of range": shaped({"type": "object", "properties": {"a": {"type": "integer", "minimum": 5, "default": 1}}}),
        "unsupported words": shaped({"type": "object", "patternProperties": {"a": {"type": "string"}}}), "unique items": shaped({"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True, "items": {"type": "string"}}}}), "both kinds of properties": shaped({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": {"type": "string"}}}}),
        "properties of any name at the root": shaped({"type": "object", "additionalProperties": {"type": "string"}}), "unknown list type": shaped({"type": "object", "properties": {"a": {"type": "array", "x-kubernetes-list-type": "bag", "items": {"type": "string"}}}}), "key that is no property": shaped({"type": "object", "properties": {"a": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {"type": "object", "properties": {"b": {"type": "string"}}}}}}),
        "keys of a set": shaped({"type": "object", "properties": {"a": {"type": "array", "x-kubernetes-list-type": "set", "x-kubernetes-list-map-keys": ["k"], "items": {"type": "string"}}}}), "items without a type": shaped({"type": "object", "properties": {"a": {"type": "array", "items": {}}}}), "map type of a text": shaped({"type": "object", "properties": {"a": {"type": "string", "x-kubernetes-map-type": "atomic"}}}),
        "default inside a default": shaped({"type": "object", "properties": {"a": {"type": "object", "default": {"b": "x"}, "properties": {"b": {"type": "integer"}}}}}), "bad kind": one(kind="my kind"), "bad group": one(group="Bad_Group.x"), "repetition of nothing": shaped({"type": "object", "properties": {"a": {"type": "string", "pattern": "*a"}}}),
        "approved without a reason": {**one(group="x.k8s.io"), "metadata": {"name": "things.x.k8s.io", "annotations": {"api-approved.kubernetes.io": "yes"}}}, "unapproved": {**one(group="x.k8s.io"), "metadata": {"name": "things.x.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}}},
        "reference": shaped({"type": "object", "properties": {"a": {"$ref": "#/x"}}}), "list map without keys": shaped({"type": "object", "properties": {"a": {"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object"}}}}),
    }.items():
        yield Step("definition: " + name, "POST", CRDS + DRY, body, compare="status" if name == "unapproved" else "all")


def costs():
    """Rules, patterns and objects that are dear."""
    group, plural = "cost.stowage.dev", "costs"
    big = 10_000
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "list": {"type": "array", "maxItems": 1000, "items": {"type": "integer"}}, "rows": {"type": "array", "maxItems": 120, "items": {"type": "array", "maxItems": 100, "items": {"type": "integer"}, "x-kubernetes-validations": [{"rule": "self.all(x, self.exists(y, x == y))"}]}},
        "map": {"type": "object", "maxProperties": 3, "additionalProperties": {"type": "string", "maxLength": 9}, "x-kubernetes-validations": [{"rule": "!('ask' in self) || self['none'] == ''"}]},
        "list2": {"type": "array", "maxItems": 1000, "items": {"type": "integer"}, "x-kubernetes-validations": [{"rule": "self.all(x, self.all(y, x == y))", "message": "all must be equal"}]},
        "text": {"type": "string", "pattern": "^(a+)+$"}}}}}
    yield Step("dear definition", "POST", CRDS, {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{group}"},
               "spec": {"group": group, "names": {"plural": plural, "kind": "Cost"}, "scope": "Namespaced", "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]}}, compare="status")
    url = f"/apis/{group}/v1/namespaces/contract/{plural}"
    make = lambda **spec: {"apiVersion": f"{group}/v1", "kind": "Cost", "metadata": {"name": "c"}, "spec": spec}  # noqa: E731
    yield Step("within the budget", "POST", url + DRY, make(list2=[1] * 100), until=201, compare="status")
    yield Step("one rule over its limit", "POST", url + DRY, make(list2=[1] * 1000))
    yield Step("all rules over the budget", "POST", url + DRY, make(rows=[list(range(100))] * 120))
    yield Step("rule that cannot be evaluated", "POST", url + DRY, make(map={"ask": "x"}))
    yield Step("pattern that explodes elsewhere", "POST", url + DRY, make(text="a" * 5000 + "!"), compare="status")
    yield Step("long list", "POST", url + DRY, make(list=[1] * big), compare="status")
    yield Step("dear definition goes", "DELETE", f"{CRDS}/{plural}.{group}", compare="status")


def steps():
    for part in (bodies, media, parameters, names, patching, deleting, definitions, costs):
        for step in part():
            step.name = f"hostile {part.__name__}: {step.name}"
            yield step
