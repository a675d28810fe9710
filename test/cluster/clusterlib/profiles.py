"""Reads sandbox/profiles/*.yaml and makes Node objects of them. The format: sandbox/profiles/README.md."""

import re
from pathlib import Path

PROFILES = Path(__file__).resolve().parents[3] / "sandbox" / "profiles"

_POOL_REQUIRED = {"name": str, "count": int, "nodeName": str, "labels": dict, "capacity": dict, "allocatable": dict,
                  "architecture": str, "accelerator": dict, "price": dict}
_POOL_OPTIONAL = {"counters": dict, "annotations": dict, "taints": list}
_ACCELERATOR = {"resource": str, "devices": int, "memoryMiB": int, "island": int, "numaNodes": int}
_PRICE = {"currency": str, "nodeHourly": str}
_TAINT = {"key": str, "effect": str}
_PATTERN = re.compile(r"\{([A-Za-z]+)(?::(\d+)|\|([^{}]*))?\}")
_SUFFIX = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class ProfileError(Exception):
    """A sentence that names the file, the pool and the key."""


def names():
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def load(name):
    """The checked profile `name` (a file of sandbox/profiles, or a path that ends in .yaml)."""
    try:
        import yaml
    except ImportError:
        raise ProfileError("python3 has no module yaml; on Debian: apt-get install python3-yaml") from None
    path = Path(name) if name.endswith(".yaml") else PROFILES / f"{name}.yaml"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise ProfileError(f"there is no profile {name}; known: {', '.join(names())}") from None
    except yaml.YAMLError as error:
        raise ProfileError(f"{path}: {error}") from None
    _check(path, data)
    return data


def _check(path, data):
    if not isinstance(data, dict):
        raise ProfileError(f"{path}: a profile is a map")
    _check_keys(path, "profile", data, {"name": str, "description": str, "pools": list}, {})
    if data["name"] != path.stem:
        raise ProfileError(f"{path}: name is {data['name']!r}, expected {path.stem!r}")
    if not data["pools"]:
        raise ProfileError(f"{path}: pools is empty")
    seen = set()
    for pool in data["pools"]:
        where = f"pool {pool.get('name', '?')}" if isinstance(pool, dict) else "pools"
        if not isinstance(pool, dict):
            raise ProfileError(f"{path}: {where}: a pool is a map")
        _check_pool(path, where, pool)
        if pool["name"] in seen:
            raise ProfileError(f"{path}: {where}: the name is used twice")
        seen.add(pool["name"])


def _check_keys(path, where, value, required, optional):
    for key, kind in required.items():
        if key not in value:
            raise ProfileError(f"{path}: {where}: key {key} is missing")
    for key, item in value.items():
        kind = required.get(key) or optional.get(key)
        if kind is None:
            raise ProfileError(f"{path}: {where}: unknown key {key}")
        if not isinstance(item, kind) or isinstance(item, bool):
            raise ProfileError(f"{path}: {where}: {key} must be a {kind.__name__}, not {item!r}")


def _check_pool(path, where, pool):
    _check_keys(path, where, pool, _POOL_REQUIRED, _POOL_OPTIONAL)
    _check_keys(path, f"{where}: accelerator", pool["accelerator"], _ACCELERATOR, {})
    _check_keys(path, f"{where}: price", pool["price"], _PRICE, {})
    if not 1 <= pool["count"] <= 1000:
        raise ProfileError(f"{path}: {where}: count must be 1..1000, not {pool['count']}")
    for name, nodes in pool.get("counters", {}).items():
        if not isinstance(nodes, int) or nodes < 1 or name in ("i", "n"):
            raise ProfileError(f"{path}: {where}: counters: {name} must be a name other than i and n, with a number >= 1")
    for key in ("labels", "annotations", "capacity", "allocatable"):
        for name, text in pool.get(key, {}).items():
            if not isinstance(text, str):
                raise ProfileError(f"{path}: {where}: {key}: {name} must be a string (put it in quotes), not {text!r}")
    for taint in pool.get("taints", []):
        _check_keys(path, f"{where}: taints", taint, _TAINT, {"value": str})
    if set(pool["capacity"]) != set(pool["allocatable"]):
        raise ProfileError(f"{path}: {where}: capacity and allocatable name different resources")
    for key, text in pool["capacity"].items():
        try:
            if quantity(pool["allocatable"][key]) > quantity(text):
                raise ProfileError(f"{path}: {where}: allocatable {key} is larger than the capacity")
        except ValueError as error:
            raise ProfileError(f"{path}: {where}: {key}: {error}") from None
    hint = pool["accelerator"]
    if pool["capacity"].get(hint["resource"]) != str(hint["devices"]):
        raise ProfileError(f"{path}: {where}: accelerator.devices differs from the capacity of {hint['resource']}")
    for text in (pool["nodeName"], *pool["labels"].values(), *pool.get("annotations", {}).values()):
        _render(path, where, text, pool, 0, 0)


def quantity(text):
    """The value of a Kubernetes quantity as a number; ValueError when it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", text)
    if not match or match[2] not in _SUFFIX:
        raise ValueError(f"{text!r} is not a quantity")
    return float(match[1]) * _SUFFIX[match[2]]


def _render(path, where, text, pool, i, n):
    counters = pool.get("counters", {})

    def replace(match):
        name, width, choices = match[1], match[2], match[3]
        if name not in ("i", "n") and name not in counters:
            raise ProfileError(f"{path}: {where}: {match[0]} names no counter")
        number = {"i": i, "n": n}[name] if name in ("i", "n") else n // counters[name]
        if choices is not None:
            items = choices.split(",")
            return items[number % len(items)]
        return str(number).zfill(int(width or 0))

    return _PATTERN.sub(replace, text)


def pool_of(profile, i):
    """(pool, number of node i within it): the round rule of the README."""
    total = sum(pool["count"] for pool in profile["pools"])
    position, start = i % total, 0
    for pool in profile["pools"]:
        if position < start + pool["count"]:
            return pool, i // total * pool["count"] + position - start
        start += pool["count"]
    raise AssertionError("positions are smaller than the sum of the counts")


def node(profile, i, now):
    """The Node object number i (from 0), Ready; `now` is its heartbeat time as RFC 3339 text."""
    pool, n = pool_of(profile, i)

    def text(pattern):
        return _render(profile["name"], pool["name"], pattern, pool, i, n)

    name = text(pool["nodeName"])
    labels = {key: text(value) for key, value in pool["labels"].items()}
    labels.update({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": pool["architecture"],
                   "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": pool["architecture"]})
    annotations = {key: text(value) for key, value in pool.get("annotations", {}).items()}
    return make_node(name, labels, annotations, pool.get("taints", []), pool["capacity"], pool["allocatable"],
                     pool["architecture"], now, f"10.{128 + (i >> 16 & 63)}.{i >> 8 & 255}.{i & 255}")


def make_node(name, labels, annotations, taints, capacity, allocatable, architecture, now, address):
    conditions = [("Ready", "True", "KubeletReady"), ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                  ("DiskPressure", "False", "KubeletHasNoDiskPressure"), ("PIDPressure", "False", "KubeletHasSufficientPID")]
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {"taints": taints} if taints else {},
        "status": {
            "capacity": capacity, "allocatable": allocatable,
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [{"type": kind, "status": status, "reason": reason, "message": "", "lastHeartbeatTime": now,
                            "lastTransitionTime": now} for kind, status, reason in conditions],
            "nodeInfo": {"machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "6.1.0", "osImage": "fake",
                         "containerRuntimeVersion": "containerd://2.1.0", "kubeletVersion": "v1.37.2", "kubeProxyVersion": "",
                         "operatingSystem": "linux", "architecture": architecture},
        },
    }
