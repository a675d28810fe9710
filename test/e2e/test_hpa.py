"""The horizontal pod autoscaler of Kubernetes on the scale subresource."""

from lib import objects
from lib.fake_metrics import FakeMetrics
from lib.runner import limit, plain
from lib.waiting import stays, wait_until

HPAS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"


def autoscaler(target, most, average_cpu):
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "hpa"}, "spec": {
        "scaleTargetRef": target, "minReplicas": 1, "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": average_cpu}}}]}}


@limit(180)
def test_two_node_model(t):
    """2 groups of two nodes, the leaders use 1 CPU, target 500m: the autoscaler sees 2 replicas (not 4 pods) and asks for 4"""
    t.nodes(8)
    t.system()
    t.create(objects.two_node_model("big", replicas=2))
    t.wait_ready("big")
    metrics = FakeMetrics(t.cluster, lambda pod: 1.0)
    t.cleanup(metrics.stop)
    metrics.start()
    target = {"apiVersion": objects.GROUP, "kind": "ModelDeployment", "name": "big"}
    t.api.create(HPAS.format(t.ns), autoscaler(target, 10, "500m"))
    hpa = lambda: t.api.get(HPAS.format(t.ns) + "/hpa").get("status", {})  # noqa: E731
    wait_until(lambda: hpa().get("desiredReplicas") == 4, 40, "the autoscaler wants 4 replicas", every=0.5)
    assert all("stowage.dev/rank=0" in s for s in metrics.selectors if s), metrics.selectors
    wait_until(lambda: t.mdep("big")["spec"]["replicas"] == 4 and len(t.active_pods("big")) == 8, 20, "4 groups of 2 pods exist")
    metrics.cpu = lambda pod: 0.5  # exactly on target now, whatever the number of replicas
    wait_until(lambda: t.mdep("big")["status"].get("ready") == "4/4", 20, "4/4 ready")
    stays(lambda: t.mdep("big")["spec"]["replicas"] == 4, 6, "4 replicas")
    assert hpa()["currentReplicas"] == 4, hpa()
    metrics.cpu = lambda pod: 0.1
    wait_until(lambda: t.mdep("big")["spec"]["replicas"] == 1, 40, "and 1 when there is little to do", every=0.5)
    wait_until(lambda: len(t.active_pods("big")) == 2, 20, "one group of 2 pods is left")


@limit(120)
@plain
def test_fake_metrics_drive_an_autoscaler(t):
    """the harness's metrics server with an ordinary Deployment: 1 CPU a pod, target 500m: 2 replicas become 4"""
    t.api.create(f"/apis/apps/v1/namespaces/{t.ns}/deployments", {
        "metadata": {"name": "web"}, "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"nodeName": t.nodes(1)[0], "containers": [{"name": "main", "image": "example.invalid/none"}]}}}})
    wait_until(lambda: sum(objects.is_true(p, "Ready") for p in t.pods()) == 2, 20, "two pods are ready")
    metrics = FakeMetrics(t.cluster, lambda pod: 1.0)
    t.cleanup(metrics.stop)
    metrics.start()
    t.api.create(HPAS.format(t.ns), autoscaler({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, 4, "500m"))
    wait_until(lambda: len(t.pods()) == 4, 40, "four pods exist", every=0.5)
    assert any("app=web" in s for s in metrics.selectors)
