"""Long-running processes that outlive the script that starts them: start, check, stop, by pid and start time.

A pid alone is not an identity: it may be given to another program. A record {"pid", "start_ticks"} is, and every
function here looks at both before it touches a process.
"""

import os
import signal
import subprocess
import time
from pathlib import Path


def start_ticks(pid):
    """The start time of a live process in clock ticks since boot; None when there is none (a zombie counts as none)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return None if fields[0] in "ZX" else int(fields[19])


def is_alive(record):
    return start_ticks(record["pid"]) == record["start_ticks"]


def start(argv, log, environment=None):
    """Starts argv in a session of its own, output appended to `log`. Returns its record (a dict for JSON)."""
    with open(log, "ab") as out:
        child = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 start_new_session=True, env=environment, close_fds=True)
    return {"pid": child.pid, "start_ticks": start_ticks(child.pid) or 0, "argv": [str(word) for word in argv], "log": str(log)}


def send(record, number):
    """Sends a signal if the process is still the one that was started. Returns whether it was sent."""
    if not is_alive(record):
        return False
    try:
        os.kill(record["pid"], number)
        return True
    except ProcessLookupError:
        return False


def wait_gone(record, timeout):
    """Waits until the process has ended, at most `timeout` seconds. Returns whether it has."""
    deadline = time.monotonic() + timeout
    while is_alive(record):
        _reap(record["pid"])
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    _reap(record["pid"])
    return True


def stop(record, timeout=5.0):
    """SIGTERM, then after `timeout` seconds SIGKILL. Returns whether the process is gone."""
    if send(record, signal.SIGTERM) and not wait_gone(record, timeout):
        send(record, signal.SIGKILL)
    return wait_gone(record, 5.0)


def _reap(pid):
    """Collects the exit status if the process is a child of ours; it is none when another script started it."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except (ChildProcessError, OSError):
        pass


def usage(record):
    """{"rss_mb", "cpu_seconds"} of a live process, or None."""
    if not is_alive(record):
        return None
    try:
        stat = Path(f"/proc/{record['pid']}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat[stat.rindex(")") + 2:].split()
    except OSError:
        return None
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return {"rss_mb": int(fields[21]) * page / 1e6, "cpu_seconds": (int(fields[11]) + int(fields[12])) / ticks}


def log_tail(record, lines=12):
    try:
        text = Path(record["log"]).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])
