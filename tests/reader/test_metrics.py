"""What a reader tells Prometheus, and which logins a service accepts."""

import logging
from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest
from starlette.testclient import TestClient

from ingest_reader.app import application
from ingest_reader.corpus import Embedded
from ingest_reader.guard import Access
from ingest_reader.metrics import Measured, MeasuredCorpus, Metrics, ServicePool
from ingest_reader.probes import NOT_READY
from tests.reader.conftest import EPISODE, TALK, embed
from tests.support.problems import problem

pytestmark = pytest.mark.postgres


class Service:
    """A measured application over a store."""

    def __init__(self, client: TestClient, metrics: Metrics) -> None:
        self.client = client
        self._metrics = metrics

    def value(self, name: str, **labels: str) -> float:
        return self._metrics.registry.get_sample_value(f"video_ingest_reader_{name}", labels) or 0.0

    def told(self) -> str:
        return generate_latest(self._metrics.registry).decode()


@pytest.fixture
def service(corpus_database: str) -> Iterator[Service]:
    yield from over(corpus_database)


def over(dsn: str) -> Iterator[Service]:
    def embedding(text: str) -> Embedded | None:
        return embed(text)

    metrics = Metrics()
    with ServicePool(dsn, metrics) as pool:
        app = Measured(
            application(MeasuredCorpus(pool, embedding, metrics), Access("0123456789abcdef")), metrics
        )
        headers = {"authorization": "Bearer 0123456789abcdef"}
        with TestClient(app, raise_server_exceptions=False, headers=headers) as client:
            yield Service(client, metrics)


def test_requests_are_counted_by_their_route_and_no_series_says_what_was_asked(service: Service) -> None:
    for path in (f"/recordings/{TALK}", f"/recordings/{EPISODE.replace('?', '%3F').replace('#', '%23')}"):
        assert service.client.get(path).status_code == 200
    service.client.get("/api/v1/recordings/unheard-of")
    service.client.get("/", headers={"authorization": "Bearer none"})
    service.client.get("/nowhere/at-all")
    service.client.get("/static/reader.css")
    route = "/recordings/{recording:path}"
    assert service.value("requests_total", route=route, status="200") == 2
    assert service.value("requests_total", route=f"/api/v1{route}", status="404") == 1
    assert service.value("requests_total", route="none", status="401") == 1
    assert service.value("requests_total", route="none", status="404") == 1
    assert service.value("requests_total", route="/static", status="200") == 1
    assert service.value("request_seconds_count", route=route) == 2
    assert not [each for each in (TALK, "unheard-of", "nowhere") if each in service.told()]


def test_searches_are_counted_by_how_they_end_whoever_asks(service: Service) -> None:
    asked = {"name": "search", "arguments": {"query": "bees"}}
    service.client.get("/?q=bees")
    service.client.get("/api/v1/search?q=bees&speaker=nobody")
    service.client.get("/api/v1/search", params={"q": "?!"})
    accepts = {"accept": "application/json, text/event-stream"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": asked}
    assert service.client.post("/mcp", json=call, headers=accepts).status_code == 200
    counted = {
        each: service.value("search_seconds_count", result=each) for each in ("found", "nothing", "failed")
    }
    assert counted == {"found": 2, "nothing": 1, "failed": 1}
    assert service.value("requests_total", route="/mcp", status="200") == 1


def test_a_store_that_does_not_fit_is_counted_said_once_and_not_ready(
    empty_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ingest_reader"):
        for service in over(empty_database):
            for _ in range(3):
                problem(service.client.get("/readyz"), 503)
            assert service.value("store_errors_total", reason="SchemaMismatch") == 3
            assert service.client.get("/healthz").status_code == 200
    assert [each.message.partition(":")[0] for each in caplog.records] == ["not ready"]


def test_a_login_that_could_write_is_not_ready_and_the_log_says_what_to_do(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    told = problem(service.client.get("/readyz"), 503)
    assert (told["reason"], told["detail"]) == ("DatabaseRejected", NOT_READY)
    assert "Next: CREATE ROLE reader LOGIN PASSWORD '...' IN ROLE ingest_reader" in caplog.text
