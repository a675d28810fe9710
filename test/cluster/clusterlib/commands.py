"""The command lines of the control plane's processes (why each flag: test/cluster/README.md)."""

from pathlib import Path

STAGES = Path(__file__).resolve().parent.parent / "stages"
CONTROLLERS = [
    "namespace-controller", "garbage-collector-controller", "serviceaccount-controller", "serviceaccount-token-controller",
    "deployment-controller", "replicaset-controller", "statefulset-controller", "job-controller", "disruption-controller",
    "resourcequota-controller", "pod-garbage-collector-controller", "resourceclaim-controller", "taint-eviction-controller",
    "endpointslice-controller", "daemonset-controller", "horizontal-pod-autoscaler-controller", "persistentvolume-binder-controller",
]
# Everything that reads or writes, without the health probes; one line when a request ends.
AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/readyz*", "/livez*", "/healthz*", "/metrics", "/version", "/openapi/*"]
- level: Metadata
"""


def etcd(env):
    client, peer = (f"http://127.0.0.1:{env['ports'][name]}" for name in ("etcd", "etcd-peer"))
    return [
        f"{env['bin']}/etcd", "--name=test", f"--data-dir={env['dir']}/etcd", "--unsafe-no-fsync", "--log-level=warn",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=test={peer}", "--quota-backend-bytes=8589934592",
    ]


def apiserver(env, options):
    folder, files = env["dir"], f"{env['dir']}/certs"
    argv = [
        f"{env['bin']}/kube-apiserver", f"--etcd-servers=http://127.0.0.1:{env['ports']['etcd']}", "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1", f"--secure-port={env['ports']['kube-apiserver']}", "--endpoint-reconciler-type=none",
        f"--tls-cert-file={files}/apiserver.crt", f"--tls-private-key-file={files}/apiserver.key",
        f"--client-ca-file={files}/ca.crt", f"--requestheader-client-ca-file={files}/ca.crt",
        "--requestheader-allowed-names=front-proxy-client", "--authorization-mode=RBAC",
        "--allow-privileged=true", "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={files}/sa.pub", f"--service-account-signing-key-file={files}/sa.key",
        "--service-cluster-ip-range=10.0.0.0/16",
    ]
    disabled = ["TaintNodesByCondition", "StorageObjectInUseProtection"]
    if options.no_kcm:  # nobody makes ServiceAccounts and their tokens then
        disabled.append("ServiceAccount")
    argv.append(f"--disable-admission-plugins={','.join(disabled)}")
    if options.max_inflight:
        argv += [f"--max-requests-inflight={options.max_inflight}",
                 f"--max-mutating-requests-inflight={max(1, options.max_inflight // 2)}"]
    if options.audit:
        policy = Path(folder) / "audit-policy.yaml"
        policy.write_text(AUDIT_POLICY, encoding="utf-8")
        argv += [f"--audit-policy-file={policy}", f"--audit-log-path={env['audit_log']}", "--audit-log-maxsize=100000"]
    runtime = [options.runtime_config] if options.runtime_config else []
    if env["gates"]:
        argv.append(f"--feature-gates={env['gates']}")
        if "GenericWorkload=true" in env["gates"]:
            runtime.append("scheduling.k8s.io/v1beta1=true")
    if runtime:
        argv.append(f"--runtime-config={','.join(runtime)}")
    return argv


def controller_manager(env):
    argv = [
        f"{env['bin']}/kube-controller-manager", f"--kubeconfig={env['kubeconfigs']['kube-controller-manager']}",
        "--bind-address=127.0.0.1", f"--secure-port={env['ports']['kube-controller-manager']}", "--leader-elect=false",
        "--use-service-account-credentials=false", f"--controllers={','.join(CONTROLLERS)}",
        "--kube-api-qps=1000", "--kube-api-burst=2000", f"--service-account-private-key-file={env['dir']}/certs/sa.key",
        f"--root-ca-file={env['ca']}", "--concurrent-gc-syncs=40", "--concurrent-namespace-syncs=20",
        "--horizontal-pod-autoscaler-sync-period=2s", "--horizontal-pod-autoscaler-downscale-stabilization=2s",
    ]
    if env["gates"]:
        argv.append(f"--feature-gates={env['gates']}")
    return argv


def kwok(env):
    argv = [f"{env['bin']}/kwok", f"--kubeconfig={env['kubeconfigs']['kwok']}", "--manage-all-nodes=true",
            "--node-lease-duration-seconds=0", "--cidr=10.32.0.0/11", "--node-ip=10.0.0.1"]
    return argv + [f"--config={path}" for path in sorted(STAGES.glob("*.yaml"))]


def scheduler(env, config=None):
    """kube-scheduler is not part of `up`; benchmarks and the harness's own tests start it."""
    argv = [f"{env['bin']}/kube-scheduler", "--bind-address=127.0.0.1"]
    return argv + ([f"--config={config}"] if config else
                   [f"--kubeconfig={env['kubeconfigs']['kube-scheduler']}", "--leader-elect=false"])
