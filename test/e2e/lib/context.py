"""What a test function gets: a namespace, nodes, our processes; and the cleanup of all of it."""

import itertools
import random
import time

from . import objects
from .cluster import Recorder
from .process import Process
from .waiting import wait_until

PODS = "/api/v1/pods"
_serial = itertools.count(1)


class Context:
    def __init__(self, cluster, name, folder, binaries, seed):
        self.cluster, self.name, self.folder, self.binaries = cluster, name, folder, binaries
        self.api = cluster.api
        self.random = random.Random(f"{seed}:{name}")
        self.long = False
        self._processes, self._nodes, self._recorders, self._namespaces, self._cleanups = [], [], [], [], []
        self.ns = self.namespace()

    # --- the world

    def namespace(self):
        """A new namespace that goes with the test."""
        name = f"e2e-{next(_serial)}-{int(time.time()) % 100000}"
        self.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
        self._namespaces.append(name)
        wait_until(lambda: self.api.find(f"/api/v1/namespaces/{name}/serviceaccounts/default"), 10, f"namespace {name} is usable")
        return name

    def nodes(self, count, profile="h100x8", first=0):
        """Adds the nodes first..first+count-1 of a profile; returns their names."""
        names = self.cluster.add_nodes(profile, count, first)
        self._nodes += names
        return names

    def delete_node(self, name):
        self.api.delete(f"/api/v1/nodes/{name}")

    def node(self, name):
        return self.api.get(f"/api/v1/nodes/{name}")

    def domain(self, node_name, level="rack"):
        return self.node(node_name)["metadata"]["labels"].get(objects.LEVEL_LABELS[level])

    def cleanup(self, function):
        """Runs at the end of the test, last added first, whatever the outcome."""
        self._cleanups.append(function)

    # --- our processes

    def program(self, name):
        return self.binaries / name

    def process(self, kind, name=None, start=True, identity=None, **options):
        """`kind` is "operator" or "scheduler"; two replicas need two names and leader_elect=True (the default)."""
        options.setdefault("kubeconfig", self.cluster.kubeconfig(identity or kind))
        made = Process(self.program(f"stowage-{kind}"), name or kind, self.folder, **options)
        self._processes.append(made)
        return made.start() if start else made

    def system(self, **options):
        """Operator and scheduler, ready. Returns both. A lease that an earlier test's killed leader still holds is removed."""
        for lease in ("stowage-operator", "stowage-scheduler"):
            self.cluster.api.delete(f"/apis/coordination.k8s.io/v1/namespaces/stowage-system/leases/{lease}")
        operator, scheduler = self.process("operator", **options), self.process("scheduler", **options)
        return operator.wait_ready(), scheduler.wait_ready()

    # --- ModelDeployments

    def mdep_path(self, name="", ns=None):
        path = f"/apis/{objects.GROUP}/namespaces/{ns or self.ns}/modeldeployments"
        return f"{path}/{name}" if name else path

    def create(self, item, ns=None):
        """Creates a ModelDeployment or a Pod in the test's namespace."""
        if item["kind"] == "Pod":
            return self.api.create(f"/api/v1/namespaces/{ns or self.ns}/pods", item)
        return self.api.create(self.mdep_path(ns=ns), item)

    def mdep(self, name):
        return self.api.get(self.mdep_path(name))

    def patch(self, name, spec):
        """Merge-patches the spec of a ModelDeployment."""
        return self.api.patch(self.mdep_path(name), {"spec": spec})

    def pods(self, deployment=None, ns=None, **labels):
        """Live pods of the namespace (those being deleted are included), by name."""
        selector = [f"stowage.dev/deployment={deployment}"] if deployment else []
        selector += [f"stowage.dev/{key}={value}" for key, value in labels.items()]
        query = {"labelSelector": ",".join(selector)} if selector else {}
        found = self.api.list(f"/api/v1/namespaces/{ns or self.ns}/pods", **query)
        return sorted(found, key=lambda item: item["metadata"]["name"])

    def active_pods(self, deployment=None, **labels):
        """Pods that are neither terminal nor being deleted."""
        return [p for p in self.pods(deployment, **labels)
                if "deletionTimestamp" not in p["metadata"] and not objects.terminal(p)]

    def wait_ready(self, name, timeout=30):
        """Until condition Ready is True for the present generation; returns the object."""
        def ready():
            item = self.mdep(name)
            current = item.get("status", {}).get("observedGeneration") == item["metadata"]["generation"]
            assert current and objects.is_true(item, "Ready"), f"Ready is {objects.condition(item, 'Ready')}"
            return item
        return wait_until(ready, timeout, f"ModelDeployment {name} is Ready")

    def wait_condition(self, name, kind, status, timeout=15, reason=None):
        """Until a condition has this status (and reason); "absent" is a status too. Returns the condition."""
        def there():
            item = self.mdep(name)
            current = item.get("status", {}).get("observedGeneration") == item["metadata"]["generation"]
            found = objects.condition(item, kind)
            assert current, "status is of an older generation"
            assert found.get("status", "absent") == status, f"{kind} is {found or 'absent'}"
            assert reason in (None, found.get("reason")), f"{kind} is {found}"
            return found or {"status": "absent"}
        return wait_until(there, timeout, f"{name}: condition {kind} is {status}" + (f", reason {reason}" if reason else ""))

    # --- recording

    def record(self, path=None, check=None, **query):
        recorder = Recorder(self.cluster, path or f"/api/v1/namespaces/{self.ns}/pods", check, **query).start()
        self._recorders.append(recorder)
        return recorder

    # --- the end

    def close(self):
        """Undoes everything. Errors are collected, so that each step runs; they are returned as texts."""
        problems = []
        steps = [*reversed(self._cleanups), *(p.stop for p in self._processes), *(r.stop for r in self._recorders),
                 self._delete_objects, self._delete_nodes]
        for step in steps:
            try:
                step()
            except Exception as error:  # noqa: BLE001  the other steps must run
                problems.append(f"{type(error).__name__}: {error}")
        return problems

    def _delete_objects(self):
        for ns in self._namespaces:
            for item in self.api.raw("GET", self.mdep_path(ns=ns))[0] == 200 and self.api.list(self.mdep_path(ns=ns)) or []:
                self.api.delete(self.mdep_path(item["metadata"]["name"], ns))
            self.api.delete(f"/api/v1/namespaces/{ns}/pods", gracePeriodSeconds=0)
            self.api.delete(f"/api/v1/namespaces/{ns}")
        for ns in self._namespaces:
            wait_until(lambda where=ns: not self.pods(ns=where), 30, f"the pods of {ns} are gone", every=0.2)

    def _delete_nodes(self):
        for name in self._nodes:
            self.api.delete(f"/api/v1/nodes/{name}")
