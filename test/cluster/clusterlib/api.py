"""A small client of the Kubernetes API for tests: JSON over HTTPS with a client certificate, nothing but the standard library.

It does what tests need and no more: no caches, no retries, one connection per client. A client is not for use by two
threads at once; `clone()` gives another connection with the same identity.
"""

import http.client
import json
import ssl
from urllib.parse import urlencode, urlsplit

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


class ApiError(Exception):
    """The server said no. `status` is the HTTP code, `reason` the Status reason, `body` the decoded answer."""

    def __init__(self, method, path, status, body):
        self.status = status
        self.body = body
        self.reason = body.get("reason", "") if isinstance(body, dict) else ""
        message = body.get("message", "") if isinstance(body, dict) else str(body)
        super().__init__(f"{method} {path}: {status} {self.reason}: {message}")
        self.message = message


class Client:
    def __init__(self, server, ca, cert=None, key=None, token=None, user_agent="stowage-test", timeout=30.0):
        self.server, self.ca, self.cert, self.key, self.token = server, ca, cert, key, token
        self.user_agent, self.timeout = user_agent, timeout
        self._tls = ssl.create_default_context(cafile=str(ca))
        if cert:
            self._tls.load_cert_chain(str(cert), str(key))
        self._connection = None

    def clone(self, user_agent=None):
        return Client(self.server, self.ca, self.cert, self.key, self.token, user_agent or self.user_agent, self.timeout)

    def close(self):
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connect(self, timeout):
        where = urlsplit(self.server)
        return http.client.HTTPSConnection(where.hostname, where.port, context=self._tls, timeout=timeout)

    def _headers(self, content_type):
        headers = {"Accept": "application/json", "User-Agent": self.user_agent}
        if content_type:
            headers["Content-Type"] = content_type
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def raw(self, method, path, body=None, content_type=None):
        """Returns (HTTP status, bytes). A kept-alive connection that the server closed is opened again once."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None and not content_type:
            content_type = "application/json"
        for attempt in (0, 1):
            fresh = self._connection is None
            if fresh:
                self._connection = self._connect(self.timeout)
            try:
                self._connection.request(method, path, body=data, headers=self._headers(content_type))
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (ConnectionError, ssl.SSLError):  # RemoteDisconnected is a ConnectionError
                self.close()
                if fresh or attempt:
                    raise
            except Exception:
                self.close()
                raise
        raise AssertionError("unreachable")

    def request(self, method, path, body=None, content_type=None, **query):
        """Returns the decoded object; raises ApiError for a status of 400 and above."""
        if query:
            path += ("&" if "?" in path else "?") + urlencode(query)
        status, data = self.raw(method, path, body, content_type)
        try:
            answer = json.loads(data) if data else {}
        except ValueError:
            answer = data.decode(errors="replace")
        if status >= 400:
            raise ApiError(method, path, status, answer)
        return answer

    def get(self, path, **query):
        return self.request("GET", path, **query)

    def list(self, path, **query):
        return self.get(path, **query)["items"]

    def find(self, path):
        """The object, or None when it does not exist."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def create(self, path, body):
        return self.request("POST", path, body)

    def patch(self, path, body, content_type=MERGE, **query):
        return self.request("PATCH", path, body, content_type, **query)

    def apply(self, path, body, manager="stowage-test", force=True):
        return self.request("PATCH", path, body, APPLY, fieldManager=manager, force="true" if force else "false")

    def delete(self, path, missing_ok=True, **options):
        """Deletes; `options` are DeleteOptions fields such as propagationPolicy or gracePeriodSeconds."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", **options} if options else None
        try:
            return self.request("DELETE", path, body)
        except ApiError as error:
            if error.status == 404 and missing_ok:
                return None
            raise

    def watch(self, path, resource_version, timeout_seconds=300, **query):
        """Yields watch events (dicts) until the server ends the stream. Uses a connection of its own."""
        query = {"watch": "true", "resourceVersion": resource_version, "timeoutSeconds": timeout_seconds, **query}
        connection = self._connect(timeout_seconds + 10)
        try:
            connection.request("GET", path + "?" + urlencode(query), headers=self._headers(None))
            answer = connection.getresponse()
            if answer.status >= 400:
                raise ApiError("GET", path, answer.status, json.loads(answer.read() or b"{}"))
            for line in answer:
                if line.strip():
                    yield json.loads(line)
        finally:
            connection.close()
