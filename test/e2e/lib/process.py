"""Our programs as processes of a test: start, stop, kill -9, logs, memory, CPU, health."""

import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

from clusterlib import ports, processes

from .waiting import wait_until


class Process:
    """One run of `stowage-operator` or `stowage-scheduler` (or any program that takes --serve-address).

    `name` is for logs and files; the log holds stdout and stderr of all runs under that name, in order.
    """

    def __init__(self, program, name, folder, kubeconfig=None, leader_elect=True, config=None, extra=(), log_format="text"):
        self.program, self.name = Path(program), name
        self.log = Path(folder) / f"{name}.log"
        self.port = ports.free_ports(1)[0]
        self.argv = [str(program), f"--serve-address=127.0.0.1:{self.port}", f"--log-format={log_format}"]
        if kubeconfig:
            self.argv.append(f"--kubeconfig={kubeconfig}")
        if config:
            self.argv.append(f"--config={config}")
        if not leader_elect:
            self.argv.append("--leader-elect=false")
        self.argv += list(extra)
        self.record = None

    def start(self):
        assert not self.alive(), f"{self.name} runs already"
        self.record = processes.start(self.argv, self.log)
        return self

    def alive(self):
        if not self.record:
            return False
        processes.wait_gone(self.record, 0)  # collects the exit status of a child, so that a zombie is not taken for alive
        return processes.is_alive(self.record)

    def wait_ready(self, timeout=30):
        """Until /readyz is 200; fails at once when the process has ended."""
        def ready():
            if not self.alive():
                raise RuntimeError(f"{self.name} ended by itself; log {self.log}:\n{self.log_tail()}")
            return self.http("/readyz")[0] == 200
        wait_until(ready, timeout, f"{self.name} is ready")
        return self

    def http(self, path):
        """(status, text) of a path on the serving address; status 0 when nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError:
            return 0, ""

    def metric(self, name, **labels):
        """The sum of a series over all label sets that contain `labels`; None when it is not served."""
        return parse_metric(self.http("/metrics")[1], name, labels)

    def kill(self):
        """kill -9, as a crash or an out-of-memory would."""
        if self.record:
            processes.send(self.record, signal.SIGKILL)
            processes.wait_gone(self.record, 5)

    def terminate(self, timeout=30):
        """SIGTERM; returns the seconds until it ended, or raises when it did not."""
        started = time.monotonic()
        if self.record and processes.send(self.record, signal.SIGTERM) and not processes.wait_gone(self.record, timeout):
            self.kill()
            raise AssertionError(f"{self.name} did not end within {timeout} s of SIGTERM")
        return time.monotonic() - started

    def stop(self):
        """Ends it for cleanup: SIGTERM, then SIGKILL, no questions."""
        if self.record:
            processes.stop(self.record, 10)

    def usage(self):
        """{"rss_mb", "cpu_seconds"} of the live process."""
        found = processes.usage(self.record) if self.record else None
        assert found, f"{self.name} does not run; log {self.log}:\n{self.log_tail()}"
        return found

    def log_text(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=25):
        return "\n".join(self.log_text().splitlines()[-lines:])


def parse_metric(text, name, labels):
    """The sum of a Prometheus text series over the label sets that contain `labels`; None when there is none."""
    total, seen = 0.0, False
    for line in text.splitlines():
        if not line.startswith(name) or line[len(name):len(name) + 1] not in ("{", " "):
            continue
        if all(f'{key}="{value}"' in line for key, value in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
            seen = True
    return total if seen else None
