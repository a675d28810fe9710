"""kubectl transcripts of the contract: what people type, in order, in one namespace that both servers start without.

Each step is a command line run against both servers; exit status, standard output and standard error are compared after
`scrub`. `${CRDS}` is the folder of our definitions.
"""
import re
import shlex
from dataclasses import dataclass

NAMESPACE = "kc"


@dataclass
class Command:
    line: str
    stdin: str = None
    name: str = ""
    compare: str = "all"     # or "status": the exit status alone; or "none"
    accepted: str = ""       # why a difference is all right
    unordered: bool = False  # lines may come in any order
    only: str = ""           # compare only the lines that match
    without: str = ""        # leave out the lines that match
    until: str = ""          # repeat until standard output contains this (at most 20 s)
    background: str = ""     # a second command that runs while this one watches

    def words(self):
        return shlex.split(self.line)


def scrub(text):
    """Text without what differs from run to run: UIDs, versions, times, ages, addresses, column widths."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uid>", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>", text)
    text = re.sub(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "<time>", text)
    text = re.sub(r"(Expected resource version to be \d+, was )\d+", r"\1<version>", text)
    text = re.sub(r"(resourceVersion\\*\"?: ?\\*\")\d+", r"\1<version>", text)
    text = re.sub(r"(Resource Version:\s+)\d+", r"\1<version>", text)
    text = re.sub(r"\b(\d+[dhms]){1,2}( ago)?\b", "<age>", text)
    text = re.sub(r"https?://(127\.0\.0\.1|localhost):\d+", "<server>", text)
    text = re.sub(r"\b10\.\d+\.\d+\.\d+\b", "<ip>", text)
    text = re.sub(r"/tmp/\S+", "<file>", text)
    text = re.sub(r"(\.[0-9a-f]{16})\b", ".<event>", text)
    return "\n".join(re.sub(r"[ \t]+", " ", line).strip() for line in text.splitlines()).strip()


def pod(name, more="", labels="app: web", spec=""):
    return f"""apiVersion: v1
kind: Pod
metadata:
  name: {name}
  labels: {{{labels}}}
{more}
spec:
  automountServiceAccountToken: false
  containers:
  - name: main
    image: engine:1
    resources: {{limits: {{cpu: 500m, memory: 1Gi}}}}
{spec}"""


def config_map(name, data, labels=""):
    metadata = f"{{name: {name}, labels: {{{labels}}}}}" if labels else f"{{name: {name}}}"
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n" + (f"data: {{{data}}}\n" if data else "")


MODEL = """apiVersion: stowage.dev/v1alpha1
kind: ModelDeployment
metadata: {name: llm}
spec:
  model: {uri: "hf://org/model"}
  runtime: {name: vllm}
"""


def reading():
    yield Command("version -o json", compare="status")
    yield Command("get ns kc")
    yield Command("apply -f -", stdin=config_map("a", "k: v", "tier: gold") + "---\n" + config_map("b", "k: w", "tier: tin"))
    yield Command("get cm a b")
    yield Command("get cm -l tier")
    yield Command("get cm -l tier=gold -o name")
    yield Command("get cm -l 'tier in (gold,tin)' --no-headers")
    yield Command("get cm -l tier!=gold,tier")
    yield Command("get cm a -o yaml")
    yield Command("get cm a -o json")
    yield Command("get cm a -o json --show-managed-fields")
    yield Command("get cm a b -o json")
    yield Command("get cm -l tier -o yaml")
    yield Command("get cm -l tier -o jsonpath='{.items[*].metadata.name}'")
    yield Command("get cm a -o jsonpath='{.data.k}'")
    yield Command("get cm -l tier -o jsonpath='{range .items[*]}{.metadata.name}={.data.k};{end}'")
    yield Command("get cm -l tier -o custom-columns=N:.metadata.name,K:.data.k")
    yield Command("get cm -l tier -o go-template='{{range .items}}{{.metadata.name}} {{end}}'")
    yield Command("get cm -l tier --sort-by=.data.k")
    yield Command("get cm -l tier --sort-by='{.metadata.name}' -o name")
    yield Command("get cm -l tier --show-labels")
    yield Command("get cm -l tier -L tier")
    yield Command("get cm -l tier -o wide")
    yield Command("get cm --field-selector metadata.name=a")
    yield Command("get cm --field-selector metadata.name!=a -l tier")
    yield Command("get cm -A -l tier=gold")
    yield Command("get cm -A --field-selector metadata.namespace=kc,metadata.name=b")
    yield Command("get cm none")
    yield Command("get cm none --ignore-not-found")
    yield Command("get cm -l none=here")
    yield Command("get things")
    yield Command("get cm a none")
    yield Command("get cm --field-selector spec.nope=1")
    yield Command("get cm -l 'a b'")
    yield Command("get cm --chunk-size=1 -l tier")
    yield Command("get cm/a secret -o name")
    yield Command("get cm a --output-watch-events", compare="status")
    yield Command("get --raw /api/v1/namespaces/kc/configmaps/b", accepted="JSON members come in another order, which means nothing in JSON")
    yield Command("get --raw /api/v1/namespaces/kc/configmaps/none")
    yield Command("get --raw /healthz")
    yield Command("get --raw /livez")
    yield Command("get --raw /readyz")
    yield Command("get --raw /nothing")
    yield Command("auth can-i create pods")
    yield Command("auth can-i '*' '*' --all-namespaces")
    yield Command("auth whoami", compare="none")
    yield Command("cluster-info", only="running at")
    yield Command("api-versions", only=r"^(v1|apps/v1|batch/v1|policy/v1|events.k8s.io/v1|coordination.k8s.io/v1|scheduling.k8s.io/v1|apiextensions.k8s.io/v1|stowage)", compare="all")
    yield Command("api-resources --api-group=policy")
    yield Command("api-resources --api-group=coordination.k8s.io", compare="all")
    yield Command("api-resources --api-group=scheduling.k8s.io -o wide", only="priorityclass|NAME")
    yield Command("api-resources --api-group='' -o name", only=r"^(pods|nodes|services|events|namespaces|configmaps|secrets|persistentvolumeclaims|serviceaccounts)$", unordered=True)
    yield Command("top pods")
    yield Command("top nodes")


def applying():
    yield Command("apply -f -", stdin=config_map("c", "x: '1', 'y': '1'"))
    yield Command("apply -f -", stdin=config_map("c", "x: '1', 'y': '1'"), name="unchanged")
    yield Command("apply -f -", stdin=config_map("c", "x: '2'"), name="drops a field")
    yield Command("get cm c -o yaml --show-managed-fields")
    yield Command("apply view-last-applied cm/c")
    yield Command("diff -f -", stdin=config_map("c", "x: '3'"), without=r"^diff|^---|^\+\+\+")
    yield Command("diff -f -", stdin=config_map("c", "x: '2'"), name="nothing to show")
    yield Command("diff --server-side -f -", stdin=config_map("c", "x: '4'"), compare="status")
    yield Command("apply --dry-run=server -f -", stdin=config_map("c", "x: '5'"))
    yield Command("apply --dry-run=client -f -", stdin=config_map("c", "x: '5'"))
    yield Command("get cm c -o jsonpath='{.data}'", name="dry runs left nothing")
    yield Command("apply --server-side -f -", stdin=config_map("c", "x: '2'"), name="upgrade from client side")
    yield Command("get cm c -o yaml --show-managed-fields", name="managers after the upgrade")
    yield Command("apply --server-side -f -", stdin=config_map("d", "x: '1', 'y': '1'"))
    yield Command("apply --server-side --field-manager=other -f -", stdin=config_map("d", "x: '9'"), name="conflict")
    yield Command("apply --server-side --field-manager=other --force-conflicts -f -", stdin=config_map("d", "x: '9'"))
    yield Command("apply --server-side -f -", stdin=config_map("d", "x: '1'"), name="conflict with the one who forced")
    yield Command("apply --server-side -f -", stdin=config_map("d", "'y': '2'"), name="gives up a field")
    yield Command("get cm d -o yaml --show-managed-fields")
    yield Command("apply --server-side -f -", stdin=config_map("d", ""), name="prunes the last field")
    yield Command("get cm d -o jsonpath='{.data}'")
    yield Command("apply -f -", stdin=config_map("c", "x: '2'"), name="back to client side")
    yield Command("apply -f -", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: e}\ndta: {a: b}\n", name="unknown field")
    yield Command("apply -f - --validate=warn", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: e}\ndta: {a: b}\n")
    yield Command("apply -f - --validate=false", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: e}\ndta: {a: c}\n",
                  accepted="kubectl's warning comes from OpenAPI v2, whose document names no type in the sandbox")
    yield Command("apply -f -", stdin="apiVersion: v1\nkind: Nonsense\nmetadata: {name: e}\n", name="unknown kind")
    yield Command("apply -f -", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: E_}\n", name="bad name")
    yield Command("apply -f -", stdin="kind: ConfigMap\nmetadata: {name: e}\n", name="no apiVersion")
    yield Command("apply -f - --prune -l prune=me", stdin=config_map("p1", "", "prune: me") + "---\n" + config_map("p2", "", "prune: me"), without="Warning|prune.go")
    yield Command("apply -f - --prune -l prune=me", stdin=config_map("p1", "", "prune: me"), name="prunes p2", without="Warning|prune.go")
    yield Command("get cm -l prune=me -o name")


def changing():
    yield Command("label cm a tier=lead")
    yield Command("label cm a tier=lead --overwrite")
    yield Command("label cm a tier-")
    yield Command("label cm a none-")
    yield Command("label cm a 'bad key=x'")
    yield Command("label cm --all batch=one -l tier")
    yield Command("annotate cm a note='some text'")
    yield Command("annotate cm a note=other")
    yield Command("annotate cm a note=other --overwrite")
    yield Command("annotate cm a note-")
    yield Command("get cm a -o jsonpath='{.metadata.labels}{.metadata.annotations.note}'")
    yield Command("""patch cm a -p '{"data":{"z":"1"}}'""")
    yield Command("""patch cm a -p '{"data":{"z":"1"}}'""", name="no change")
    yield Command("""patch cm a --type=merge -p '{"data":{"z":null}}'""")
    yield Command("""patch cm a --type=json -p '[{"op":"add","path":"/data/j","value":"1"}]'""")
    yield Command("""patch cm a --type=json -p '[{"op":"remove","path":"/data/none"}]'""")
    yield Command("""patch cm a --type=json -p '[{"op":"test","path":"/data/j","value":"2"}]'""")
    yield Command("""patch cm a -p '{"data":{"z":1}}'""", compare="status")
    yield Command("""patch cm none -p '{}'""")
    yield Command("get cm a -o jsonpath='{.data}'")
    yield Command("create -f -", stdin=config_map("n", "a: b"))
    yield Command("create -f -", stdin=config_map("n", "a: b"), name="create again")
    yield Command("replace -f -", stdin=config_map("n", "a: c"))
    yield Command("replace -f -", stdin=config_map("none", "a: c"), name="replace what is not there")
    yield Command("replace --force -f -", stdin=config_map("n", "a: d"))
    yield Command("get cm n -o jsonpath='{.data}'")
    yield Command("delete cm n")
    yield Command("delete cm n", name="delete again")
    yield Command("delete cm n --ignore-not-found")
    yield Command("delete cm none other")
    yield Command("delete cm -l batch=one --dry-run=server")
    yield Command("delete cm a b --wait=false")
    yield Command("get cm a b")


def creating():
    yield Command("create configmap made --from-literal=a=b --from-literal=c=d")
    yield Command("get cm made -o yaml")
    yield Command("create secret generic hidden --from-literal=password=x")
    yield Command("get secret hidden -o yaml")
    yield Command("describe secret hidden")
    yield Command("create ns kc-second")
    yield Command("create ns kc-second", name="namespace again")
    yield Command("get ns kc-second")
    yield Command("delete ns kc-second")
    yield Command("create serviceaccount robot")
    yield Command("create priorityclass kc-high --value=1000 --description='for tests'")
    yield Command("get priorityclass kc-high")
    yield Command("describe priorityclass kc-high")
    yield Command("create pdb guard --selector=app=web --min-available=1")
    yield Command("get pdb guard")
    yield Command("describe pdb guard", without="Event|Status:|Allowed|Current:|Total|Type|---|Normal")
    yield Command("create deployment dep --image=x:1 --replicas=0")
    yield Command("get deployment dep -o jsonpath='{.spec.replicas} {.spec.template.spec.containers[0].image}'")
    yield Command("set image deployment/dep x=x:2")
    yield Command("set env deployment/dep A=b")
    yield Command("scale deployment dep --replicas=0")
    yield Command("scale deployment dep --replicas=1 --current-replicas=5")
    yield Command("get deployment dep -o jsonpath='{.spec.template.spec.containers[0]}'")
    yield Command("create service clusterip made --tcp=80:8080")
    yield Command("get svc made")
    yield Command("create service clusterip headless --clusterip=None")
    yield Command("describe svc headless", without="Endpoints")
    yield Command("describe svc made", without="Endpoints|IP:|IPs:")
    yield Command("create quota q --hard=pods=5", accepted="resource quotas are not among the sandbox's resources")
    yield Command("delete priorityclass kc-high")


def pods():
    yield Command("apply -f -", stdin=pod("web"))
    yield Command("get pods")
    yield Command("get pods -o wide")
    yield Command("get pod web -o yaml", without="clusterIP")
    yield Command("describe pod web")
    yield Command("apply -f -", stdin=pod("web").replace("engine:1", "engine:2"), name="image may change")
    yield Command("apply -f -", stdin=pod("web").replace("cpu: 500m", "cpu: 900m"), name="resources may not change", compare="status")
    yield Command("get pod web -o jsonpath='{.status.phase} {.status.qosClass} {.spec.containers[0].image}'")
    yield Command("get pods --field-selector status.phase=Pending -o name")
    yield Command("get pods --field-selector spec.nodeName= -o name")
    yield Command("get pods --field-selector status.phase!=Pending")
    yield Command("run runner --image=x:1 --restart=Never --labels=a=b")
    yield Command("get pod runner --show-labels")
    yield Command("expose pod web --port=80 --name=front", without="Warning")
    yield Command("get svc front -o jsonpath='{.spec.selector} {.spec.ports[0].port}'")
    yield Command("logs web", compare="status", accepted="the real server has no kubelet to ask for logs; the sandbox has a line to show")
    yield Command("exec web -- ls", compare="status")
    yield Command("port-forward web 18080:80", compare="status")
    yield Command("set image pod/web main=engine:3")
    yield Command("""patch pod web --subresource=status --type=merge -p '{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}'""")
    yield Command("get pod web", name="after its status")
    yield Command("wait --for=condition=Ready pod/web --timeout=5s")
    yield Command("wait --for=jsonpath='{.status.phase}'=Running pod/web --timeout=5s")
    yield Command("wait --for=condition=Ready pod/runner --timeout=1s")
    yield Command("wait --for=delete pod/none --timeout=1s")
    yield Command("delete pod runner --grace-period=0 --force")
    yield Command("wait --for=delete pod/runner --timeout=5s")
    yield Command("delete pod web --now")
    yield Command("get pods")


WORKLOADS = "the sandbox has no controllers of built-in workloads: nothing observes the deployment"


def verbs():
    """What else people type: rollouts, roles, edits, and what has no answer without containers."""
    yield Command("create deployment roll --image=x:1 --replicas=0")
    yield Command("rollout status deployment/roll --timeout=2s", accepted=WORKLOADS)
    yield Command("rollout history deployment/roll", accepted=WORKLOADS)
    yield Command("rollout pause deployment/roll")
    yield Command("rollout pause deployment/roll", name="pause again")
    yield Command("rollout resume deployment/roll")
    yield Command("rollout restart deployment/roll")
    yield Command("rollout undo deployment/roll", accepted=WORKLOADS)
    yield Command("rollout status deployment/none --timeout=1s")
    yield Command("autoscale deployment roll --min=1 --max=3 --cpu=50%", compare="status")
    yield Command("get hpa", compare="status")
    yield Command("describe deployment roll", compare="status")
    yield Command("patch deployment roll --subresource=scale --type=merge -p '{\"spec\":{\"replicas\":0}}'", compare="status")
    yield Command("get deployment roll --subresource=scale")
    yield Command("patch deployment roll --subresource=none --type=merge -p '{}'")
    yield Command("apply -f -", stdin=config_map("edited", "k: findme"))
    yield Command("edit cm edited", only="edited")
    yield Command("get cm edited -o jsonpath='{.data}'")
    yield Command("edit cm edited", name="edit without a change")
    yield Command("apply set-last-applied -f -", stdin=config_map("edited", "k: found"))
    yield Command("label --list cm edited")
    yield Command("annotate --list cm edited", without="last-applied")
    yield Command("wait --for=create cm/edited --timeout=2s")
    yield Command("wait --for=create cm/late --timeout=1s")
    yield Command("get cm edited -o jsonpath-as-json='{.data}'")
    yield Command("get cm,secret -l none=here")
    yield Command("get cm edited -o name --show-kind", compare="status")
    yield Command("delete cm --all --dry-run=client -o name", compare="status")
    yield Command("delete pods --field-selector status.phase=Failed")
    yield Command("create role reader --verb=get,list --resource=pods")
    yield Command("get role reader -o jsonpath='{.rules}'")
    yield Command("create rolebinding readers --role=reader --serviceaccount=kc:default")
    yield Command("get rolebinding readers")
    yield Command("describe role reader")
    yield Command("auth can-i get pods --as=system:serviceaccount:kc:default", compare="status")
    yield Command("auth can-i --list", compare="status")
    yield Command("auth whoami", compare="status")
    yield Command("auth can-i get nothing", compare="status")
    yield Command("create token default", compare="status", accepted="the sandbox authenticates nobody and has no tokens")
    yield Command("run solo --image=x:1 --restart=Never")
    yield Command("attach solo", compare="status")
    yield Command("cp solo:/etc/passwd passwd", compare="status")
    yield Command("exec solo -c none -- ls", compare="status")
    yield Command("port-forward solo 18081:80 --address=127.0.0.1", compare="status")
    yield Command("logs solo --tail=3", name="log of a pod without a node")
    yield Command("logs solo -c none")
    yield Command("logs none")
    yield Command("logs -l run=solo")
    yield Command("top pod solo")
    yield Command("top node")
    yield Command("get --raw /apis/stowage.none/v1")
    yield Command("get --raw /api/v1/namespaces/kc/pods/solo/status", compare="status")
    yield Command("get --raw /metrics", compare="status", accepted="the sandbox's API server has no metrics of its own")
    yield Command("get --raw /openapi/v3", compare="status")
    yield Command("get --raw '/api/v1/namespaces/kc/pods/none:80/proxy/'")
    yield Command("delete --raw /api/v1/namespaces/kc/configmaps/none")
    yield Command("create --raw /api/v1/namespaces/kc/configmaps -f -", stdin="{}", compare="status")
    yield Command("api-resources --namespaced=false -o name", only=r"^(nodes|namespaces|persistentvolumes|priorityclasses.scheduling.k8s.io|customresourcedefinitions.apiextensions.k8s.io)$", unordered=True)
    yield Command("api-resources --verbs=deletecollection,watch --api-group=policy -o name")
    yield Command("events --types=Warning", compare="status")
    yield Command("get events -A --sort-by=.lastTimestamp", compare="status")
    yield Command("cluster-info dump --output-directory=dump --namespaces=none", compare="status")
    yield Command("certificate approve none", compare="status")
    yield Command("replace --subresource=status -f -", stdin=pod("solo").replace("labels: {app: web}", "labels: {run: solo}"), compare="status")
    yield Command("set serviceaccount deployment/roll robot")
    yield Command("set resources deployment/roll --limits=cpu=1")
    yield Command("set selector service none a=b", compare="status")
    yield Command("taint nodes --all a=b:NoSchedule", compare="status")
    yield Command("delete pod solo --now")
    yield Command("delete deployment roll", compare="status")
    yield Command("delete cm edited")


def owners():
    parent = config_map("parent", "")
    yield Command("apply -f -", stdin=parent)
    for policy in ("background", "orphan", "foreground"):
        yield Command("apply -f -", stdin=parent, name=f"{policy}: parent again")
        child = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: child\n  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: parent, uid: ${uid:cm/parent}, blockOwnerDeletion: true}]\n"
        yield Command("apply -f -", stdin=child, name=f"{policy}: child")
        yield Command(f"delete cm parent --cascade={policy} --wait=true", name=f"{policy}: delete")
        if policy == "orphan":
            yield Command("get cm child -o jsonpath='{.metadata.ownerReferences}'")
            yield Command("delete cm child")
        else:
            yield Command("wait --for=delete cm/child --timeout=20s", name=f"{policy}: child goes", compare="status")
    held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n"
    yield Command("apply -f -", stdin=held)
    yield Command("delete cm held --wait=false")
    yield Command("delete cm held --timeout=1s", name="deletion is held", without="reflector.go")
    yield Command("get cm held -o jsonpath='{.metadata.finalizers}'")
    yield Command("""patch cm held --type=merge -p '{"metadata":{"finalizers":null}}'""")
    yield Command("get cm held")


NODE = """apiVersion: v1
kind: Node
metadata:
  name: kc-node
  labels: {kubernetes.io/hostname: kc-node, topology.kubernetes.io/zone: z1}
spec: {}
status:
  capacity: {cpu: "8", memory: 32Gi, pods: "110", nvidia.com/gpu: "8"}
  allocatable: {cpu: "8", memory: 32Gi, pods: "110", nvidia.com/gpu: "8"}
  nodeInfo: {kubeletVersion: v1.37.2, osImage: Debian, kernelVersion: "6.1", containerRuntimeVersion: containerd://2, architecture: amd64, operatingSystem: linux, machineID: "", systemUUID: "", bootID: "", kubeProxyVersion: ""}
"""


def nodes():
    yield Command("create -f -", stdin=NODE)
    yield Command("taint node kc-node node.kubernetes.io/not-ready-", compare="none", name="clear what admission adds")
    yield Command("get node kc-node", compare="status")
    yield Command("taint node kc-node gpu=true:NoSchedule")
    yield Command("taint node kc-node gpu=true:NoSchedule", name="taint again")
    yield Command("taint node kc-node gpu=false:NoSchedule --overwrite")
    yield Command("taint node kc-node gpu:NoSchedule-")
    yield Command("taint node kc-node gpu:NoSchedule-", name="untaint again")
    yield Command("cordon kc-node")
    yield Command("cordon kc-node", name="cordon again")
    yield Command("get node kc-node -o jsonpath='{.spec.unschedulable}'")
    yield Command("drain kc-node --timeout=5s")
    yield Command("uncordon kc-node")
    yield Command("get node kc-node -o jsonpath='{.status.allocatable}'")
    yield Command("label node kc-node pool=a")
    yield Command("get nodes -l pool=a -L pool,topology.kubernetes.io/zone --no-headers", compare="status")
    yield Command("describe node kc-node", without="Taints|Ready|node\\.kubernetes\\.io|Unschedulable|PodCIDR|Conditions|Type|----|Events|Normal|Warning|Lease|Failed to get|Annotations")
    yield Command("apply -f -", stdin=pod("bound", spec="  nodeName: kc-node\n  terminationGracePeriodSeconds: 0\n"), name="bound pod")
    yield Command("get pods --field-selector spec.nodeName=kc-node -o name")
    yield Command("describe node kc-node", name="with a pod", only="Non-terminated|bound|cpu|memory|nvidia")
    yield Command("drain kc-node --timeout=5s", name="drain refuses a bare pod")
    yield Command("drain kc-node --timeout=5s --force", name="drain forced", without="Warning", compare="status")
    yield Command("delete pod bound --force --grace-period=0", compare="none")
    yield Command("delete node kc-node")


def ours():
    yield Command("apply -f ${CRDS}")
    yield Command("wait --for=condition=Established crd --all --timeout=10s", unordered=True, only="stowage")
    yield Command("get crd -o name", only="stowage", unordered=True)
    yield Command("get crd modeldeployments.stowage.dev -o jsonpath='{.status.acceptedNames}'")
    yield Command("api-resources --api-group=stowage.dev")
    yield Command("api-resources --api-group=stowage.dev -o wide")
    for kind in ("modeldeployment", "modelruntime", "schedulingpolicy", "capacitypool"):
        yield Command(f"explain {kind}", until="FIELDS")
        yield Command(f"explain {kind} --recursive")
        yield Command(f"explain {kind}.spec")
        yield Command(f"explain {kind}.metadata", compare="status")
    yield Command("explain mdep.spec.model")
    yield Command("explain mdep.spec.model.uri")
    yield Command("explain mdep.status.conditions")
    yield Command("explain mdep.spec.none")
    yield Command("explain nothing")
    yield Command("explain pod.spec.containers.image")
    yield Command("explain pods.spec.none")
    yield Command("apply -f -", stdin=MODEL)
    yield Command("apply -f -", stdin=MODEL, name="model unchanged")
    yield Command("get mdep")
    yield Command("get mdep llm -o wide")
    yield Command("get mdep llm -o yaml")
    yield Command("get mdep llm -o yaml --show-managed-fields")
    yield Command("describe mdep llm")
    yield Command("get all", compare="status")
    yield Command("scale mdep llm --replicas=3")
    yield Command("scale mdep llm --replicas=-1")
    yield Command("get mdep llm -o jsonpath='{.spec.replicas} {.metadata.generation}'")
    yield Command("""patch mdep llm --type=merge -p '{"spec":{"replicas":2}}'""")
    yield Command("""patch mdep llm -p '{"spec":{"replicas":2}}'""", name="strategic merge of a custom resource", compare="status")
    yield Command("""patch mdep llm --type=json -p '[{"op":"replace","path":"/spec/replicas","value":4}]'""")
    yield Command("""patch mdep llm --subresource=scale --type=merge -p '{"spec":{"replicas":5}}'""")
    yield Command("""patch mdep llm --subresource=status --type=merge -p '{"status":{"conditions":[{"type":"Ready","status":"True","reason":"Ready","message":"","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}'""")
    yield Command("get mdep llm --subresource=scale", compare="all")
    yield Command("get mdep llm --subresource=status -o name")
    yield Command("wait --for=condition=Ready mdep/llm --timeout=5s")
    yield Command("wait --for=condition=Placed mdep/llm --timeout=1s")
    yield Command("wait --for=jsonpath='{.spec.replicas}'=5 mdep/llm --timeout=5s")
    yield Command("label mdep llm team=a")
    yield Command("get mdep -l team=a -o name")
    yield Command("apply -f -", stdin=MODEL.replace("hf://org/model", "ftp://x"), name="wrong scheme")
    yield Command("apply -f -", stdin=MODEL.replace("spec:\n", "spec:\n  replicas: many\n"), name="wrong type")
    yield Command("apply -f -", stdin=MODEL.replace("spec:\n", "spec:\n  replicas: -3\n"), name="negative replicas")
    yield Command("apply -f -", stdin=MODEL.replace("spec:\n", "spec:\n  wrong: 1\n"), name="unknown field of ours")
    yield Command("apply --server-side -f -", stdin=MODEL.replace("llm", "ssa"))
    yield Command("apply --server-side --field-manager=other -f -", stdin=MODEL.replace("llm", "ssa").replace("org/model", "org/other"), name="conflict on ours")
    yield Command("get mdep ssa -o yaml --show-managed-fields")
    yield Command("diff -f -", stdin=MODEL.replace("org/model", "org/next"), without=r"^diff|^---|^\+\+\+")
    yield Command("delete mdep llm ssa")
    yield Command("get mdep")


def watching():
    yield Command("get cm -l watch=me -w --no-headers --request-timeout=3s", background="apply -f -", stdin=config_map("w1", "a: b", "watch: me"), compare="all", name="get -w")
    yield Command("get events", compare="status")
    yield Command("create -f -", stdin="""apiVersion: v1
kind: Event
metadata: {name: note.1}
involvedObject: {kind: ConfigMap, namespace: kc, name: w1, apiVersion: v1}
reason: Noted
message: something happened
type: Normal
source: {component: tester}
firstTimestamp: "2026-01-02T03:04:05Z"
lastTimestamp: "2026-01-02T03:04:05Z"
count: 3
""")
    yield Command("get events --field-selector involvedObject.name=w1", without="LAST SEEN", compare="all")
    yield Command("events --for cm/w1", compare="all")
    yield Command("describe cm w1")
    yield Command("get events.events.k8s.io note.1 -o yaml")
    yield Command("describe event note.1")


def ending():
    yield Command("delete cm --all --wait=true", compare="status")
    yield Command("delete -f ${CRDS}")
    yield Command("get mdep", name="kind is gone", until="", compare="status")
    yield Command("delete ns kc")
    yield Command("get ns kc", name="namespace is gone")


def commands():
    yield Command("apply -f -", stdin="apiVersion: v1\nkind: Namespace\nmetadata: {name: kc}\n", name="namespace")
    yield Command("get sa default -o name", until="serviceaccount/default", name="default account")
    import kubectl_forms  # it uses what is above
    for part in (reading, applying, changing, creating, pods, verbs, owners, nodes, kubectl_forms.forms, kubectl_forms.further, kubectl_forms.verbs, ours, watching, ending):
        for command in part():
            command.name = f"kubectl {part.__name__}: {command.name or command.line}"
            yield command
