"""kubectl transcripts, second part: every kind that people list in every form of output, and verbs in odd uses."""
from kubectl_steps import Command, config_map, pod

OBJECTS = pod("shown", spec="  initContainers:\n  - {name: init, image: i:1}\n  tolerations: [{key: a, operator: Exists}]\n  nodeSelector: {disk: ssd}\n  volumes: [{name: v, emptyDir: {}}, {name: c, configMap: {name: shown}}]\n") + """---
apiVersion: v1
kind: ConfigMap
metadata: {name: shown, annotations: {note: a long text}}
data:
  one: "1"
  two: |
    a
    b
binaryData: {bin: AAEC}
---
apiVersion: v1
kind: Secret
metadata: {name: shown}
type: Opaque
stringData: {password: secret}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: shown}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: shown}
spec: {accessModes: [ReadWriteOnce], storageClassName: none, resources: {requests: {storage: 1Gi}}}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: shown}
spec: {holderIdentity: me, leaseDurationSeconds: 15}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shown}
spec: {maxUnavailable: 50%, selector: {matchLabels: {app: shown}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shown}
spec: {replicas: 0, selector: {matchLabels: {app: shown}}, template: {metadata: {labels: {app: shown}}, spec: {containers: [{name: m, image: "x:1"}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: shown}
spec: {clusterIP: None, selector: {app: shown}, ports: [{name: http, port: 80}]}
"""
KINDS = ("pod", "configmap", "secret", "serviceaccount", "pvc", "lease", "pdb", "deployment", "service")
# What controllers of the real cluster write.
ALIVE = r"status|observedGeneration|conditions|currentHealthy|desiredHealthy|disruptionsAllowed|expectedPods|generation"


def forms():
    yield Command("apply -f -", stdin=OBJECTS, name="one of each")
    for kind in KINDS:
        late = kind in ("pdb", "deployment")
        for form in ("", " -o wide", " -o name", " --no-headers", " --show-labels", " -o jsonpath='{.kind} {.metadata.name} {.spec}'", " -o custom-columns=NAME:.metadata.name,NONE:.spec.none,LABELS:.metadata.labels",
                     " -o go-template='{{.kind}} {{len .metadata.name}}{{\"\\n\"}}'", " -o jsonpath='{.none}'", " -o go-template='{{.none}}'", " -o yaml", " -o json"):
            whole = form in (" -o yaml", " -o json")
            yield Command(f"get {kind} shown{form}", compare="status" if late and (whole or form in ("", " -o wide", " --no-headers", " --show-labels")) else "all")
        yield Command(f"get {kind} shown -o kyaml", compare="status")
        if not late:
            yield Command(f"describe {kind} shown", without="Endpoints", accepted="the sandbox has no controller of volumes, and no events of it" if kind == "pvc" else "")
    for bad in ("-o jsonpath='{.a'", "-o none", "-o custom-columns=", "-o custom-columns=A", "-o go-template='{{'", "-o jsonpath=", "--sort-by=.none", "--sort-by='{.metadata.name'", "-o json -o yaml", "-L", "--chunk-size=-1", "--watch-only --request-timeout=1s"):
        yield Command(f"get cm shown {bad}", compare="status" if "watch" in bad else "all")
    for several in ("pod,cm,svc shown", "pod/shown cm/shown", "pods,svc -l app=none", "cm -A --field-selector metadata.name=shown", "all -l none=here"):
        yield Command(f"get {several}")
        yield Command(f"get {several} -o name")
    yield Command("get -f -", stdin=config_map("shown", ""))
    yield Command("get cm shown none -o yaml")
    yield Command("get nodes,pods none")
    yield Command("get crd none.example.com")
    yield Command("describe cm none")
    yield Command("describe none shown")
    yield Command("describe cm -l none=here")
    yield Command("describe cm,secret shown")
    yield Command("describe ns kc", without="Quota|LimitRange", accepted="the sandbox has no controller of quotas: it does not count what is used")


# Kinds that nobody works on in the sandbox, but that people list. What controllers of the real cluster write is left out.
FURTHER = """apiVersion: apps/v1
kind: DaemonSet
metadata: {name: daemons}
spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {nodeSelector: {disk: ssd}, containers: [{name: m, image: "x:1"}]}}}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec: {replicas: 0, selector: {a: c}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: m, image: "x:1"}, {name: n, image: "y:1"}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: m, image: "x:1"}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: many}
spec: {suspend: true, parallelism: 3, template: {spec: {restartPolicy: Never, containers: [{name: m, image: "x:1"}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {schedule: "0 3 * * *", timeZone: Europe/Berlin, suspend: true, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: m, image: "x:1"}]}}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: door}
spec: {tls: [{hosts: [a.example]}], rules: [{host: a.example}, {host: b.example}, {host: c.example}, {host: d.example}], defaultBackend: {service: {name: s, port: {number: 80}}}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: example.com/disk
allowVolumeExpansion: true
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: slow}
provisioner: example.com/disk
---
apiVersion: storage.k8s.io/v1
kind: CSINode
metadata: {name: none}
spec: {drivers: [{name: d.example, nodeID: x}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: slice}
addressType: IPv4
ports: [{name: http, port: 80}, {name: b, port: 81}]
endpoints: [{addresses: [10.1.1.1]}, {addresses: [10.1.1.2]}, {addresses: [10.1.1.3]}, {addresses: [10.1.1.4]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: empty}
addressType: IPv4
endpoints: []
---
apiVersion: v1
kind: Endpoints
metadata: {name: ends}
subsets: [{addresses: [{ip: 10.1.1.1}, {ip: 10.1.1.2}], ports: [{name: a, port: 80}, {name: b, port: 81}]}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: none}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaler}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}
  maxReplicas: 5
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}
  - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}}
  - {type: Pods, pods: {metric: {name: queue}, target: {type: AverageValue, averageValue: "10"}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: plain}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}, maxReplicas: 5}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: bound}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: none}
subjects: [{kind: User, name: u, apiGroup: rbac.authorization.k8s.io}, {kind: User, name: v, apiGroup: rbac.authorization.k8s.io}, {kind: Group, name: g, apiGroup: rbac.authorization.k8s.io}, {kind: ServiceAccount, name: s, namespace: n}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.many.example.com}
spec:
  group: many.example.com
  scope: Namespaced
  names: {plural: things, kind: Thing, shortNames: [th, ti]}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
  - {name: v1beta1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}
  - {name: v1alpha1, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}
"""


def further():
    yield Command("apply -f -", stdin=FURTHER, name="further kinds")
    for kind in ("ds/daemons", "rc/old", "cj/nightly", "ing/door", "sc/fast", "sc/slow", "csinode/none", "endpointslice/slice", "endpointslice/empty", "ep/ends", "ep/none", "rolebinding/bound",
                 "crd/things.many.example.com"):
        yield Command(f"get {kind}")
        yield Command(f"get {kind} -o wide")
        yield Command(f"describe {kind}", without="Conditions|Last Transition|Observed|Annotations", compare="status" if kind.startswith("crd") else "all")
    for kind in ("job/once", "job/many", "hpa/scaler", "hpa/plain"):  # controllers write of them
        yield Command(f"get {kind} -o jsonpath='{{.spec}}'")
        yield Command(f"get {kind}", only="^NAME", until="NAME")
    yield Command("get cj nightly -o jsonpath='{.spec}'")
    yield Command("delete ds/daemons rc/old job/once job/many cj/nightly ing/door endpointslice/slice endpointslice/empty ep/ends ep/none hpa/scaler hpa/plain rolebinding/bound --wait=false")
    yield Command("delete sc/fast sc/slow csinode/none crd/things.many.example.com --wait=false")


def verbs():
    for what in ("pod", "pod.spec", "pod.status.conditions", "deployment.spec.strategy", "node.status", "lease.spec", "pdb.spec.minAvailable", "service.spec.ports", "configmap.data", "secret.type", "event", "priorityclass", "crd.spec.versions",
                 "pvc", "endpointslice.ports", "cronjob.spec", "ing.spec", "role.rules", "sc", "controllerrevision", "hpa.spec.metrics"):
        yield Command(f"explain {what}")
    for kind in ("pod", "node", "deployment", "lease", "event", "crd"):
        yield Command(f"explain {kind} --recursive", accepted="what may be anything is called Object" if kind == "crd" else "")
    yield Command("explain pod.spec.containers --api-version=v1")
    yield Command("explain pod --api-version=v9")
    yield Command("explain pod --output=plaintext-openapiv2", compare="status", accepted="no OpenAPI v2")
    yield Command("""patch cm shown --type=merge -p '{"data":{"one":"2"}}' -o yaml""")
    yield Command("""patch cm shown --type=merge -p '{"data":{"one":"3"}}' --dry-run=server -o jsonpath='{.data.one}'""")
    yield Command("""patch cm shown --type=merge -p '{"data":{"one":"3"}}' --dry-run=client -o jsonpath='{.data.one}'""")
    yield Command("""patch cm shown --type=merge -p '{"data":'""")
    yield Command("""patch cm shown --type=none -p '{}'""")
    yield Command("""patch cm shown --type=json -p '{}'""")
    yield Command("""patch cm shown --type=json -p '[{"op":"dance","path":"/data"}]'""")
    yield Command("""patch cm shown --type=strategic -p '{"$patch":"explode"}'""")
    yield Command("""patch pod shown -p '{"spec":{"containers":[{"name":"main","image":"engine:9"}]}}' -o name""")
    yield Command("""patch pod shown -p '{"spec":{"containers":[{"image":"engine:9"}]}}'""")
    yield Command("""patch pod shown -p '{"spec":{"nodeName":"x"}}'""", accepted="the real cause ends in a comparison of Go structs, field by field; its first sentence is the same")
    yield Command("""patch pod shown -p '{"spec":{"containers":[{"name":"other","image":"x"}]}}'""", compare="status")
    yield Command("""patch pod shown -p '{"spec":{"activeDeadlineSeconds":5}}'""")
    yield Command("""patch pod shown -p '{"spec":{"activeDeadlineSeconds":9}}'""")
    yield Command("label pod shown app=web --overwrite --dry-run=server")
    yield Command("label pod shown a=b c=d -o name")
    yield Command("label pod shown a=b c=e")
    yield Command("label pod shown a- c- none-")
    yield Command("label pods --all x=" + "y" * 64)
    yield Command("label pod none a=b")
    yield Command("label pod shown")
    yield Command("annotate pod shown a=b --resource-version=1")
    yield Command("annotate cm shown note- -o jsonpath='{.metadata.annotations.note}'")
    yield Command("scale deployment shown --replicas=2 --current-replicas=0 -o name")
    yield Command("scale deployment shown --replicas=0 --resource-version=1")
    yield Command("scale deployment none --replicas=1")
    yield Command("scale cm shown --replicas=1")
    yield Command("scale deployment shown --replicas=x")
    yield Command("scale deployment shown --replicas=0")
    yield Command("create -f -", stdin=config_map("new", "a: b") + "---\n" + config_map("shown", "a: b") + "---\n" + config_map("newer", "a: b"), name="create where one is there")
    yield Command("create -f - -o yaml", stdin=config_map("newest", "a: b"))
    yield Command("create -f - --dry-run=server -o name", stdin=config_map("dry", "a: b"))
    yield Command("create -f - --edit=false --save-config", stdin=config_map("saved", "a: b"))
    yield Command("create -f -", stdin="{}", name="create nothing")
    yield Command("create -f -", stdin="a: [", name="create from bad YAML")
    yield Command("create -f -", stdin="", name="create from no input")
    yield Command("create -f -", stdin='{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"listed"}}]}', name="create a list")
    yield Command("create -f -", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: gen-}\n", compare="status", name="create with a generated name")
    yield Command("apply -f -", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: gen-}\n", name="apply with a generated name")
    yield Command("apply -f -", stdin=config_map("new", "a: c") + "---\n" + config_map("B_D", "a: b") + "---\n" + config_map("last", "a: b"), name="apply where one is bad")
    yield Command("apply -f - -o json", stdin=config_map("new", "a: d"))
    yield Command("apply -f - --server-side --dry-run=server -o yaml", stdin=config_map("new", "a: e"))
    yield Command("apply -f - --server-side --field-manager=x --force-conflicts -o yaml --show-managed-fields", stdin=config_map("new", "a: f"))
    yield Command("apply -f - --namespace=other", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: kc}\n", name="apply into another namespace")
    yield Command("apply -f -", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: none}\n", compare="status", name="apply into a missing namespace")
    yield Command("apply edit-last-applied cm/new", compare="status")
    yield Command("replace -f -", stdin=config_map("new", "a: z").replace("{name: new}", "{name: new, resourceVersion: '1'}"), name="replace an old version")
    yield Command("replace --force -f -", stdin=pod("shown").replace("engine:1", "engine:5"), compare="status")
    yield Command("edit cm none")
    yield Command("diff -f -", stdin=config_map("brandnew", "a: b"), name="diff of what is not there", without=r"^diff|^---|^\+\+\+|uid|creationTimestamp|resourceVersion|manager|time|fields|operation|f:|apiVersion: v1$|\.:")
    yield Command("wait --for=jsonpath='{.data.a}'=f cm/new --timeout=2s")
    yield Command("wait --for=jsonpath='{.data.none}' cm/new --timeout=1s")
    yield Command("wait --for=condition=None cm/new --timeout=1s")
    yield Command("wait --for=delete cm -l none=here --timeout=1s")
    yield Command("wait --for=none cm/new")
    yield Command("wait --for=condition=Ready pod --all --timeout=0s", compare="status")
    yield Command("taint node none a=b:NoSchedule")
    yield Command("taint node none a=b:Nonsense")
    yield Command("cordon none")
    yield Command("drain none")
    yield Command("uncordon -l none=here")
    yield Command("rollout status deployment/shown --revision=9 --timeout=1s", compare="status", accepted="no controllers of built-in workloads")
    yield Command("rollout restart deployment shown -o name")
    yield Command("rollout history deployment/none")
    yield Command("rollout undo pod/shown")
    yield Command("rollout pause cm/shown")
    yield Command("auth can-i get pods/log")
    yield Command("auth can-i dance pods")
    yield Command("auth can-i get /metrics")
    yield Command("auth can-i create deployments.apps -q")
    yield Command("auth can-i --list --namespace=kc", compare="status")
    yield Command("auth reconcile -f -", stdin="apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: rec}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n")
    yield Command("api-resources --api-group=apps", only="deployments|NAME")
    yield Command("api-resources --api-group=none")
    yield Command("api-resources --categories=all --namespaced -o name", only="^(pods|services|deployments.apps)$", unordered=True)
    yield Command("api-resources --sort-by=none")
    yield Command("logs shown -f --tail=1 --pod-running-timeout=1s", compare="status")
    yield Command("logs shown --all-containers", compare="status")
    yield Command("logs shown -c main --previous", compare="status")
    yield Command("logs shown --since=-1s", compare="status")
    yield Command("logs deployment/shown", compare="status")
    yield Command("logs shown --tail=x")
    yield Command("exec none -- ls")
    yield Command("exec shown", compare="status")
    yield Command("exec -it shown -c main -- sh", compare="status")
    yield Command("top pod none", compare="status")
    yield Command("top pods -A", compare="status")
    yield Command("debug shown --image=x --attach=false", compare="status", accepted="there are no containers to debug")
    yield Command("delete cm new newer newest saved listed last --wait=false -o name")
    yield Command("delete cm --all --field-selector=metadata.name=none")
    yield Command("delete cm")
    yield Command("delete cm shown -l a=b")
    yield Command("delete cm,secret -l none=here")
    yield Command("delete pod shown --grace-period=-5", compare="status")
    yield Command("delete pod shown --grace-period=0", compare="status")
    yield Command("delete pod none --force")
    yield Command("delete -f -", stdin=config_map("none", ""))
    yield Command("delete cm shown --cascade=sideways")
    yield Command("delete cm shown --dry-run=client -o name")
    yield Command("delete " + " ".join(f"{kind}/shown" for kind in KINDS if kind != "pod"), compare="status")
    yield Command("delete cm -l none!=here --wait=true", compare="status")
