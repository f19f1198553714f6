"""Below a path of an ingress, every link, form, file and answer is below it too."""

from collections.abc import Iterator
from urllib.parse import urldefrag

import pytest
from starlette.testclient import TestClient

from ingest_reader.guard import Access
from tests.reader.conftest import TALK, served
from tests.reader.test_pages import PAGES, Elements
from tests.support.problems import problem

PREFIX = "/corpus"
TOKEN = "0123456789abcdef0123"

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def below(corpus_database: str) -> Iterator[TestClient]:
    with served(corpus_database, prefix=PREFIX) as client:
        yield client


def addresses(text: str) -> set[str]:
    """The addresses on this host that a page leads to."""
    found = (
        urldefrag(value)[0]
        for _, attributes in Elements(text).found
        for name in ("href", "src", "action")
        if (value := attributes.get(name)) and value.startswith("/")
    )
    return {each for each in found if each}


def test_every_address_of_every_page_is_below_it_and_answers(below: TestClient) -> None:
    seen: set[str] = set()
    waiting = {f"{PREFIX}{path}" for path in PAGES}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = below.get(path)
        assert answer.status_code == (404 if path.endswith("/none") else 200), path
        if answer.headers["content-type"].startswith("text/html"):
            found = addresses(answer.text)
            assert not [each for each in found if not each.startswith(f"{PREFIX}/")], path
            waiting |= found - seen
    kinds = {each.removeprefix(PREFIX).split("/")[1].split("?")[0] for each in seen}
    assert {"", "static", "api", "recordings", "speakers", "voices", "batches", "receipts"} <= kinds


def test_the_name_of_the_prefix_alone_is_the_first_page(below: TestClient) -> None:
    answer = below.get(PREFIX, follow_redirects=False)
    assert answer.status_code == 200
    assert 'aria-current="page">Search</a>' in answer.text
    assert f'href="{PREFIX}/recordings" aria-current="page"' in below.get(f"{PREFIX}/recordings").text


def test_a_proxy_that_takes_the_prefix_away_gets_the_same_answers(below: TestClient) -> None:
    for path in ("/", f"/recordings/{TALK}", "/api/v1/recordings", "/static/reader.css"):
        assert below.get(path).text == below.get(f"{PREFIX}{path}").text, path


def test_programs_and_agents_are_answered_below_it(below: TestClient) -> None:
    assert below.get(f"{PREFIX}/api/v1/openapi.json").json()["servers"] == [{"url": PREFIX}]
    assert below.get(f"{PREFIX}/api/v1/search?q=bees").json()["items"]
    problem(below.get(f"{PREFIX}/api/v1/recordings/none"), 404)
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accepts = {"accept": "application/json, text/event-stream"}
    told = below.post(f"{PREFIX}/mcp", json=asked, headers=accepts).json()
    assert {each["name"] for each in told["result"]["tools"]} >= {"search", "transcript"}


@pytest.mark.parametrize("path", ["/mcp/", "/static", "/speakers/", "/api/v1/runs/", "/readyz/"])
def test_nothing_is_redirected_to_a_scheme_and_a_host_that_are_guesses(below: TestClient, path: str) -> None:
    for each in (path, f"{PREFIX}{path}"):
        for method in ("GET", "POST"):
            answer = below.request(method, each, follow_redirects=False)
            assert (answer.status_code >= 400, "location" in answer.headers) == (True, False), each


def test_a_page_of_an_error_leads_back_below_it(below: TestClient) -> None:
    for path in ("/none", "/static/none.css"):
        assert f'<a href="{PREFIX}/">Back to search</a>' in below.get(f"{PREFIX}{path}").text, path


def test_a_token_guards_it_and_probes_need_none(corpus_database: str) -> None:
    with served(corpus_database, Access(TOKEN), prefix=PREFIX) as client:
        for path in ("/", "/static/reader.css", "/api/v1/recordings", "/healthz/x"):
            assert client.get(f"{PREFIX}{path}").status_code == 401, path
        for path in ("/healthz", "/readyz", f"{PREFIX}/healthz"):
            assert client.get(path).status_code == 200, path
        problem(client.get(f"{PREFIX}/api/v1/runs"), 401)
        kept = client.get(f"{PREFIX}/static/reader.css", auth=("anybody", TOKEN)).headers["cache-control"]
        assert kept == "no-cache"
