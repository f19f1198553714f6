"""`/progress` and `/metrics` on a port of the pod, read-only: what the operator polls and Prometheus scrapes.

Called by the composition root where the order names a port. A port that is taken is told once; the run goes on without.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from ingest_contract.progress import Progress
from ingest_worker.stopwatch import Stopwatch

log = logging.getLogger(__name__)

_PREFIX: Final = "ingest_worker"


class _Run(Collector):
    """One run as gauges: the worker lives for one recording, so nothing needs to count up over its life."""

    def __init__(self, progress: Callable[[], Progress | None], watch: Stopwatch) -> None:
        self._progress, self._watch = progress, watch

    def collect(self) -> Iterable[Metric]:
        """Progress, and the seconds of finished stages."""
        now = self._progress()
        yield GaugeMetricFamily(f"{_PREFIX}_progress_ratio", "Share of the recording that is done.", now.percent / 100 if now else 0.0)
        stages = GaugeMetricFamily(f"{_PREFIX}_stage_seconds", "Wall time of each finished stage.", labels=["stage"])
        for stage, timing in list(self._watch.stages.items()):
            if timing.intervals:
                stages.add_metric([stage.value], timing.seconds)
        yield stages
        yield GaugeMetricFamily(f"{_PREFIX}_overhead_seconds", "Time in no stage.", self._watch.overhead)


class ProgressServer:
    """A board that can be asked over HTTP."""

    def __init__(self, port: int, progress: Callable[[], Progress | None], watch: Stopwatch) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Run(progress, watch))
        self._server: ThreadingHTTPServer | None = None
        try:
            self._server = ThreadingHTTPServer(("", port), _handler(progress, registry))
        except OSError as error:
            log.warning("action=lose-progress port=%d error=%s", port, error.strerror)
            return
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="progress", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def _handler(progress: Callable[[], Progress | None], registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif self.path == "/progress" and (now := progress()) is not None:
                self._answer(HTTPStatus.OK, "application/json", now.to_json().encode())
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/progress (once a stage has begun) and /metrics are here\n")

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Polls are no news."""

    return Handler
