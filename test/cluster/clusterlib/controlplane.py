"""Starts and stops a real Kubernetes control plane on loopback. The state lives in the folder D that the caller names:

  D/env.json           what runs where; written after each start, so that `down` finds even a half-started one
  D/admin.kubeconfig   and one more per identity
  D/certs  D/logs  D/etcd  D/audit.log
"""

import fcntl
import json
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from . import api, build, certs, commands, ports, processes

VERSION = "v1.37.2"
# Identity -> (common name, organizations). The names are the users that RBAC and the audit log see.
IDENTITIES = {
    "admin": ("stowage-test-admin", ("system:masters",)),
    "kube-controller-manager": ("system:kube-controller-manager", ("system:masters",)),
    "kube-scheduler": ("system:kube-scheduler", ()),
    "kwok": ("kwok", ("system:masters",)),
    "operator": ("stowage-operator", ()),
    "scheduler": ("stowage-scheduler", ()),
}
STOP_ORDER = ("kwok", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")


class ClusterError(Exception):
    """A sentence for the person who ran `up` or `down`."""


class PortTaken(Exception):
    pass


def load_env(folder):
    """The contents of D/env.json; ClusterError when there is none."""
    try:
        return json.loads((Path(folder) / "env.json").read_text(encoding="utf-8"))
    except OSError:
        raise ClusterError(f"{folder} holds no control plane (no env.json); test/cluster/up --dir {folder} makes one") from None
    except ValueError as error:
        raise ClusterError(f"{folder}/env.json is damaged ({error}); end its processes by hand and remove it") from None


def save_env(env):
    path = Path(env["dir"]) / "env.json"
    scratch = path.with_suffix(".json.new")
    scratch.write_text(json.dumps(env, indent=1) + "\n", encoding="utf-8")
    os.replace(scratch, path)


def running(env):
    return [name for name, record in env["processes"].items() if processes.is_alive(record)]


@contextmanager
def folder_lock(folder):
    """One `up` or `down` at a time per folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open(Path(folder) / ".lock", "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterError(f"another up or down works in {folder}; wait for it") from None
        yield


def up(folder, options):
    """Starts everything and returns env. On any failure nothing keeps running."""
    folder = Path(folder).absolute()
    with folder_lock(folder):
        if (folder / "env.json").exists() and running(load_env(folder)):
            raise ClusterError(f"a control plane runs in {folder} already; test/cluster/down --dir {folder} ends it")
        for attempt in range(1, 4):
            _wipe(folder)
            env = _new_env(folder, options)
            try:
                _start_all(env, options)
                return env
            except PortTaken as taken:
                _stop_all(env)
                if attempt == 3:
                    raise ClusterError(f"a port was taken three times in a row: {taken}") from None
                build.say(f"{taken}; trying other ports")
            except BaseException:
                _stop_all(env)
                raise
    raise AssertionError("unreachable")


def down(folder):
    """Ends what runs in the folder. Returns the names that would not die (empty: all is well). Safe to call twice."""
    folder = Path(folder).absolute()
    if not (folder / "env.json").exists():
        return []
    with folder_lock(folder):
        return _stop_all(load_env(folder))


def _wipe(folder):
    for name in ("etcd", "certs", "logs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in [folder / "env.json", folder / "audit.log", *folder.glob("*.kubeconfig")]:
        path.unlink(missing_ok=True)


def _new_env(folder, options):
    (folder / "logs").mkdir()
    numbers = ports.free_ports(4)
    return {
        "dir": str(folder), "bin": str(build.bin_dir()), "version": VERSION, "server": f"https://127.0.0.1:{numbers[2]}",
        "ports": dict(zip(("etcd", "etcd-peer", "kube-apiserver", "kube-controller-manager"), numbers)),
        "ca": str(folder / "certs" / "ca.crt"), "kubeconfig": str(folder / "admin.kubeconfig"), "kubeconfigs": {}, "certs": {},
        "audit_log": str(folder / "audit.log") if options.audit else None, "gates": options.gates or "", "processes": {},
    }


def _start_all(env, options):
    start(env, "etcd", commands.etcd(env))
    _write_identities(env, options.users or [])
    start(env, "kube-apiserver", commands.apiserver(env, options))
    wait_ready(env)
    if not options.no_kcm:
        start(env, "kube-controller-manager", commands.controller_manager(env))
    if not options.no_kwok:
        start(env, "kwok", commands.kwok(env))
    if not options.no_kcm:
        _wait_default_account(env)


def _write_identities(env, extra):
    identities = dict(IDENTITIES)
    for user in extra:
        identities.setdefault(user, (user, ()))
    authority = certs.Authority(Path(env["dir"]) / "certs").create()
    authority.service_account_keys()
    authority.issue("apiserver", "kube-apiserver", server=True)
    for name, (user, groups) in identities.items():
        cert, key = authority.issue(name, user, groups)
        path = Path(env["dir"]) / f"{name}.kubeconfig"
        certs.write_kubeconfig(path, env["server"], authority.ca, cert, key, user)
        env["kubeconfigs"][name] = str(path)
        env["certs"][name] = {"cert": str(cert), "key": str(key), "user": user}
    save_env(env)


def start(env, name, argv=None):
    """Starts (or, without argv, starts again as before) one process of the control plane and writes it down."""
    argv = argv or env["processes"][name]["argv"]
    env["processes"][name] = processes.start(argv, Path(env["dir"]) / "logs" / f"{name}.log")
    save_env(env)
    return env["processes"][name]


def stop(env, name, timeout=5.0):
    """Ends one process of the control plane. Returns whether it is gone."""
    return processes.stop(env["processes"][name], timeout)


def client(env, identity="admin", **options):
    files = env["certs"][identity]
    return api.Client(env["server"], env["ca"], files["cert"], files["key"], **options)


def wait_ready(env, timeout=60.0):
    """Waits until /readyz is 200; says which process died, with its last lines, when one did."""
    probe = client(env, timeout=2.0)
    deadline = time.monotonic() + timeout
    while True:
        try:
            if probe.raw("GET", "/readyz")[0] == 200:
                probe.close()
                return
        except OSError:
            pass
        _check_alive(env)
        if time.monotonic() > deadline:
            raise ClusterError(f"kube-apiserver is not ready after {timeout:.0f} s; logs in {env['dir']}/logs:\n"
                               + processes.log_tail(env["processes"]["kube-apiserver"]))
        time.sleep(0.05)


def _check_alive(env):
    for name, record in env["processes"].items():
        processes.wait_gone(record, 0)
        if not processes.is_alive(record):
            tail = processes.log_tail(record)
            if "address already in use" in tail:
                raise PortTaken(f"{name} found its port taken")
            raise ClusterError(f"{name} ended by itself; log {record['log']}:\n{tail}")


def _wait_default_account(env, timeout=30.0):
    """Pods can be created once the controller manager has made the default ServiceAccount."""
    probe = client(env)
    deadline = time.monotonic() + timeout
    while not probe.find("/api/v1/namespaces/default/serviceaccounts/default"):
        _check_alive(env)
        if time.monotonic() > deadline:
            raise ClusterError(f"no default ServiceAccount after {timeout:.0f} s; logs in {env['dir']}/logs")
        time.sleep(0.05)
    probe.close()


def _stop_all(env):
    """Ends everything, clients before servers. Returns the names that are still alive."""
    names = sorted(env["processes"], key=lambda name: STOP_ORDER.index(name) if name in STOP_ORDER else -1)
    return [name for name in names if not stop(env, name, timeout=3.0 if name == "kube-apiserver" else 5.0)]
