"""The harness itself, tried with kube-scheduler and kwok; none of our programs is needed."""

import re
import sys
import time

from clusterlib import commands, processes
from lib import invariants, objects
from lib.process import Process, parse_metric
from lib.runner import plain
from lib.waiting import wait_until

SERVER = """\
import http.server, sys, signal
port = int(next(a for a in sys.argv if a.startswith("--serve-address")).rsplit(":", 1)[1])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'# HELP x y\\nx{a="1",b="2"} 3\\nx{a="1",b="3"} 4\\nxy 9\\n' if self.path == "/metrics" else b"ok"
        self.send_response(200 if self.path in ("/metrics", "/readyz") else 404)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): print("asked", self.path, flush=True)
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def fails(function, pattern):
    try:
        function()
    except AssertionError as error:
        assert re.search(pattern, str(error)), f"the message is {error}"
        return
    raise AssertionError("no AssertionError was raised")


@plain
def test_pods_run_on_fake_nodes(t):
    """20 pods for kube-scheduler on 2 nodes of 8 GPUs: 16 run, 4 wait, the recorder has seen it, nothing is oversold"""
    names = t.nodes(2)
    recorder = t.record()
    t.cleanup(lambda: processes.stop(scheduler))
    scheduler = processes.start(commands.scheduler(t.cluster.env), t.folder / "kube-scheduler.log")
    for i in range(20):
        t.create(objects.pod(f"p{i}", scheduler="default-scheduler"))
    wait_until(lambda: sum(p["status"]["phase"] == "Running" for p in t.pods()) == 16, 30, "16 pods run")
    waiting = [p for p in t.pods() if not objects.bound(p)]
    assert len(waiting) == 4 and objects.condition(waiting[0], "PodScheduled")["reason"] == "Unschedulable"
    invariants.no_oversale([t.node(n) for n in names], t.pods())
    for p in t.pods()[:3]:
        t.api.delete(f"/api/v1/namespaces/{t.ns}/pods/{p['metadata']['name']}")
    wait_until(lambda: sum(p["status"].get("phase") == "Running" for p in t.pods()) == 16, 30, "room is used again")
    t.delete_node(names[0])
    events = recorder.stop()
    assert {"ADDED", "MODIFIED", "DELETED"} <= {kind for _, kind, _ in events}
    assert len(recorder.objects) == 17


@plain
def test_recorder_survives_a_restart(t):
    """kube-apiserver restarted under a recorder: it sees what happens afterwards"""
    t.nodes(1)
    recorder = t.record()
    t.create(objects.pod("before", node=t.api.list("/api/v1/nodes")[0]["metadata"]["name"]))
    t.cluster.restart("kube-apiserver")
    t.create(objects.pod("after", scheduler="nobody"))
    wait_until(lambda: f"{t.ns}/after" in recorder.objects, 15, "the recorder sees the new pod")
    assert f"{t.ns}/before" in recorder.objects


@plain
def test_audit_counts_writes_by_user(t):
    """three writes and two reads of a user: the audit log counts them, other users and leases left out"""
    t.cluster.kubectl("create", "clusterrolebinding", f"e2e-{t.ns}", "--clusterrole=cluster-admin", "--user=stowage-scheduler")
    t.cleanup(lambda: t.cluster.kubectl("delete", "clusterrolebinding", f"e2e-{t.ns}"))
    client = t.cluster.client("scheduler")
    wait_until(lambda: client.raw("GET", "/api/v1/nodes")[0] == 200, 5, "the role is known")
    log = t.cluster.audit()
    path = f"/api/v1/namespaces/{t.ns}/configmaps"
    client.create(path, {"metadata": {"name": "a"}})
    client.patch(f"{path}/a", {"data": {"k": "v"}})
    client.delete(f"{path}/a")
    client.list(path)
    assert client.find(f"{path}/a") is None
    t.create(objects.pod("other-user"))
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{t.ns}/leases"
    client.create(lease, {"metadata": {"name": "l"}})
    found = log.writes(user="stowage-scheduler")
    assert found == {("stowage-scheduler", verb, "configmaps"): 1 for verb in ("create", "patch", "delete")}, found
    assert sum(log.writes(user="stowage-scheduler", ignore_leases=False).values()) == 4
    reads = log.count(user="stowage-scheduler", verbs={"get", "list"})
    assert sum(reads.values()) == 2, reads


@plain
def test_processes_are_handled(t):
    """a program with --serve-address: ready, metrics, usage, kill -9, restart, SIGTERM, and an early end is told with its log"""
    script = t.folder / "server.py"
    script.write_text(SERVER, encoding="utf-8")
    program = t.folder / "server"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {script} \"$@\"\n", encoding="utf-8")
    program.chmod(0o755)
    process = Process(program, "server", t.folder, kubeconfig="/nowhere")
    t.cleanup(process.stop)
    process.start().wait_ready(10)
    assert process.metric("x", a="1") == 7 and process.metric("x", b="3") == 4 and process.metric("z") is None
    assert process.usage()["rss_mb"] > 1
    process.kill()
    assert not process.alive() and process.http("/readyz") == (0, "")
    process.start().wait_ready(10)
    assert process.terminate(5) < 5 and not process.alive()
    assert "asked /readyz" in process.log_text()
    dying = Process("/bin/false", "dying", t.folder)
    try:
        dying.start().wait_ready(5)
    except RuntimeError as error:
        assert "ended by itself" in str(error)
    else:
        raise AssertionError("a program that ends at once was ready")


@plain
def test_waiting_tells_what_was_missing(t):
    """a condition that never comes: the message has the time, the purpose and the last reason"""
    def never():
        assert t is None, "the moon is full"
    fails(lambda: wait_until(never, 0.2, "the wolf sleeps", every=0.05), r"not within 0.2 s: the wolf sleeps \(the moon is full\)")
    assert parse_metric("a 1\nab 2\n", "a", {}) == 1


@plain
def test_partial_gangs_are_found(t):
    """a gang of two with one bound member: fine for a moment, an error after the limit, and at the end"""
    def pods(bound_ranks):
        made = objects.gang("g", 2)
        for rank, item in enumerate(made):
            item["metadata"]["namespace"] = "n"
            item["spec"].update({"nodeName": "x"} if rank in bound_ranks else {})
        return {item["metadata"]["name"]: item for item in made}

    watch = invariants.PartialGangs(limit=0, settle=0.2)
    for state in ([], [0], [0, 1]):
        watch(pods(state))
    watch.finish()
    watch(pods([0]))
    fails(watch.finish, "still partly bound")
    time.sleep(0.3)
    fails(lambda: watch(pods([0])), r"partly bound \(1 of 2\)")
    fails(lambda: watch(pods([0, 1])), "partly bound")
    same = [dict(item, spec={**item["spec"], "nodeName": "one"}) for item in objects.gang("g", 2, gpus=5)]
    fails(lambda: invariants.no_oversale([{"metadata": {"name": "one"}, "status": {"allocatable": {"nvidia.com/gpu": "8"}}}], same),
          "has 8 nvidia.com/gpu but 10")
