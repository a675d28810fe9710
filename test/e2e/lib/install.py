"""Puts Stowage's objects into a cluster: CRDs, and the roles of operator and scheduler.

The roles are those of the chart (rendered with helm), so that tests run with exactly the rights that users get. The chart
binds them to ServiceAccounts; here the processes run outside the cluster with client certificates, so each binding gets the
test's user beside its ServiceAccount.
"""

import subprocess

import yaml

from .cluster import ROOT, warn
from .waiting import wait_until

NAMESPACE = "stowage-system"
USERS = {"operator": "stowage-operator", "scheduler": "stowage-scheduler"}
RBAC_KINDS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")


def install(cluster):
    """CRDs, namespace and roles. Idempotent."""
    cluster.api.apply(f"/api/v1/namespaces/{NAMESPACE}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    install_crds(cluster)
    objects = chart_roles(cluster)
    if not objects:
        warn("e2e: no charts/stowage here: operator and scheduler get cluster-admin, so missing rights go unseen")
        objects = [_cluster_admin(user) for user in USERS.values()]
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-",
                    stdin={"apiVersion": "v1", "kind": "List", "items": objects})


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


def chart_roles(cluster):
    chart = ROOT / "charts" / "stowage"
    if not (chart / "Chart.yaml").exists():
        return []
    done = subprocess.run([cluster.program("helm4"), "template", "stowage", str(chart), "--namespace", NAMESPACE],
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"helm template of charts/stowage failed: {done.stderr.strip()}")
    objects = [item for item in yaml.safe_load_all(done.stdout) if item and item["kind"] in RBAC_KINDS]
    for item in objects:
        if item["kind"] not in ("ClusterRole", "ClusterRoleBinding"):
            item["metadata"].setdefault("namespace", NAMESPACE)
        for subject in list(item.get("subjects", [])):
            for word, user in USERS.items():
                if subject["kind"] == "ServiceAccount" and word in subject["name"]:
                    item["subjects"].append({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user})
    return objects


def _cluster_admin(user):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": f"e2e-{user}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}]}
