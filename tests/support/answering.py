"""A server that gives everybody one answer: what else than a reader may stand at an address."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Final

from typing_extensions import override

from testkit.web_server import listening

PROBLEM: Final = "application/problem+json"
LOGIN: Final = b"<!doctype html><title>Who are you?</title>"


@contextmanager
def answering(
    status: int, kind: str, body: bytes, *, named: list[str | None] | None = None, **headers: str
) -> Iterator[str]:
    """Its address. `named` gets by what each client says who it is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if named is not None:
                named.append(self.headers["authorization"])
            self.send_response(status)
            for name, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with listening(Handler) as port:
        yield f"http://127.0.0.1:{port}"


NO_READERS: Final = (
    (200, "text/html", LOGIN),
    (200, "application/json", b"{}"),
    (200, "application/json", b"[]"),
    (200, "application/json", b'{"items": [{"id": 7}], "notes": []}'),
    (200, "application/json", b'{"items": ["a"], "notes": []}'),
    (200, "application/json", b"\xff"),
    (200, "application/json", b"[" * 100_000),
    (302, "text/html", LOGIN),
    (403, "text/html", LOGIN),
    (404, "application/json", b'{"detail": "Not Found"}'),
    (404, PROBLEM, b'{"title": "Not Found"}'),
    (502, "text/html", b"<h1>Bad Gateway</h1>"),
)
"""(status, media type, body) of answers that no reader gives."""
