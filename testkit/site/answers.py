"""An answer on its way: whole, in ranges, slowly, or broken off in the middle."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, Self

from testkit.media.server import asked_range

_BLOCK_BYTES: Final = 2_000


@dataclass(slots=True)
class Answer:
    """What is answered to one request."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "text/plain"
    """The media type."""
    ranges: bool = False
    cut: bool = False
    """Whether the first half comes and the connection ends, and everything behind it is 403."""
    bytes_per_second: int | None = None

    @classmethod
    def json(cls, page: dict[str, Any]) -> Self:
        """A page."""
        return cls(json.dumps(page).encode(), kind="application/json")


class Reply:
    """Sends an answer."""

    def __init__(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        self._handler, self._answer = handler, answer

    def send(self) -> None:
        """All of it that is to be sent."""
        answer, handler = self._answer, self._handler
        size, half = len(answer.body), len(answer.body) // 2
        header = handler.headers.get("Range") if answer.ranges else None
        span = asked_range(header, size) if header else (0, size - 1)
        if span is None:
            self._head(416, 0)
        elif answer.cut and span[0] >= half:
            self._head(403, 0)
        else:
            start, end = span
            self._head(206 if header else answer.status, end + 1 - start, span=span if header else None)
            if handler.command != "HEAD":
                self._body(answer.body[start : half if answer.cut else end + 1])

    def _head(self, status: int, length: int, span: tuple[int, int] | None = None) -> None:
        answer, handler = self._answer, self._handler
        handler.send_response(status)
        handler.send_header("Content-Type", answer.kind)
        handler.send_header("Content-Length", str(length))
        if span is not None:
            handler.send_header("Content-Range", f"bytes {span[0]}-{span[1]}/{len(answer.body)}")
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    def _body(self, body: bytes) -> None:
        rate = self._answer.bytes_per_second
        if rate is None:
            self._handler.wfile.write(body)
            return
        pause = threading.Event()
        for start in range(0, len(body), _BLOCK_BYTES):
            self._handler.wfile.write(body[start : start + _BLOCK_BYTES])
            pause.wait(_BLOCK_BYTES / rate)
