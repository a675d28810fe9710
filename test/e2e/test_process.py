"""Starting wrong: a clear error, and retry or exit; never a crash. And ending well."""

import json
import re
import subprocess
import time

from lib import install, objects
from lib.runner import limit, own_cluster
from lib.waiting import wait_until

KINDS = ("operator", "scheduler")


def outcome(t, kind, *arguments, seconds=6):
    """Runs a program for some seconds. Returns (exit status or None when it still ran, everything it printed)."""
    child = subprocess.Popen([t.program(f"stowage-{kind}"), "--serve-address=127.0.0.1:0", *arguments], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        out, _ = child.communicate(timeout=seconds)
        return child.returncode, out
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            out, _ = child.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            raise AssertionError(f"stowage-{kind} does not end on SIGTERM while it retries") from None
        return None, out


def check(t, what, pattern, must_exit, *arguments):
    """Both programs: no crash, output that fits the pattern, and an exit status of 1..125 where it must end."""
    for kind in KINDS:
        status, out = outcome(t, kind, *arguments)
        where = f"stowage-{kind}, {what}: status {status}, output:\n{out[-1500:]}"
        assert status is None or 0 < status < 126, f"crashed or ended as if all were well: {where}"
        assert not must_exit or status is not None, f"still running: {where}"
        assert re.search(pattern, out, re.IGNORECASE), f"nothing like {pattern!r}: {where}"
        assert "terminate called" not in out and "Sanitizer" not in out, where


def edited_kubeconfig(t, change):
    config = json.loads(open(t.cluster.kubeconfig("operator"), encoding="utf-8").read())
    change(config)
    path = t.folder / "edited.kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    return f"--kubeconfig={path}"


def test_kubeconfig_that_cannot_be_used(t):
    """a kubeconfig that is missing, is no YAML, or has no such context: exit with a sentence that names the file"""
    check(t, "missing file", r"/nowhere/kubeconfig", True, "--kubeconfig=/nowhere/kubeconfig")
    bad = t.folder / "bad.yaml"
    bad.write_text("clusters: [\n  {name: x\n", encoding="utf-8")
    check(t, "malformed", r"bad\.yaml", True, f"--kubeconfig={bad}")
    bad.write_bytes(bytes(range(256)) * 10)
    check(t, "binary", r"bad\.yaml", True, f"--kubeconfig={bad}")
    check(t, "no such context", r"context", True, edited_kubeconfig(t, lambda c: c.update({"current-context": "nope"})))


def test_wrong_ca(t):
    """the kubeconfig has another CA: an error that speaks of the certificate, retry or exit"""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other",
                    "-keyout", t.folder / "o.key", "-out", t.folder / "o.crt"], check=True, capture_output=True)

    def change(config):
        config["clusters"][0]["cluster"].pop("certificate-authority-data")
        config["clusters"][0]["cluster"]["certificate-authority"] = str(t.folder / "o.crt")
    check(t, "wrong CA", r"certificate|\bCA\b", False, edited_kubeconfig(t, change))


def test_expired_token(t):
    """a bearer token that the server does not accept: an error that says unauthorized, retry or exit"""
    def change(config):
        config["users"][0]["user"] = {"token": "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2ln"}
    check(t, "expired token", r"401|unauthori[sz]ed", False, edited_kubeconfig(t, change))


def test_unreachable_server(t):
    """nothing listens at the server's address: an error that says so, retry or exit"""
    def change(config):
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    check(t, "unreachable", r"connect|refused|reach", False, edited_kubeconfig(t, change))


def test_no_rights(t):
    """a user without any role: an error that says forbidden and what, retry or exit"""
    identity = t.cluster.kubeconfig("kube-scheduler")
    config = json.loads(open(identity, encoding="utf-8").read())
    assert config["users"]
    for kind in KINDS:
        status, out = outcome(t, kind, f"--kubeconfig={identity}", "--leader-elect=false")
        assert (status is None or 0 < status < 126) and re.search(r"403|forbidden", out, re.IGNORECASE), (kind, status, out[-1500:])


def test_flags_and_config_file(t):
    """unknown flags, a config file with an unknown key or a wrong type: exit with the name and the line"""
    for kind in KINDS:
        status, out = outcome(t, kind, "--no-such-flag")
        assert status and 0 < status < 126 and "no-such-flag" in out, (status, out)
        status, out = outcome(t, kind, "--version")
        assert status == 0 and re.search(r"\d+\.\d+", out), (status, out)
        status, out = outcome(t, kind, "--help")
        assert status == 0 and "--kubeconfig" in out and "--serve-address" in out, (status, out)
    path = t.folder / "config.yaml"
    path.write_text("# first line\nnoSuchKey: 1\n", encoding="utf-8")
    check(t, "unknown key", r"config\.yaml|line|noSuchKey", True, f"--kubeconfig={t.cluster.kubeconfig('operator')}", f"--config={path}")
    check(t, "missing file", r"/nowhere/config", True, f"--kubeconfig={t.cluster.kubeconfig('operator')}", "--config=/nowhere/config")


@own_cluster()
def test_crds_not_installed(t):
    """the CRDs are missing at the start: both programs say which and live; once installed, a model runs"""
    t.cluster.kubectl("delete", "crd", "modeldeployments.stowage.dev", "modelruntimes.stowage.dev", "schedulingpolicies.stowage.dev",
                      "capacitypools.stowage.dev", "--timeout=30s")
    wait_until(lambda: t.api.raw("GET", t.mdep_path())[0] == 404, 15, "the CRDs are gone")
    t.nodes(1)
    pair = [t.process("operator"), t.process("scheduler")]
    for process in pair:
        wait_until(lambda p=process: re.search(r"modeldeployments", p.log_text()), 20, f"{process.name} names the missing kind")
        assert process.alive()
    t.create(objects.pod("plain"))  # the scheduler need not wait for our kinds
    install.install_crds(t.cluster)
    for process in pair:
        process.wait_ready(60)
    t.create(objects.model_deployment("qwen"))
    t.wait_ready("qwen", 60)


@limit(180)
@own_cluster()
def test_crds_deleted_and_installed_again(t):
    """the CRDs go under running programs and come back: the catalogue is put back without a restart, and a new model runs"""
    t.nodes(1)
    pair = t.system()
    t.create(objects.model_deployment("before"))
    t.wait_ready("before")
    t.cluster.kubectl("delete", "crd", "modeldeployments.stowage.dev", "modelruntimes.stowage.dev", "schedulingpolicies.stowage.dev",
                      "capacitypools.stowage.dev", "--timeout=60s")
    install.install_crds(t.cluster)
    wait_until(lambda: len(t.api.list("/apis/stowage.dev/v1alpha1/modelruntimes")) >= 5, 70, "the runtimes are back", every=0.5)
    t.create(objects.model_deployment("after"))
    t.wait_ready("after", 70)
    assert all(p.alive() for p in pair)


def test_health_metrics_and_logs(t):
    """both programs serve /livez, /readyz and /metrics with the known names; JSON logs parse; SIGTERM ends them within 5 s"""
    t.nodes(1)
    pair = t.system(log_format="json")
    t.create(objects.model_deployment("qwen"))
    t.wait_ready("qwen")
    for process in pair:
        assert process.http("/livez")[0] == 200 and process.http("/readyz")[0] == 200
        assert process.http("/no-such-path")[0] == 404
        for name in ("rest_client_requests_total", "leader_election_master_status", "process_resident_memory_bytes"):
            assert process.metric(name) is not None, f"{process.name} serves no {name}"
    assert pair[0].metric("controller_runtime_reconcile_total") > 0 and pair[0].metric("workqueue_depth") is not None
    for process in pair:
        seconds = process.terminate(30)
        assert seconds < 5, f"{process.name} needed {seconds:.1f} s to end"
        for line in process.log_text().splitlines():
            json.loads(line)


def test_ready_only_after_sync(t):
    """a token that the server does not accept: while the program retries, /livez is 200 and /readyz is not"""
    def change(config):
        config["users"][0]["user"] = {"token": "nobody"}
    path = edited_kubeconfig(t, change).split("=", 1)[1]
    for kind in KINDS:
        process = t.process(kind, kubeconfig=path)
        time.sleep(2)
        assert not process.alive() or (process.http("/livez")[0] == 200 and process.http("/readyz")[0] != 200), kind


def test_burst_over_http2(t):
    """400 calls at once, then 90 or 250 watches: all answered, within 4 connections for calls and 64 for watches"""
    for watches in (90, 250):
        done = subprocess.run([t.program("transport_burst"), f"--kubeconfig={t.cluster.kubeconfig()}", "--calls=400",
                               f"--watches={watches}"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"status {done.returncode}: {done.stdout}{done.stderr}"
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"   {watches} watches: {found}", flush=True)
        # Watches beyond the 100 streams of a connection open further ones, each its own while the handshakes last.
        assert found["call_connections"] <= 4 and found["watch_connections"] <= (2 if watches <= 90 else 64), found
