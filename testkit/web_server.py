"""A web server that runs in a thread while a block runs: what the sites of the tests stand on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes is no error of a site."""


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Its port. It answers on every address of the loopback: any may be a host of its own, and one is to be
    reachable that only the guard keeps workers from."""
    server = _Server(("0.0.0.0", 0), handler)  # noqa: S104 -- see above
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
