"""What a person wants to see when a test has failed."""

from .objects import GROUP


def dump(context):
    """A text: the objects of the test's namespace, nodes, and the end of each process's log."""
    parts = []
    for title, words in (
        ("pods", ["get", "pods", "-n", context.ns, "-o", "wide"]),
        ("modeldeployments", ["get", f"modeldeployments.{GROUP.split('/', maxsplit=1)[0]}", "-n", context.ns, "-o", "wide"]),
        ("status", ["get", f"modeldeployments.{GROUP.split('/', maxsplit=1)[0]}", "-n", context.ns, "-o",
                    "jsonpath={range .items[*]}{.metadata.name}{' '}{.status}{'\\n'}{end}"]),
        ("events", ["get", "events", "-n", context.ns, "--sort-by=.lastTimestamp"]),
        ("nodes", ["get", "nodes", "-L", "network.topology.nvidia.com/leaf"]),
    ):
        parts.append(f"--- {title}\n" + _tail(_kubectl(context, words), 40))
    for process in context._processes:  # noqa: SLF001  diagnosis looks inside
        state = "runs" if process.alive() else "does not run"
        parts.append(f"--- {process.name} ({state}), end of {process.log}\n{process.log_tail()}")
    return "\n".join(parts)


def _kubectl(context, words):
    try:
        _, out, err = context.cluster.kubectl(*words, check=False, timeout=20)
        return out + err
    except Exception as error:  # noqa: BLE001  a dump must not fail
        return f"({type(error).__name__}: {error})"


def _tail(text, lines):
    kept = text.rstrip().splitlines()
    return "\n".join(([f"... {len(kept) - lines} more"] if len(kept) > lines else []) + [line[:400] for line in kept[-lines:]])
