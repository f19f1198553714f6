"""Who may ask, and what a browser may do with an answer: a token, names of this host, bounded addresses, and
the headers of every answer."""

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest_reader.policy import POLICY
from ingest_reader.problems import answer

MAX_ADDRESS_BYTES: Final = 16_384
"""Of a request's path and query: four times the longest that a form of these pages sends."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""Asked by probes, which have no token; they say nothing of the corpus."""

_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",  # YouTube's player asks for an origin
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask."""

    token: str | None = field(default=None, repr=False)
    """None: whoever reaches it."""
    hosts: frozenset[str] | None = None
    """Names that a request, and the page that makes it, may call this host by; None for any. On loopback
    without a token it is `LOOPBACK`: otherwise a page somewhere could point a name of its own here, and read
    the corpus (DNS rebinding)."""


class Guard:
    """ASGI middleware: refuses whom `access` does not let in, puts headers on every answer, and answers HEAD
    as GET without the body."""

    def __init__(self, app: ASGIApp, access: Access, prefix: str = "") -> None:
        """`prefix`: the path below which an ingress shows this reader, as `/corpus`. Requests may come with
        it or without it: some proxies take it away."""
        self._app = app
        self._access = access
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = self._enter(scope)
        only_head = scope["method"] == "HEAD"
        if only_head:  # FastAPI gives no route a HEAD, and RFC 9110 (9.1) wants one wherever there is a GET
            scope["method"] = "GET"

        async def guarded(message: Message) -> None:
            if only_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                kept = path.startswith("/static/")  # asked again, and answered by an ETag
                headers.setdefault("cache-control", "no-cache" if kept else "no-store")
            await send(message)

        refused = self._refusal(scope, path)
        if refused is None:
            await self._app(scope, receive, guarded)
        else:
            await answer(Request(scope), refused)(scope, receive, guarded)

    def _enter(self, scope: Scope) -> str:
        """The path of a request without the prefix. The scope gets both, as ASGI has it: `root_path`, and a
        path that begins with it, whatever a proxy made of it."""
        path: str = scope["path"]
        if not self._prefix:
            return path
        if path.startswith(f"{self._prefix}/"):
            path = path.removeprefix(self._prefix)
        elif path == self._prefix:  # no redirect: behind a proxy its scheme would be a guess
            path = "/"
        scope["root_path"], scope["path"] = self._prefix, f"{self._prefix}{path}"
        return path

    def _refusal(self, scope: Scope, path: str) -> HTTPException | None:
        headers = Headers(scope=scope)
        size = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
        if size > MAX_ADDRESS_BYTES:
            said = f"The address has {size:,} bytes; at most {MAX_ADDRESS_BYTES:,} are read."
            return HTTPException(414, said)
        if self._access.hosts is not None and _name(headers.get("host", "")) not in self._access.hosts:
            return HTTPException(421, "This reader listens to its own machine only, by the name localhost.")
        origin = headers.get("origin")
        if self._access.hosts is not None and origin and not self._is_own(origin):
            return HTTPException(403, "This reader answers no page of another site.")
        if self._access.token is None or path in OPEN_PATHS:
            return None
        if hmac.compare_digest(
            _shown(headers.get("authorization", "")).encode(), self._access.token.encode()
        ):
            return None
        said = "A token is needed: `Authorization: Bearer TOKEN`, or as the password that a browser asks for."
        asked = 'Basic realm="video-ingest reader", charset="UTF-8", Bearer'
        return HTTPException(401, said, headers={"www-authenticate": asked})

    def _is_own(self, origin: str) -> bool:
        """Whether a page of this machine asks. One from elsewhere could read no answer, but have questions
        answered and measure how long that takes; and MCP wants it refused (its transports, "Security")."""
        _, _, place = origin.partition("://")
        return _name(place) in (self._access.hosts or ())


def _shown(authorization: str) -> str:
    """The token that a request shows: a bearer's, or the password of a browser's own dialogue."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
