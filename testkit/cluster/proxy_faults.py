"""What a proxy may do to a request instead of passing it on, as values: a script chooses one for a request,
or none."""

import json
from collections.abc import Callable
from dataclasses import dataclass

MUTATING = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    """Without the query."""
    watch: bool
    name: str
    """Of the object; of one that is being made, from its body."""
    write: int | None
    """Its number among the requests that change something, from 1 on; None of one that only reads."""

    @property
    def resource(self) -> str:
        """The plural, with the subresource: `ingestbatches/status`."""
        parts = self.path.strip("/").split("/")
        within = parts[parts.index("namespaces") + 2 :] if "namespaces" in parts[:-2] else parts[-1:]
        return "/".join([*within[:1], *within[2:3]])

    @property
    def is_event(self) -> bool:
        return self.resource == "events"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that the API server knows nothing of."""

    status: int
    reason: str
    retry_after: int | None = None

    @property
    def body(self) -> bytes:
        """A `Status`, as an API server words it."""
        return json.dumps(_status(self.status, self.reason)).encode()


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection breaks before the API server has heard of the request, or when it has accepted it and
    before the answer is back."""

    accepted: bool
    first: Callable[[], None] = lambda: None
    """What happens just before the connection breaks."""


@dataclass(frozen=True, slots=True)
class Half:
    """Half of the answer comes back; then the connection breaks."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing happens for a while; then the request is passed on, whether somebody still waits for its answer
    or not."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Broken:
    """A watch that passes some events on and then these bytes of its own, after which it ends, or breaks
    off."""

    events: int
    last: bytes = b""
    clean: bool = True
    mute: float = 0.0
    """Seconds before that in which everything that happens is kept back, and lost."""


Fault = Refusal | Reset | Half | Stall | Broken

Script = Callable[[Asked], Fault | None]
"""Called once per request, in the order in which they come in."""

BUSY = Refusal(429, "TooManyRequests", retry_after=1)
FAILING = Refusal(500, "InternalError")
CONFLICT = Refusal(409, "Conflict")
TAKEN = Refusal(409, "AlreadyExists")
EXPIRED = Refusal(410, "Expired")
"""Of a watch, before its first event."""


def _status(code: int, reason: str) -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "as scripted",
        "reason": reason,
        "code": code,
    }


def gone(events: int) -> Broken:
    """A watch whose version has expired while it lasted."""
    return Broken(events, json.dumps({"type": "ERROR", "object": _status(410, "Expired")}).encode() + b"\n")


def cut(events: int) -> Broken:
    """A watch that breaks off in the middle of an event."""
    return Broken(events, b'{"type":"MODIFIED","object":{"kind":"Pod","metada', clean=False)


def mute(events: int, seconds: float) -> Broken:
    """A watch that says nothing for a while, whatever happens, and then ends as if nothing had been."""
    return Broken(events, mute=seconds)
