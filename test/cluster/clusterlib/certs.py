"""A certificate authority of its own for each control plane, made by the openssl program (EC P-256, valid 30 days)."""

import base64
import json
import subprocess
from pathlib import Path

_CONFIG = """\
[req]
distinguished_name = dn
prompt = no
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,digitalSignature,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth,serverAuth
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
"""


class CertificateError(Exception):
    """openssl is missing or refused; the text is its own."""


class Authority:
    """A CA in a folder. `issue` makes NAME.crt and NAME.key there."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "openssl.cnf").write_text(_CONFIG, encoding="utf-8")

    @property
    def ca(self):
        return self.folder / "ca.crt"

    def create(self):
        self._certificate("ca", "/CN=stowage-test-ca", "ca", [])
        return self

    def issue(self, name, common_name, organizations=(), server=False):
        subject = "".join(f"/O={_escape(o)}" for o in organizations) + f"/CN={_escape(common_name)}"
        signer = ["-CA", str(self.ca), "-CAkey", str(self.folder / "ca.key")]
        self._certificate(name, subject, "server" if server else "leaf", signer)
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def service_account_keys(self):
        private, public = self.folder / "sa.key", self.folder / "sa.pub"
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private)
        _openssl("pkey", "-in", private, "-pubout", "-out", public)
        return private, public

    def _certificate(self, name, subject, extensions, signer):
        key = self.folder / f"{name}.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days", "30",
                 "-config", self.folder / "openssl.cnf", "-extensions", extensions, "-subj", subject, "-keyout", key,
                 "-out", self.folder / f"{name}.crt", *signer)
        key.chmod(0o600)


def _escape(text):
    return text.replace("\\", "\\\\").replace("/", "\\/").replace("+", "\\+")


def _openssl(*arguments):
    try:
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        raise CertificateError("the program openssl is not on the PATH; on Debian: apt-get install openssl") from None
    if done.returncode != 0:
        raise CertificateError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def write_kubeconfig(path, server, ca, cert, key, user):
    """Writes a kubeconfig (JSON, which is YAML) with everything embedded, so that the file can be moved."""
    def data(file):
        return base64.b64encode(Path(file).read_bytes()).decode()

    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": user,
        "clusters": [{"name": "stowage-test", "cluster": {"server": server, "certificate-authority-data": data(ca)}}],
        "users": [{"name": user, "user": {"client-certificate-data": data(cert), "client-key-data": data(key)}}],
        "contexts": [{"name": user, "context": {"cluster": "stowage-test", "user": user}}],
    }
    path = Path(path)
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
