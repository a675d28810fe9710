"""Runs the kubectl transcripts of kubectl_steps against one server."""
import os
import re
import subprocess
import time

import kubectl_steps


class Kubectl:
    """kubectl with one server's kubeconfig and a discovery cache of its own."""

    def __init__(self, name, binary, kubeconfig, folder, crds):
        self.name, self.binary, self.crds = name, binary, crds
        self.home = os.path.join(folder, "home-" + name)
        os.makedirs(self.home, exist_ok=True)
        self.env = {"PATH": os.environ.get("PATH", ""), "HOME": self.home, "KUBECONFIG": kubeconfig, "TMPDIR": self.home,
                    "KUBE_EDITOR": "sed -i s/findme/found/"}
        self.files = 0

    def arguments(self, line_words):
        words = [word.replace("${CRDS}", self.crds) for word in line_words]
        return [self.binary, "-n", kubectl_steps.NAMESPACE] + words

    def fill(self, text):
        """Replaces ${uid:kind/name} by that object's UID on this server."""
        for reference in re.findall(r"\$\{uid:([^}]+)\}", text):
            uid = self.plain(["get", reference, "-o", "jsonpath={.metadata.uid}"])[1]
            text = text.replace("${uid:" + reference + "}", uid)
        return text

    def plain(self, words, stdin=None):
        done = subprocess.run(self.arguments(words), input=stdin, capture_output=True, text=True, env=self.env, cwd=self.home, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def run(self, command):
        stdin = self.fill(command.stdin) if command.stdin is not None else None
        if command.background:
            return self.watched(command, stdin)
        deadline = time.monotonic() + 20
        while True:
            answer = self.plain(command.words(), stdin)
            if not command.until or command.until in answer[1] or time.monotonic() > deadline:
                return answer
            time.sleep(0.2)

    def watched(self, command, stdin):
        """What a watch prints while another command changes things."""
        watch = subprocess.Popen(self.arguments(command.words()), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.env, cwd=self.home)
        time.sleep(1)
        self.plain(command.background.split(), stdin)
        time.sleep(1)
        watch.terminate()
        return 0, watch.communicate(timeout=10)[0], ""


def lines(command, text):
    """The lines of an output that are compared."""
    out = kubectl_steps.scrub(text).splitlines()
    if command.only:
        out = [line for line in out if re.search(command.only, line)]
    if command.without:
        out = [line for line in out if not re.search(command.without, line)]
    return sorted(out) if command.unordered else out


def compare(command, sandbox, real):
    """Lines that say where two answers part; empty = equal."""
    if command.compare == "none":
        return []
    out = [] if sandbox[0] == real[0] else [f"exit status: sandbox {sandbox[0]} / real {real[0]}"]
    if command.compare == "status":
        if out:
            out += [f"sandbox: {sandbox[2].strip()[:300]}", f"real: {real[2].strip()[:300]}"]
        return out
    for what, mine, theirs in (("stdout", sandbox[1], real[1]), ("stderr", sandbox[2], real[2])):
        a, b = lines(command, mine), lines(command, theirs)
        if a != b:
            out += [f"{what}: sandbox: {line}" for line in a if line not in b][:12]
            out += [f"{what}: real:    {line}" for line in b if line not in a][:12]
            if sorted(a) == sorted(b):
                out.append(f"{what}: same lines in another order")
            elif not any(line.startswith(what) for line in out):
                out.append(f"{what}: {len(a)} lines in the sandbox, {len(b)} in the real one")
    return out
