"""A metrics.k8s.io server on loopback: each pod that matches the selector uses the CPU that the test says.

The API server reaches it through an APIService whose Service is the external name "localhost". So the real horizontal pod
autoscaler can be tried: it asks for exactly the pods that the scale subresource's selector names.
"""

import http.server
import json
import ssl
import threading
from urllib.parse import parse_qs, urlsplit

from clusterlib import ports
from clusterlib.nodes import now_text

from .waiting import wait_until

GROUP = "/apis/metrics.k8s.io/v1beta1"
_APISERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"
_SERVICE = "/api/v1/namespaces/kube-system/services/e2e-metrics"


class FakeMetrics:
    """`cpu` maps a pod object to its use in cores; pods that get None have no metrics."""

    def __init__(self, cluster, cpu):
        self.cluster, self.cpu = cluster, cpu
        self._api = cluster.client(user_agent="e2e-metrics")
        self._lock = threading.Lock()
        self.selectors = []

    def start(self):
        port = ports.free_ports(1)[0]
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802  the name that http.server calls
                body = json.dumps(outer.answer(urlsplit(self.path))).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = f"{self.cluster.env['dir']}/certs"
        tls.load_cert_chain(f"{folder}/apiserver.crt", f"{folder}/apiserver.key")
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._register(port)
        return self

    def _register(self, port):
        api = self.cluster.api
        api.apply(_SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "e2e-metrics"},
                             "spec": {"type": "ExternalName", "externalName": "localhost"}})
        api.apply(_APISERVICE, {
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                     "insecureSkipTLSVerify": True, "service": {"namespace": "kube-system", "name": "e2e-metrics", "port": port}}})
        wait_until(lambda: api.raw("GET", f"{GROUP}/namespaces/default/pods")[0] == 200, 20, "the metrics API is served")

    def stop(self):
        self.cluster.api.delete(_APISERVICE)
        self.cluster.api.delete(_SERVICE)
        self._server.shutdown()
        self._server.server_close()
        self._api.close()

    def answer(self, url):
        parts = url.path.split("/")
        if not url.path.startswith(GROUP) or "namespaces" not in parts:
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1", "resources": [
                {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}]}
        selector = parse_qs(url.query).get("labelSelector", [""])[0]
        namespace = parts[parts.index("namespaces") + 1]
        with self._lock:
            self.selectors.append(selector)
            pods = self._api.list(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)
        items = [self._metrics(pod) for pod in pods if self.cpu(pod) is not None]
        return {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}

    def _metrics(self, pod):
        return {"metadata": {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]},
                "timestamp": now_text(), "window": "10s",
                "containers": [{"name": c["name"], "usage": {"cpu": f"{int(self.cpu(pod) * 1000)}m", "memory": "1Gi"}}
                               for c in pod["spec"]["containers"]]}
