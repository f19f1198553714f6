"""Who is let in, and where a reader may listen."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ingest_reader.doors import is_loopback
from ingest_reader.guard import LOOPBACK, Access
from ingest_reader.serving import Door, ListeningError, access_of, said_of
from ingest_worker.store.connect import Connection
from ingest_worker.store.errors import translated
from ingest_worker.store.search import Query
from tests.reader.conftest import served
from tests.support.problems import problem

EVERYWHERE = "0.0.0.0"  # noqa: S104  nothing listens there
TOKEN = "0123456789abcdef0123"


def test_loopback_needs_nothing_and_answers_to_its_own_names_only() -> None:
    assert access_of(Door("127.0.0.1", 8300)) == Access(None, LOOPBACK)
    for host in ("127.0.0.5", "[::1]", "LOCALHOST"):
        assert access_of(Door(host, 8300)) == Access(None, LOOPBACK | {host.lower().strip("[]")})


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "10.1.2.3", "reader.example", ""])
def test_elsewhere_it_listens_with_a_token_or_behind_something_only(host: str, tmp_path: Path) -> None:
    with pytest.raises(ListeningError, match=r"Give --token-file FILE, or say --behind-ingress"):
        access_of(Door(host, 8300))
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert access_of(Door(host, 8300, file)).token == TOKEN
    behind = Door(host, 8300, behind_ingress=True)
    assert access_of(behind) == Access(None)
    assert "whoever the ingress lets through" in said_of(behind, access_of(behind))


@pytest.mark.parametrize("text", ["", "short", "two words of a token", "é" * 20, f"{TOKEN}\n{TOKEN}"])
def test_a_token_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(ListeningError):
        access_of(Door(EVERYWHERE, 8300, file))
    with pytest.raises(ListeningError, match="cannot be read"):
        access_of(Door(EVERYWHERE, 8300, tmp_path / "none"))


def test_loopback_is_known_in_every_spelling() -> None:
    assert [is_loopback(host) for host in ("localhost", "127.9.9.9", "[::1]", "::1", "127.0.0.1.x")] == [
        True, True, True, True, False,
    ]  # fmt: skip


@pytest.mark.postgres
def test_a_token_opens_every_door_and_nothing_else_does(corpus_database: str) -> None:
    with served(corpus_database, Access(TOKEN)) as client:
        for path in ("/", "/api/v1/recordings", "/recordings", "/static/reader.css", "/api/v1/openapi.json"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
            assert client.get(path, auth=("anybody", TOKEN)).status_code == 200
            for wrong in ("Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Basic !!", TOKEN, "Bearer é"):
                assert client.get(path, headers={"authorization": wrong.encode("latin-1")}).status_code == 401
        assert client.post("/mcp", json={}).status_code == 401
        assert "Basic" in client.get("/").headers["www-authenticate"]
        assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
        problem(client.get("/api/v1/runs"), 401)


@pytest.mark.postgres
def test_a_name_that_somebody_pointed_here_reads_nothing(corpus_database: str) -> None:
    with served(corpus_database, Access(None, LOOPBACK)) as client:
        for path in ("/", "/api/v1/recordings"):
            assert client.get(path).status_code == 200
            for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8300", "[", ""):
                assert client.get(path, headers={"host": host}).status_code == 421


@pytest.mark.postgres
def test_a_page_of_another_site_is_answered_nothing(corpus_database: str) -> None:
    with served(corpus_database, Access(None, LOOPBACK)) as client:
        for origin in ("http://localhost:8300", "http://127.0.0.1:6274", "http://[::1]"):
            assert client.get("/api/v1/recordings", headers={"origin": origin}).status_code == 200
        for origin in ("https://evil.example", "http://localhost.evil.example", "null", "x", "http://[", ""):
            refused = client.post("/mcp", json={}, headers={"origin": origin}).status_code == 403
            assert refused is bool(origin), origin
            if origin:
                problem(client.get("/api/v1/recordings", headers={"origin": origin}), 403)


@pytest.mark.postgres
def test_a_store_of_another_version_is_not_ready(empty_database: str) -> None:
    with served(empty_database) as client:
        told = problem(client.get("/readyz"), 503)
        assert told["reason"] == "SchemaMismatch"
        assert client.get("/healthz").status_code == 200


@pytest.mark.postgres
def test_every_answer_has_a_strict_policy(client: TestClient) -> None:
    for path in ("/", "/none", "/api/v1/recordings", "/static/reader.css"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.postgres
def test_a_fault_tells_nothing_and_is_as_guarded_as_an_answer(
    corpus_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("password=geheim")

    monkeypatch.setattr("ingest_reader.corpus.Corpus.runs", fail)
    with served(corpus_database) as client:
        answer = client.get("/api/v1/runs")
        problem(answer, 500, "fault")
        assert "geheim" not in answer.text
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.postgres
@pytest.mark.parametrize(
    "path", ["/", "/recordings", "/api/v1/recordings", "/static/reader.css", "/healthz", "/readyz", "/none"]
)
def test_who_asks_for_the_head_alone_gets_that_of_the_answer(corpus_database: str, path: str) -> None:
    with served(corpus_database) as client:
        whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers == whole.headers
    assert int(head.headers["content-length"]) == len(whole.content) > 0


@pytest.mark.postgres
def test_what_is_for_posts_alone_has_no_head(corpus_database: str) -> None:
    with served(corpus_database) as client:
        assert client.head("/mcp").status_code == client.get("/mcp").status_code == 405


@pytest.mark.postgres
def test_a_question_that_takes_too_long_ends_with_a_reason_of_its_own_and_what_to_do(
    corpus_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(connection: Connection, _: Query) -> None:
        with translated("searching"), connection.transaction():
            connection.execute("set local statement_timeout = 1; select pg_sleep(60)")

    monkeypatch.setattr("ingest_reader.corpus.search", endless)
    with served(corpus_database) as client:
        told = problem(client.get("/api/v1/search?q=bees"), 504)
        assert told["reason"] == "DatabaseTooSlow"
        assert "Next: see what else it does" in told["detail"]
        assert client.get("/?q=bees").status_code == 504
        assert client.get("/readyz").status_code == 200
