"""The API server's own record of requests: who wrote what, in which order, and what was answered. No program
under test can forge it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": [
        "RequestReceived",
        "ResponseStarted",
    ],  # one line per request; a watch has its own when it ends
    "rules": [
        # What the control plane reads and renews for itself would be most of the file.
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io"}]},
        {
            "level": "None",
            "userGroups": ["system:serviceaccounts:kube-system"],
            "verbs": ["get", "list", "watch"],
        },
        {"level": "None", "users": ["system:kube-controller-manager"], "verbs": ["get", "list", "watch"]},
        {"level": "Metadata"},
    ],
}
READS = ("get", "list", "watch")


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was answered."""

    user: str
    verb: str
    resource: str
    """The plural, with the subresource: `pods/log`; a path such as `/readyz` where it is about no
    resource."""
    namespace: str
    name: str
    code: int
    at: str
    """When the answer was complete, RFC 3339 with microseconds."""
    agent: str
    """The client's User-Agent."""

    @property
    def writes(self) -> bool:
        return self.verb not in READS


class AuditLog:
    """The log of one API server."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def now(self) -> int:
        """A mark: what is answered from here on is `since` it."""
        return self.path.stat().st_size if self.path.exists() else 0

    def since(
        self, mark: int = 0, *, user: str | None = None, namespace: str | None = None
    ) -> Iterator[Request]:
        """The requests behind a mark, of one user and in one namespace where these are given."""
        with self.path.open("rb") as file:
            if mark:
                file.seek(mark - 1)
                file.readline()  # of a line that was being written at the mark, the rest
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                found = _request(json.loads(line))
                if user in (None, found.user) and namespace in (None, found.namespace):
                    yield found

    def writes(
        self, mark: int = 0, *, user: str | None = None, namespace: str | None = None
    ) -> list[Request]:
        """Those that changed something, or were refused it."""
        return [request for request in self.since(mark, user=user, namespace=namespace) if request.writes]


def _request(event: dict[str, Any]) -> Request:
    about = event.get("objectRef", {})
    resource = "/".join(about[part] for part in ("resource", "subresource") if part in about)
    return Request(
        user=event.get("impersonatedUser", event["user"]).get("username", ""),
        verb=event["verb"],
        resource=resource or event["requestURI"].split("?")[0],
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        at=event["stageTimestamp"],
        agent=event.get("userAgent", ""),
    )
