"""What a reader tells Prometheus: how it answers, how searches end, what its store refuses.

No series has a question, a recording or a name: a route is its template. Every metric has its row in
`docs/metrics.md`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from ingest_contract.failures import Reason
from ingest_reader.corpus import Corpus, Embed, Question
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection
from ingest_worker.store.reading.pool import ReadingPool, writable
from ingest_worker.store.search import Answer

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Of a request: from a static file to a statement that is ended (`pool.STATEMENT_TIMEOUT_SECONDS`)."""

NO_ROUTE: Final = "none"
"""The `route` of requests that were refused, or asked for what is nowhere."""


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        # for this process: a second series for each one, which nobody asks for
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types here
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        histogram = partial(Histogram, registry=self.registry, buckets=_SECONDS)
        counter = partial(Counter, registry=self.registry)
        self.requests = counter(
            "video_ingest_reader_requests_total", "Requests that were answered.", ["route", "status"]
        )
        self.request_seconds = histogram(
            "video_ingest_reader_request_seconds", "From a request to the end of its answer.", ["route"]
        )
        self.search_seconds = histogram(
            "video_ingest_reader_search_seconds", "Searches of pages, API and agents.", ["result"]
        )
        self.store_errors = counter(
            "video_ingest_reader_store_errors_total", "What the store did not answer.", ["reason"]
        )
        for reason in Reason:  # `increase` does not see the event that a series begins with
            self.store_errors.labels(reason.value)


class Measured:
    """ASGI middleware, around everything: counts answers by route and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), "unanswered"

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = route_of(scope)
            self._metrics.requests.labels(route, status).inc()
            self._metrics.request_seconds.labels(route).observe(perf_counter() - began)


def route_of(scope: Scope) -> str:
    """The template of the route that a request took: few, whatever is asked. FastAPI names its own routes;
    of others, a mount is its place, and one without parameters its path."""
    if "route" in scope:
        return str(scope["route"].path)
    if "endpoint" not in scope:
        return NO_ROUTE
    if "app_root_path" in scope:
        return str(scope["root_path"]).removeprefix(scope["app_root_path"])
    return str(scope["path"]).removeprefix(scope["root_path"])


class MeasuredCorpus(Corpus):
    """A corpus whose searches are counted by how they end: `found`, `nothing`, `failed`."""

    def __init__(self, pool: ReadingPool, embed: Embed, metrics: Metrics) -> None:
        super().__init__(pool, embed)
        self._metrics = metrics

    @override
    def search(self, question: Question) -> Answer:
        """As `Corpus.search`."""
        began, result = perf_counter(), "failed"
        try:
            answer = super().search(question)
            result = "found" if answer.hits else "nothing"
        finally:
            self._metrics.search_seconds.labels(result).observe(perf_counter() - began)
        return answer


class ServicePool(ReadingPool):
    """The pool of a service: counts what the store refuses, and accepts no login that could write."""

    def __init__(self, dsn: str, metrics: Metrics) -> None:
        super().__init__(dsn)
        self._metrics = metrics

    @override
    @contextmanager
    def connection(self, *, aside: bool = False) -> Iterator[Connection]:
        """As `ReadingPool.connection`."""
        try:
            with super().connection(aside=aside) as connection:
                yield connection
        except StageError as error:
            self._metrics.store_errors.labels(error.reason.value).inc()
            raise

    @override
    def _check(self, connection: Connection) -> None:
        """Also raises `StageError(DATABASE_REJECTED)` for a login that could write."""
        super()._check(connection)
        if tables := writable(connection, role="session_user"):
            login = connection.info.user
            said = (
                f"The login {login!r} could write {len(tables)} tables ({tables[0]} is one). Next: "
                "CREATE ROLE reader LOGIN PASSWORD '...' IN ROLE ingest_reader, and put its address into "
                "the Secret that the chart's value `reader.store` names."
            )
            raise StageError(Reason.DATABASE_REJECTED, said)
