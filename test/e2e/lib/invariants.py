"""Checks that must hold at every moment, over pods as a Recorder sees them."""

import time
from collections import defaultdict

from . import objects


class PartialGangs:
    """Finds gangs of which some, but not all, members are bound.

    `limit` is how many seconds a gang may stay so (0: at no moment that a watch shows). Binding is one write per pod, so a
    watch always shows the members of a gang being bound one after another; `settle` seconds are therefore allowed between the
    first and the last bind of one gang even where limit is 0.
    """

    def __init__(self, limit=0.0, settle=1.0):
        self.limit = max(limit, settle)
        self._since = {}
        self.longest = 0.0

    def __call__(self, pods):
        now = time.monotonic()
        groups = defaultdict(list)
        for item in pods.values():
            key = objects.group_of(item)
            if key and not objects.terminal(item) and "deletionTimestamp" not in item["metadata"]:
                groups[key].append(item)
        partial = set()
        for key, members in groups.items():
            size = int(members[0]["metadata"]["annotations"]["stowage.dev/group-size"])
            count = sum(map(objects.bound, members))
            if 0 < count < size:
                partial.add(key)
                since = self._since.setdefault(key, now)
                self._judge(key, count, size, now - since)
        for key in list(self._since):
            if key not in partial:
                since = self._since.pop(key)
                self._judge(key, "?", "?", now - since)

    def _judge(self, key, count, size, seconds):
        self.longest = max(self.longest, seconds)
        assert seconds <= self.limit, f"gang {key[1]} of {key[0]} was partly bound ({count} of {size}) for {seconds:.1f} s"

    def finish(self):
        assert not self._since, f"gangs are still partly bound: {sorted(key[1] for key in self._since)}"


def no_oversale(nodes, pods, resource="nvidia.com/gpu"):
    """No node has more of a resource given away than it has."""
    room = {n["metadata"]["name"]: int(n["status"]["allocatable"].get(resource, "0")) for n in nodes}
    used = defaultdict(int)
    for item in pods:
        if objects.bound(item) and not objects.terminal(item):
            used[item["spec"]["nodeName"]] += objects.gpus_of(item, resource)
    for name, count in used.items():
        assert count <= room.get(name, 0) or name not in room, f"node {name} has {room[name]} {resource} but {count} were given away"


def no_duplicates(pods):
    """At most one live pod per (deployment, replica, rank), counting pods that are not being deleted."""
    seen = {}
    for item in pods:
        if "deletionTimestamp" in item["metadata"] or objects.terminal(item):
            continue
        key = tuple(objects.label(item, part) for part in ("deployment", "replica", "rank"))
        assert key not in seen, f"two live pods for {key}: {seen[key]} and {item['metadata']['name']}"
        seen[key] = item["metadata"]["name"]
