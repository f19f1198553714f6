"""A real web server on the loopback whose every answer a test decides, with byte ranges and a record of what
was asked."""

import re
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from typing_extensions import override

from testkit.web_server import listening

TYPES = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ts": "video/mp2t",
    "m3u8": "application/vnd.apple.mpegurl",
    "xml": "application/rss+xml",
    "html": "text/html",
}


@dataclass
class Answer:
    """What a path answers."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    length: int | None = None
    """The Content-Length to tell, where it is not the body's."""
    needs: str | None = None
    """The Authorization without which there is nothing here."""
    pause: float = 0.0
    """Seconds to keep the connection when the body is sent, unless the other side goes."""


class Site:
    """Paths and their answers."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[], Answer]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.shown: list[tuple[str, str | None]] = []
        """Each path that was asked for, with the Authorization that was shown for it."""
        self.port = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def put(self, path: str, body: bytes | str = b"", **more: Any) -> str:
        self.answers[path] = Answer(body.encode() if isinstance(body, str) else body, **more)
        return self.url(path)

    def answer(self, path: str) -> Answer:
        found = self.answers.get(path, Answer(b"nothing here", 404))
        return found if isinstance(found, Answer) else found()

    def times(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)


@contextmanager
def serving() -> Iterator[Site]:
    """A site while the block runs, on every address of the loopback."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            path, asked = self.path, self.headers.get("Range")
            site.asked.append((path, asked))
            shown = self.headers.get("Authorization")
            site.shown.append((path, shown))
            answer = site.answer(path)
            if answer.needs is not None and shown != answer.needs:
                answer = Answer(b"who are you", 401)
            body, status = answer.body, answer.status
            span = (
                re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "") if answer.ranges and status == 200 else None
            )
            headers = {"Content-Type": TYPES.get(path.rpartition(".")[2], "text/html"), **answer.headers}
            if span and body:
                first, last = int(span[1]), min(int(span[2] or len(body)), len(body) - 1)
                headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
                body, status = body[first : last + 1], 206
            self.send_response(status)
            for name, value in {"Content-Length": str(answer.length or len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            if answer.pause:
                self.wfile.flush()
                select.select([self.connection], [], [], answer.pause)

        do_HEAD = do_GET  # noqa: N815 -- the name that the base class calls

    with listening(Handler) as site.port:
        yield site
