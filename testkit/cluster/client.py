"""A plain client for tests: any request to the API server, the way a person with curl would send it, and its
answer or its refusal.

The operator's own client is under test elsewhere; this one can send what that one never would.
"""

import http.client
import json
import select
import ssl
import weakref
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from testkit.cluster.certificates import Pair

Json = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Refused(Exception):  # noqa: N818 -- what the server did
    """The server's answer was no success."""

    def __init__(self, status: int, answer: Json) -> None:
        self.status = status
        self.message = str(answer.get("message", answer))
        self.causes = [
            (cause.get("field", ""), cause.get("message", ""))
            for cause in answer.get("details", {}).get("causes", ())
        ]
        """The fields that are wrong, and what is wrong with them."""
        super().__init__(f"{status}: {self.message}")


@dataclass
class Client:
    """One user's requests."""

    port: int
    authority: Path
    user: Pair | None = None
    token: str | None = None
    warnings: list[str] = field(default_factory=list)
    """What the server warned of, in order."""
    _paths: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)
    _idle: list[http.client.HTTPSConnection] = field(default_factory=list, repr=False, compare=False)
    """Open and unused. A handshake costs both sides many times what an answer does, and tests ask often."""

    def __post_init__(self) -> None:
        weakref.finalize(self, _close, self._idle)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority))
        if self.user:
            context.load_cert_chain(self.user.certificate, self.user.key)
        return context

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
        return {"Accept": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )

    def connection(self, timeout: float | None = None) -> http.client.HTTPSConnection:
        """A connection of one's own, for what is not one answer."""
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self._tls, timeout=timeout)

    def send(
        self, method: str, path: str, body: Json | None = None, kind: str = "application/json", **query: str
    ) -> tuple[int, bytes]:
        """The status and the body of the answer, whatever it is."""
        connection = self._connected()
        address = f"{path}?{urlencode(query)}" if query else path
        try:
            connection.request(
                method,
                address,
                None if body is None else json.dumps(body),
                self.headers | {"Content-Type": kind},
            )
            answer = connection.getresponse()
            self.warnings += answer.headers.get_all("Warning", [])
            text = answer.read()
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # the server keeps it open
            self._idle.append(connection)
        return answer.status, text

    def _connected(self) -> http.client.HTTPSConnection:
        """One that is idle, and that the server has not closed meanwhile; or a new one. For any thread."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()  # nothing is asked, and there is something to read: its end
        return self.connection(timeout=60)

    def request(
        self, method: str, path: str, body: Json | None = None, kind: str = "application/json", **query: str
    ) -> Json:
        """The answer's JSON; `Refused` where it is none."""
        status, text = self.send(method, path, body, kind, **query)
        answer: Json = json.loads(text) if text[:1] == b"{" else {"message": text.decode(errors="replace")}
        if status >= http.client.BAD_REQUEST:
            raise Refused(status, answer)
        return answer

    def get(self, path: str, **query: str) -> Json:
        return self.request("GET", path, None, **query)

    def create(self, body: Json, namespace: str | None = None, **query: str) -> Json:
        return self.request("POST", self.path(body, namespace), body, **query)

    def replace(self, body: Json, **query: str) -> Json:
        """PUT what was read and changed."""
        return self.request("PUT", self.path_of(body), body, **query)

    def merge(self, path: str, body: Json, **query: str) -> Json:
        return self.request("PATCH", path, body, MERGE, **query)

    def apply(self, body: Json, namespace: str | None = None, **query: str) -> Json:
        """Server-side apply, as `kubectl apply --server-side` does."""
        where = f"{self.path(body, namespace)}/{body['metadata']['name']}"
        return self.request(
            "PATCH",
            where,
            body,
            APPLY,
            **{"fieldManager": "tests", "force": "true", "fieldValidation": "Strict", **query},
        )

    def delete(self, path: str, **query: str) -> Json:
        return self.request("DELETE", path, None, **query)

    def path_of(self, body: Json) -> str:
        """Where an object is."""
        return f"{self.path(body, None)}/{body['metadata']['name']}"

    def path(self, body: Json, namespace: str | None) -> str:
        """Where objects of this one's kind are, in its own namespace or the one given."""
        version, kind = body["apiVersion"], body["kind"]
        if (version, kind) not in self._paths:
            for resource in self.get(_root(version))["resources"]:
                if "/" not in resource["name"]:
                    self._paths[version, resource["kind"]] = (resource["name"], resource["namespaced"])
        plural, namespaced = self._paths[version, kind]
        within = namespace or body["metadata"].get("namespace")
        return (
            f"{_root(version)}/namespaces/{within}/{plural}" if namespaced else f"{_root(version)}/{plural}"
        )


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _close(connections: list[http.client.HTTPSConnection]) -> None:
    for each in connections:
        each.close()
