"""Counts requests from the API server's audit log."""

import json
import os
from collections import Counter

WRITES = frozenset(("create", "update", "patch", "delete", "deletecollection"))


class AuditLog:
    """A place in the log: counts cover what was logged after `mark()` (or after construction)."""

    def __init__(self, path):
        self.path = path
        self.offset = 0
        self.mark()

    def mark(self):
        self.offset = os.path.getsize(self.path)

    def entries(self):
        """The finished requests since the mark, as dicts of the audit API."""
        with open(self.path, "rb") as handle:
            handle.seek(self.offset)
            data = handle.read()
        for line in data[: data.rfind(b"\n") + 1].splitlines():
            entry = json.loads(line)
            if entry.get("stage") == "ResponseComplete":
                yield entry

    def count(self, user=None, verbs=None, ignore_leases=True):
        """Counter of (user, verb, resource[/subresource]); leases and bookmarked watches are what idle systems may do."""
        found = Counter()
        for entry in self.entries():
            name = entry["user"]["username"]
            target = entry.get("objectRef", {})
            resource = target.get("resource", entry["requestURI"].split("?")[0])
            if target.get("subresource"):
                resource += "/" + target["subresource"]
            if (user and name not in _names(user)) or (verbs and entry["verb"] not in verbs):
                continue
            if ignore_leases and resource == "leases":
                continue
            found[(name, entry["verb"], resource)] += 1
        return found

    def writes(self, user=None, ignore_leases=True):
        return self.count(user, WRITES, ignore_leases)


def _names(user):
    return (user,) if isinstance(user, str) else user
