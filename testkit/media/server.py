"""A small web server for made media: one folder, on the loopback only, with byte ranges.

Called by `make demo` and by tests. Ranges (RFC 9110, section 14) are what players, HLS clients and resumed
downloads ask for and what the standard library's server lacks. Must not serve anything outside its folder,
nor say anything on the screen.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from typing_extensions import override

RANGE = re.compile(r"bytes=(\d*)-(\d*)")
MEDIA_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".ts": "video/mp2t",
    ".m4a": "audio/mp4",
    ".webm": "video/webm",
}
"""What Python's own table lacks or takes for something else (`.ts`: Qt translations)."""


def asked_range(header: str, size: int) -> tuple[int, int] | None:
    """The first and last byte that a Range header asks for of `size` bytes; None if it cannot be satisfied.

    A header of several ranges or of another unit counts as none at all: the whole is a legal answer (RFC
    9110, 14.2).
    """
    match = RANGE.fullmatch(header.strip())
    if not match or match.groups() == ("", ""):
        return 0, size - 1
    first, last = match.groups()
    if not first:  # the last n bytes
        return (max(0, size - int(last)), size - 1) if int(last) and size else None
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    return (start, end) if start <= end else None


class Handler(SimpleHTTPRequestHandler):
    """The standard library's, with ranges and without a log."""

    protocol_version = "HTTP/1.1"
    extensions_map = SimpleHTTPRequestHandler.extensions_map | MEDIA_TYPES

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the screen belongs to whoever serves."""

    @override
    def send_head(self) -> BytesIO | BinaryIO | None:
        path = Path(self.translate_path(self.path))
        header = self.headers.get("Range")
        if header is None or not path.is_file():
            return super().send_head()
        size = path.stat().st_size
        span = asked_range(header, size)
        if span is None:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        return self._part(path, span, size)

    def _part(self, path: Path, span: tuple[int, int], size: int) -> BytesIO:
        start, end = span
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(end - start + 1)
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", self.date_time_string(path.stat().st_mtime))
        self.end_headers()
        return BytesIO(content)

    @override
    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()


class Server(ThreadingHTTPServer):
    """Threads that end with the process, and silence when a client hangs up."""

    daemon_threads = True
    block_on_close = False

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a player that closes its connection early is no error."""


@contextmanager
def serving(folder: Path, port: int = 0, handler: type[Handler] = Handler) -> Iterator[str]:
    """Serve `folder` while the block runs; gives the address, such as `http://127.0.0.1:40123`, without a
    slash at the end."""
    server = Server(("127.0.0.1", port), partial(handler, directory=str(folder)))
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="media-server", daemon=True
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
