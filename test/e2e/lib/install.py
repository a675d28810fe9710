"""Puts Stowage's objects into a cluster: CRDs, and the roles of operator and scheduler.

The roles are the ones that users install (deploy/rbac), so that tests run with exactly those rights. They name the users
stowage-operator and stowage-scheduler beside the ServiceAccounts.
"""

import yaml

from .cluster import ROOT
from .waiting import wait_until


def install(cluster):
    """CRDs, namespace and roles. Idempotent."""
    install_crds(cluster)
    namespace = ROOT / "deploy" / "rbac" / "namespace.yaml"
    for path in [namespace, *sorted(p for p in namespace.parent.glob("*.yaml") if p != namespace)]:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={path}")


def crd_files():
    return sorted((ROOT / "crds").glob("*.yaml"))


def install_crds(cluster):
    """Applies crds/*.yaml and waits until they are served."""
    files = crd_files()
    if not files:
        raise RuntimeError(f"{ROOT}/crds holds no *.yaml")
    cluster.kubectl("apply", "--server-side", "--force-conflicts", *(f"--filename={path}" for path in files))
    for path in files:
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            spec = document["spec"]
            version = next(v["name"] for v in spec["versions"] if v["served"])
            plural = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
            wait_until(lambda where=plural: cluster.api.raw("GET", where)[0] == 200, 15, f"{plural} is served")
