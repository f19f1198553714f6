"""`/progress` and `/metrics` on a port of the pod, read-only: what the operator polls and Prometheus scrapes.

Called by the composition root if the order names a port. A port that is taken is reported once; the run
continues without it. The server waits for no client: a slow one, or one with many connections, uses up
neither the threads nor the answers of the others.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from ingest_contract.progress import Progress
from ingest_worker.stopwatch import Stopwatch

log = logging.getLogger(__name__)

_PREFIX: Final = "ingest_worker"

LONGEST_CONNECTION_SECONDS: Final = 5.0
"""Seconds that a connection may last in all, whatever the client does: an answer takes milliseconds."""
MAX_CONNECTIONS: Final = 16
"""Connections at once, each with a thread. One more closes the oldest, so a client that holds all of them
blocks no one."""
MAX_QUEUED_CONNECTIONS: Final = 128
"""Connections that wait to be accepted. The kernel drops what is beyond, and a client that was dropped tries
again after seconds only."""
POLL_INTERVAL_SECONDS: Final = 0.1
"""Seconds between two looks for connections that last too long, and the most that a run waits for the
server's end."""


class _Run(Collector):
    """One run as gauges: the worker lives for one recording, so no counters are needed."""

    def __init__(self, progress: Callable[[], Progress | None], watch: Stopwatch) -> None:
        self._progress, self._watch = progress, watch

    def collect(self) -> Iterable[Metric]:
        """Progress, and the seconds of finished stages."""
        now = self._progress()
        yield GaugeMetricFamily(
            f"{_PREFIX}_progress_ratio",
            "Share of the recording that is done.",
            now.percent / 100 if now else 0.0,
        )
        stages = GaugeMetricFamily(
            f"{_PREFIX}_stage_seconds", "Wall time of each finished stage.", labels=["stage"]
        )
        computing = GaugeMetricFamily(
            f"{_PREFIX}_computing_seconds",
            "Time of each finished stage in which the device computed.",
            labels=["stage"],
        )
        for stage, timing in list(self._watch.stages.items()):
            if timing.intervals:
                stages.add_metric([stage.value], timing.seconds)
                computing.add_metric([stage.value], timing.computing_seconds)
        yield stages
        yield computing
        yield GaugeMetricFamily(f"{_PREFIX}_overhead_seconds", "Time in no stage.", self._watch.overhead)


class _Server(ThreadingHTTPServer):
    """A server that closes connections that last too long, and the oldest if there are too many."""

    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    """One socket for both families: a pod of an IPv6 cluster has no IPv4 address at which it could be
    asked."""
    daemon_threads = True
    request_queue_size = MAX_QUEUED_CONNECTIONS

    def __init__(self, *arguments: Any) -> None:
        self._since: dict[socket.socket, float] = {}
        """Every open connection and its start time, the oldest first."""
        self._gate = threading.Lock()
        super().__init__(*arguments)

    def server_bind(self) -> None:
        """Take IPv4 connections on an IPv6 socket, whatever the system's default is."""
        if self.address_family is socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start to serve a connection, in a thread of its own."""
        with self._gate:
            if len(self._since) >= MAX_CONNECTIONS:
                self._hang_up(next(iter(self._since)))
            self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called every `POLL_INTERVAL_SECONDS` seconds and after each connection."""
        with self._gate:
            for connection in [
                each
                for each, since in self._since.items()
                if time.monotonic() - since > LONGEST_CONNECTION_SECONDS
            ]:
                self._hang_up(connection)

    def _hang_up(self, connection: socket.socket) -> None:
        """Close a connection: its thread reads the end of input, and ends."""
        del self._since[connection]
        with suppress(OSError):  # the client has closed it already
            connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """End a connection, in its thread."""
        with self._gate:
            self._since.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: a client that left before its answer is not an error."""


class ProgressServer:
    """Serves a board over HTTP."""

    def __init__(self, port: int, progress: Callable[[], Progress | None], watch: Stopwatch) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Run(progress, watch))
        self._server: ThreadingHTTPServer | None = None
        try:
            self._server = _Server(("", port), _handler(progress, registry))
        except OSError as error:
            log.warning(
                "progress cannot be served: %s",
                error.strerror,
                extra={"action": "lose-progress", "port": port},
            )
            return
        serve = partial(self._server.serve_forever, poll_interval=POLL_INTERVAL_SECONDS)
        threading.Thread(target=serve, name="progress", daemon=True).start()

    def close(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def _handler(
    progress: Callable[[], Progress | None], registry: CollectorRegistry
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif self.path == "/progress" and (now := progress()) is not None:
                self._answer(HTTPStatus.OK, "application/json", now.to_json().encode())
            else:
                self._answer(
                    HTTPStatus.NOT_FOUND,
                    "text/plain",
                    b"/progress (once a stage has begun) and /metrics are here\n",
                )

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: polls are not worth a line."""

    return Handler
