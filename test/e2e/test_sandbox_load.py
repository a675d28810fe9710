"""`stowage-sandbox load` on what kubectl reads from a real control plane."""

import json
import re
import subprocess
import threading

from lib import objects
from lib.runner import limit, plain
from lib.waiting import wait_until

KINDS = "namespaces,nodes,pods,services,serviceaccounts,configmaps,priorityclasses,poddisruptionbudgets,deployments,replicasets"
NODES, PODS = 200, 1000


def kubectl(t, *words, kubeconfig=None):
    done = subprocess.run([f"{t.cluster.env['bin']}/kubectl", f"--kubeconfig={kubeconfig or t.cluster.kubeconfig()}", *words],
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr[-2000:]}"
    return done.stdout


class Loaded:
    """A sandbox that has loaded a snapshot, until the test ends."""

    def __init__(self, t, snapshot):
        self.kubeconfig = t.folder / "loaded.kubeconfig"
        self.errors = open(t.folder / "load.log", "w+")
        self.process = subprocess.Popen([str(t.program("stowage-sandbox")), "load", str(snapshot), "--kubeconfig", str(self.kubeconfig)],
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)
        t.cleanup(self.stop)
        first = self.process.stdout.readline()
        assert first == "ready\n", f"load said {first!r}: {self.told()}"
        self.banner = self.process.stdout.readline()
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def told(self):
        self.errors.flush()
        return open(self.errors.name).read()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@plain
@limit(600)
def test_snapshot_of_a_real_cluster(t):
    """kubectl's dump of 200 nodes and 1,000 pods, loaded: every node and pod is there, where it was and as it was, and stays"""
    names = t.nodes(NODES)
    t.api.create("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": f"{t.ns}-high"}, "value": 1000})
    t.cleanup(lambda: t.api.delete(f"/apis/scheduling.k8s.io/v1/priorityclasses/{t.ns}-high"))
    for i in range(PODS):
        waiting = i % 50 == 0
        t.create(objects.pod(f"p{i}", annotations={"note": f"number {i}"}, labels={"group": str(i % 7)},
                             node=None if waiting else names[i % NODES], priorityClassName=f"{t.ns}-high" if i % 3 == 0 else ""))
    running = PODS - PODS // 50
    wait_until(lambda: sum(p["status"]["phase"] == "Running" for p in t.pods()) == running, 240, f"{running} pods run", every=1)
    snapshot = t.folder / "snapshot.yaml"
    snapshot.write_text(kubectl(t, "get", KINDS, "-A", "-o", "yaml"))
    loaded = Loaded(t, snapshot)
    counts = dict((kind, int(n)) for n, kind in re.findall(r"(\d+) (\w+)", loaded.banner))
    assert counts["Node"] >= NODES and counts["Pod"] >= PODS, loaded.banner
    refused = [line for line in loaded.told().splitlines() if "left out" in line]
    assert not refused, refused[:20]

    def shape(text):
        return {p["metadata"]["name"]: (p["spec"].get("nodeName"), p["status"]["phase"], p["spec"]["priority"], p["metadata"]["labels"],
                                        p["metadata"]["annotations"], p["spec"]["containers"][0]["resources"])
                for p in json.loads(text)["items"]}

    there = shape(kubectl(t, "get", "pods", "-n", t.ns, "-o", "json"))
    here = shape(kubectl(t, "get", "pods", "-n", t.ns, "-o", "json", kubeconfig=loaded.kubeconfig))
    bound = {name for name, pod in there.items() if pod[0]}
    assert {n: p for n, p in here.items() if n in bound} == {n: p for n, p in there.items() if n in bound}
    assert set(here) == set(there)
    # Our scheduler is inside: pods that ask for it and waited in the real cluster find room.
    wait_until(lambda: kubectl(t, "get", "pods", "-n", t.ns, "--field-selector=status.phase=Running", "--no-headers",
                               kubeconfig=loaded.kubeconfig).count("\n") == PODS, 60, "every pod runs", every=1)
    real = {n["metadata"]["name"]: n["status"]["allocatable"] for n in t.api.list("/api/v1/nodes")}
    mine = json.loads(kubectl(t, "get", "nodes", "-o", "json", kubeconfig=loaded.kubeconfig))["items"]
    assert {n["metadata"]["name"]: n["status"]["allocatable"] for n in mine} == real
