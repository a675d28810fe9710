"""Builds the oracle (the Go module of this folder) into the cache of the test control plane, once per content."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ORACLE_DIR = Path(__file__).resolve().parent
sys.path.insert(0, str(ORACLE_DIR.parent))
from clusterlib import build  # noqa: E402


def sources():
    return sorted(path for path in ORACLE_DIR.iterdir() if path.suffix in (".go", ".mod", ".sum"))


def oracle_path():
    """Where the binary of the present sources is, whether built yet or not."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return build.cache_root() / "cluster" / f"oracle-{digest.hexdigest()[:16]}" / "oracle"


def ensure():
    """The path of the binary, built if need be. Raises build.BuildError with a sentence."""
    target = oracle_path()
    if os.access(target, os.X_OK):
        return target
    with build.locked(target.parent.parent / f"{target.parent.name}.lock"):
        if os.access(target, os.X_OK):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        build.say("building the oracle (module test/cluster/oracle)")
        scratch = target.with_suffix(".new")
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
        command = ["nice", build.find_go(), "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o", str(scratch), "."]
        done = subprocess.run(command, cwd=ORACLE_DIR, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            tail = "\n".join(done.stderr.splitlines()[-15:])
            raise build.BuildError(f"`go build` in test/cluster/oracle failed ({done.returncode}):\n{tail}")
        os.replace(scratch, target)
    return target
