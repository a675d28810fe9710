"""Finds and runs the tests of test/e2e/test_*.py.

A test is a function `test_...(t)` with a docstring "situation: outcome"; `t` is a Context. Attributes set by the decorators
below say what it needs. Tests run one after another on one control plane (the programs under test are singletons per cluster);
each has its own namespace, nodes and processes.
"""

import importlib.util
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from clusterlib import build, controlplane

from . import diagnose, install
from .cluster import ROOT, Cluster, warn
from .context import Context

E2E = ROOT / "test" / "e2e"
SKIPPED = 77
PROGRAMS = ("stowage-operator", "stowage-scheduler")


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


def limit(seconds):
    """Decorator: the test may take so long (default 120 s)."""
    def mark(function):
        function.limit = seconds
        return function
    return mark


def own_cluster(*options):
    """Decorator: the test needs a control plane of its own, started with these options of `up`."""
    def mark(function):
        function.own_cluster = options
        return function
    return mark


def plain(function):
    """Decorator: the test needs neither our programs nor our CRDs."""
    function.plain = True
    return function


def schema(function):
    """Decorator: the test needs our CRDs, but none of our programs."""
    function.schema = True
    return function


def long_only(function):
    """Decorator: only with --long (minutes by hand)."""
    function.long_only = True
    return function


def discover(pattern):
    """[(name, function)] of all tests whose "file.function" the regular expression finds, in file and source order."""
    found = []
    for path in sorted(E2E.glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tests = [item for key, item in vars(module).items() if key.startswith("test_") and callable(item)]
        found += [(f"{path.stem}.{item.__name__}", item) for item in tests if item.__module__ == path.stem]
    return [(name, item) for name, item in found if re.search(pattern, name)]


def find_binaries(given):
    """The folder with our programs, or None: --bin, $STOWAGE_BIN, build/release/bin, build/dev/bin."""
    for folder in filter(None, (given, os.environ.get("STOWAGE_BIN"), ROOT / "build/release/bin", ROOT / "build/dev/bin")):
        if all(os.access(Path(folder) / name, os.X_OK) for name in PROGRAMS):
            return Path(folder).absolute()
    return None


class Run:
    def __init__(self, options):
        self.options = options
        self.binaries = find_binaries(options.bin)
        self.logs = Path(options.logs or tempfile.mkdtemp(prefix="stowage-e2e-logs-"))
        self.logs.mkdir(parents=True, exist_ok=True)
        self.shared = Cluster(options.cluster_dir) if options.cluster_dir else None
        self.passed, self.failed, self.skipped = [], [], []

    def execute(self, tests):
        try:
            for number, (name, function) in enumerate(tests, 1):
                self._one(f"[{number}/{len(tests)}]", name, function)
        finally:
            if self.shared and self.shared.owned:
                self.shared.stop()
        for name in self.failed:
            warn(f"FAILED {name}")
        warn(f"logs: {self.logs}")
        print(f"{len(self.passed)} passed, {len(self.failed)} failed" + (f", {len(self.skipped)} skipped" if self.skipped else ""),
              flush=True)
        if self.failed:
            return 1
        return 0 if self.passed else SKIPPED

    def _one(self, counter, name, function):
        started = time.monotonic()
        try:
            reason = self._why_not(function)
            if reason:
                raise Skip(reason)
            warn(f"{counter} {name}: {first_line(function)}")
            self._on_cluster(name, function)
            self.passed.append(name)
            warn(f"{counter} {name}: ok, {time.monotonic() - started:.1f} s")
        except Skip as skip:
            self.skipped.append(name)
            warn(f"{counter} {name}: skipped: {skip}")
            if os.environ.get("CI") == "true" and not getattr(function, "long_only", False):
                self.failed.append(f"{name} (skipped, which CI does not accept)")
        except Exception:  # noqa: BLE001  the next test must run
            self.failed.append(name)
            traceback.print_exc()
            warn(f"{counter} {name}: FAILED after {time.monotonic() - started:.1f} s")

    def _why_not(self, function):
        if getattr(function, "long_only", False) and not self.options.long:
            return "takes minutes; run with --long"
        if not getattr(function, "plain", False):
            if not self.binaries and not getattr(function, "schema", False):
                return f"no {' and '.join(PROGRAMS)} in build/release/bin or build/dev/bin (or --bin, $STOWAGE_BIN)"
            if not install.crd_files():
                return "no crds/*.yaml"
        return None

    def _on_cluster(self, name, function):
        own = getattr(function, "own_cluster", None)
        cluster = Cluster.start(None, *own) if own is not None else self._shared_cluster()
        try:
            if not getattr(function, "plain", False):
                self._install(cluster)
            self._call(cluster, name, function)
        finally:
            if own is not None:
                cluster.stop()

    def _shared_cluster(self):
        if not self.shared:
            self.shared = Cluster.start()
        return self.shared

    def _install(self, cluster):
        if not getattr(cluster, "installed", False):
            install.install(cluster)
            cluster.installed = True

    def _call(self, cluster, name, function):
        folder = self.logs / name
        folder.mkdir(exist_ok=True)
        context = Context(cluster, name, folder, self.binaries, self.options.seed)
        context.long = self.options.long
        problems = []
        try:
            with_limit(function, context, getattr(function, "limit", 120))
        except Skip:
            raise
        except Exception:
            text = diagnose.dump(context)
            (folder / "diagnosis.txt").write_text(text, encoding="utf-8")
            warn(text)
            raise
        finally:
            problems = context.close()
            for problem in problems:
                warn(f"{name}: cleanup: {problem}")
        if problems:
            raise AssertionError(f"passed, but its cleanup failed: {problems[0]}")


def with_limit(function, context, seconds):
    def over(*_):
        raise TimeoutError(f"the test took more than its limit of {seconds} s")

    previous = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        function(context)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def first_line(function):
    return (function.__doc__ or "no description").strip().splitlines()[0]


def setup(folder):
    """The fixture: a control plane that several runs share. Exit status for ctest."""
    try:
        build.ensure()
    except build.BuildError as error:
        warn(f"test/e2e/run: skipped, no control plane: {error}")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    controlplane.down(folder)  # what a run that was interrupted has left
    Cluster.start(folder)
    return 0


def teardown(folder):
    if not (Path(folder) / "env.json").exists():
        return 0
    return 0 if Cluster(folder).stop() else 1


def main(options):
    if options.setup:
        return setup(options.cluster_dir)
    if options.teardown:
        return teardown(options.cluster_dir)
    tests = discover(options.pattern)
    if options.list:
        for name, function in tests:
            print(f"{name}: {first_line(function)}")
        return 0
    if not tests:
        warn(f"test/e2e/run: no test matches {options.pattern!r}; --list shows them all")
        return 1
    if options.cluster_dir and not (Path(options.cluster_dir) / "env.json").exists():
        warn(f"test/e2e/run: no control plane in {options.cluster_dir}; --setup makes one")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    return Run(options).execute(tests)


def interrupted(*_):
    sys.exit(143)
