"""What the benchmarks on the real API server share: a fresh control plane, many objects, counting what is bound."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "e2e"), str(ROOT / "test" / "cluster")]
from clusterlib import controlplane, nodes, processes  # noqa: E402
from lib.cluster import Cluster  # noqa: E402
from lib.process import parse_metric  # noqa: E402

NAMESPACE = "bench"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
# Series that count successful binds, the first that is served wins: ours, and kube-scheduler's.
BOUND_SERIES = (("stowage_scheduler_binds_total", {"result": "bound"}),
                ("scheduler_schedule_attempts_total", {"result": "scheduled"}))


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(result, measure):
    """Exit status of a benchmark. `measure` fills `result`, which is the last line on stdout whatever happens: with "error" where it
    ended early, by a signal too, so that a run whose stderr is lost still tells why. `measure` returns whether all was well."""
    def end(number, _):
        raise SystemExit(f"ended by {signal.Signals(number).name}")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):  # so that the control plane is taken down
        signal.signal(number, end)
    try:
        status = 0 if measure() else 1
    except BaseException as error:
        if not isinstance(error, SystemExit):
            traceback.print_exc()
        result["error"] = str(error) or type(error).__name__
        say(f"error: {result['error']}")
        status = 1
    print(json.dumps(result), flush=True)
    return status


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return os.uname().machine


class FreshCluster:
    """A control plane for one measurement, as a context manager; `kwok=False` starts none."""

    def __init__(self, node_count, kwok=True, profile="h100x8"):
        self.options = ["--nodes", str(node_count), "--profile", profile, "--max-inflight", "4000"]
        self.options += [] if kwok else ["--no-kwok"]
        self.folder = tempfile.mkdtemp(prefix="stowage-bench-")

    def __enter__(self):
        command = [ROOT / "test/cluster/up", "--dir", self.folder, *self.options]
        up = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            status = up.wait()
        except BaseException:
            up.terminate()  # it takes down what it has started, which a SIGKILL would leave behind
            up.wait(60)
            raise
        finally:
            if up.returncode != 0:
                shutil.rmtree(self.folder, ignore_errors=True)
        if status != 0:
            raise SystemExit(f"`{' '.join(map(str, command))}` failed; its message is above")
        try:
            return self.prepare()
        except BaseException:
            self.__exit__()
            raise

    def prepare(self):
        self.cluster = Cluster(self.folder)
        self.cluster.api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        deadline = time.monotonic() + 20
        while not self.cluster.api.find(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default"):
            if time.monotonic() > deadline:
                raise SystemExit("the namespace got no default ServiceAccount")
            time.sleep(0.05)
        return self.cluster

    def __exit__(self, *_):
        controlplane.down(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)


def create(cluster, path, objects):
    started = time.monotonic()
    nodes.post_all(cluster.env, path, objects, connections=8)
    say(f"  {len(objects)} objects created in {time.monotonic() - started:.1f} s")


def list_all(cluster, path):
    """All items of a collection, in pages; for checks after a measurement, never during one."""
    items, query = [], {"limit": 1000}
    while True:
        page = cluster.api.get(path, **query)
        items += page["items"]
        if not page["metadata"].get("continue"):
            return items
        query["continue"] = page["metadata"]["continue"]


def bound_by_metrics(text):
    """Successful binds according to a scheduler's /metrics; None when it serves no series that we know."""
    for name, labels in BOUND_SERIES:
        value = parse_metric(text, name, labels)
        if value is not None:
            return int(value)
    return None


def bound_by_server(cluster):
    """Successful binding requests according to the API server's metrics: costs it some 0.1 s, so ask rarely."""
    return _created(cluster, {"resource": "pods", "subresource": "binding"})


def events_by_server(cluster):
    """Events that the API server created since its start, by anybody and through either of their two API groups."""
    return sum(_created(cluster, {"resource": "events", "group": group}) for group in ("", "events.k8s.io"))


def _created(cluster, labels):
    text = cluster.api.raw("GET", "/metrics")[1].decode()
    return int(parse_metric(text, "apiserver_request_total", {"verb": "POST", "code": "201", **labels}) or 0)


def cpu_of(cluster, name):
    return processes.usage(cluster.env["processes"][name])["cpu_seconds"]


def peak_rss_mb(pid):
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def check_placements(cluster, pods, resource="nvidia.com/gpu"):
    """The number of bound pods; ends the program when a node got more than it has."""
    room = {n["metadata"]["name"]: int(n["status"]["allocatable"].get(resource, 0)) for n in list_all(cluster, "/api/v1/nodes")}
    bound = 0
    for pod in pods:
        where = pod["spec"].get("nodeName")
        if where:
            bound += 1
            room[where] -= sum(int(c.get("resources", {}).get("limits", {}).get(resource, 0)) for c in pod["spec"]["containers"])
    over = [name for name, left in room.items() if left < 0]
    if over:
        raise SystemExit(f"{len(over)} nodes were given more {resource} than they have, e.g. {over[0]}")
    return bound
