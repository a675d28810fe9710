"""A control plane of test/cluster, seen from a test."""

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from clusterlib import api, controlplane, nodes

from .audit import AuditLog

ROOT = Path(__file__).resolve().parents[3]
CLUSTER = ROOT / "test" / "cluster"


class Cluster:
    """Wraps a running control plane. `Cluster.start(...)` makes one; `Cluster(folder)` takes one that runs."""

    def __init__(self, folder, owned=False):
        self.dir = Path(folder).absolute()
        self.env = controlplane.load_env(self.dir)
        self.owned = owned
        self.api = controlplane.client(self.env, user_agent="e2e")

    @classmethod
    def start(cls, folder=None, *options):
        """Starts one with `up` and the given options (strings). Without a folder it gets a temporary one."""
        folder = folder or tempfile.mkdtemp(prefix="stowage-e2e-")
        command = [CLUSTER / "up", "--dir", folder, "--audit", "--max-inflight=2000", *options]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"`{' '.join(map(str, command))}` failed; its message is above")
        return cls(folder, owned=True)

    def stop(self, remove=True):
        self.api.close()
        command = [CLUSTER / "down", "--dir", str(self.dir)] + (["--remove"] if remove else [])
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0

    def client(self, identity="admin", **options):
        return controlplane.client(self.env, identity, **options)

    def kubeconfig(self, identity="admin"):
        return self.env["kubeconfigs"][identity]

    def kubectl(self, *words, stdin=None, check=True, identity="admin", timeout=60):
        """Runs kubectl; returns (exit code, stdout, stderr). `stdin` may be text or an object (sent as JSON)."""
        if stdin is not None and not isinstance(stdin, str):
            stdin = json.dumps(stdin)
        done = subprocess.run([f"{self.env['bin']}/kubectl", f"--kubeconfig={self.kubeconfig(identity)}", *words], input=stdin or "",
                              capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(words)} exited {done.returncode}: {done.stderr.strip()}")
        return done.returncode, done.stdout, done.stderr

    def program(self, name):
        return Path(self.env["bin"]) / name

    def audit(self):
        """A counter of requests from now on."""
        return AuditLog(self.env["audit_log"])

    def add_nodes(self, profile, count, first=0):
        return nodes.create(self.env, profile, count, first)

    def restart(self, name):
        """Stops a process of the control plane and starts it again with the same command line."""
        controlplane.stop(self.env, name)
        controlplane.start(self.env, name)
        if name == "kube-apiserver":
            controlplane.wait_ready(self.env)


class Recorder:
    """Watches a resource in a thread and keeps every event, so that a test can say what was true at *every* moment.

    `check(objects)` is called after each event with the present objects by "namespace/name"; what it raises fails the test
    when `stop()` is called.
    """

    def __init__(self, cluster, path, check=None, **query):
        self._client = cluster.client(user_agent="e2e-recorder")
        self._path, self._query, self._check = path, query, check
        self.events, self.objects, self.failure = [], {}, None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._list()
        self.events.clear()
        self._thread.start()
        return self

    def _list(self):
        """Takes the present state; what changed since the last event counts as events."""
        listed = self._client.get(self._path, **self._query)
        there = {_key(item): item for item in listed["items"]}
        for key in [key for key in self.objects if key not in there]:
            self._take({"type": "DELETED", "object": self.objects[key]}, check=False)
        for key, item in there.items():
            known = self.objects.get(key, {"metadata": {"resourceVersion": ""}})
            if known["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
                self._take({"type": "MODIFIED" if key in self.objects else "ADDED", "object": item}, check=False)
        self._version = listed["metadata"]["resourceVersion"]
        if self._check:  # once: half a list is no moment that ever was
            self._check(self.objects)

    def stop(self):
        self._done.set()
        self._thread.join(timeout=8)
        self._client.close()
        if self.failure:
            raise self.failure
        return self.events

    def _run(self):
        expired = False
        while not self._done.is_set() and not self.failure:
            try:
                if expired:
                    self._list()
                expired = self._follow()
            except (OSError, http.client.HTTPException):  # the server restarts
                time.sleep(0.2)
            except api.ApiError as error:
                expired = expired or error.status == 410
                time.sleep(0.2)
            except Exception as error:  # noqa: BLE001  stop() must raise it
                self.failure = error

    def _follow(self):
        """One watch, until the server ends it. Returns whether the resource version has expired (410)."""
        # A short server timeout lets stop() end the thread soon; the next watch resumes where this one ended.
        for event in self._client.watch(self._path, self._version, timeout_seconds=3, allowWatchBookmarks="true", **self._query):
            if event["type"] == "ERROR":
                return True
            self._take(event)
        return False

    def _take(self, event, check=True):
        item = event["object"]
        self._version = item["metadata"]["resourceVersion"]
        if event["type"] == "BOOKMARK":
            return
        self.events.append((time.monotonic(), event["type"], item))
        if event["type"] == "DELETED":
            self.objects.pop(_key(item), None)
        else:
            self.objects[_key(item)] = item
        if check and self._check:
            self._check(self.objects)


def _key(item):
    return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


def warn(text):
    print(text, file=sys.stderr, flush=True)
