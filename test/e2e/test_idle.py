"""When nothing changes, nothing is written."""

import time

from lib import objects
from lib.runner import limit
from lib.waiting import wait_until

USERS = ("stowage-operator", "stowage-scheduler")


@limit(700)
def test_idle_writes_nothing(t):
    """200 deployments, 10 of them pending, for 60 s (--long: 5 min): no write but leases, no list"""
    seconds = 300 if t.long else 60
    t.nodes(24)  # 192 GPUs
    operator, scheduler = t.system()
    for i in range(190):
        t.create(objects.model_deployment(f"m-{i:03}"))
    wait_until(lambda: sum(p["status"].get("phase") == "Running" for p in t.pods()) == 190, 90, "190 pods run", every=0.5)
    for i in range(10):
        t.create(objects.model_deployment(f"w-{i:03}", parallelism={"tensor": 8}))  # no node has 8 free: they wait for ever
    wait_until(lambda: len(t.pods()) == 200, 30, "the waiting pods are there too", every=0.5)
    wait_until(lambda: sum(objects.is_true(m, "Ready") for m in t.api.list(t.mdep_path())) == 190, 60, "190 are Ready", every=0.5)
    quiet = t.cluster.audit()

    def silent():
        count = sum(quiet.writes(USERS).values())
        quiet.mark()
        return count == 0
    time.sleep(5)
    wait_until(silent, 90, "the first 5 s without a write", every=5)
    before = {p.name: p.usage() for p in (operator, scheduler)}
    log = t.cluster.audit()
    time.sleep(seconds)
    writes, lists = log.writes(USERS), log.count(USERS, {"list"})
    for p in (operator, scheduler):
        now = p.usage()
        print(f"   {p.name}: {now['rss_mb']:.0f} MB, {now['cpu_seconds'] - before[p.name]['cpu_seconds']:.2f} s of CPU in {seconds} s",
              flush=True)
    assert not writes, f"writes while idle: {dict(writes)}"
    assert not lists, f"lists while idle: {dict(lists)}"
    assert sum(log.writes(USERS, ignore_leases=False).values()) > 0, "no lease was renewed: is the audit log complete?"
