"""What narrows an answer has one wording, one bound and one meaning of an empty value, at every door."""

from typing import Any

import numpy as np
import pytest
from mcp import Client
from starlette.testclient import TestClient

from ingest_reader.bounds import MOST_COMPARED_VOICES
from ingest_worker.store.connect import connect
from tests.reader.conftest import TALK, served
from tests.reader.test_agents import asked, in_process, refused
from tests.reader.test_pages import hits
from tests.support.problems import problem
from tests.worker.store.makers import content, named, store, unit, unknown

pytestmark = pytest.mark.postgres

FILTERS = ("speaker", "channel", "batch", "language", "since", "until", "shortest", "longest")
OF_BOTH = {
    "search": {*FILTERS, "recording"},
    "list_recordings": {*FILTERS, "title", "state", "cursor"},
    "list_speakers": {"name", "named", "cursor"},
    "list_voices": {"cursor"},
}
"""By tool, what it shares with its route."""
ROUTES = {"search": "search"} | {f"list_{name}": name for name in ("recordings", "speakers", "voices")}


def of_routes(client: TestClient) -> dict[str, dict[str, dict[str, Any]]]:
    """By route: its parameters' schemas."""
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    return {
        route: {
            each["name"]: each["schema"] | {"description": each.get("description")}
            for each in paths[f"/api/v1/{route}"]["get"]["parameters"]
        }
        for route in ROUTES.values()
    }


def test_a_filter_is_described_in_the_same_words_and_bounds_to_programs_and_agents(
    client: TestClient, corpus_database: str
) -> None:
    routes = of_routes(client)

    async def session(asking: Client) -> None:
        for tool in (await asking.list_tools()).tools:
            shared = OF_BOTH.get(tool.name, set())
            mine, theirs = tool.input_schema["properties"], routes.get(ROUTES.get(tool.name, ""), {})
            assert set(mine) & set(theirs) - {"limit"} == shared
            for name in shared:
                assert mine[name]["description"], name
                same = {"description", "anyOf"} & set(mine[name])
                if name == "state":  # a schema names its values elsewhere than the other
                    same -= {"anyOf"}
                assert {key: mine[name][key] for key in same} == {key: theirs[name][key] for key in same}, (
                    name
                )

    in_process(corpus_database, session)


BLANK = dict.fromkeys((*FILTERS, "recording"), "") | {"speaker": "  "}


def test_a_filter_that_is_empty_is_not_given_to_programs(client: TestClient) -> None:
    def items(path: str, **narrowed: str) -> Any:
        answer = client.get(f"/api/v1/{path}", params=narrowed)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    everything = items("search", q="bees plain")
    assert len(everything) > 1
    assert items("search", q="bees plain", **BLANK) == everything
    blank = dict.fromkeys(("title", "state", "cursor", *FILTERS), "")
    assert len(items("recordings", **blank)) == len(items("recordings")) == 3
    assert items("speakers", name="", named="", cursor="") == items("speakers") != []
    assert items("runs", batch="", recording=" ") == items("runs") != []


def test_a_filter_that_is_empty_is_not_given_to_agents(corpus_database: str) -> None:
    async def session(client: Client) -> None:
        everything = await asked(client, "search", query="bees plain")
        assert len(everything["passages"]) > 1
        assert await asked(client, "search", query="bees plain", **BLANK) == everything
        blank = dict.fromkeys(("title", "state", "cursor", *FILTERS), "")
        assert await asked(client, "list_recordings", **blank) == await asked(client, "list_recordings")
        await refused(client, "search", query="")

    in_process(corpus_database, session)


def test_a_filter_that_is_empty_is_not_given_to_pages(client: TestClient) -> None:
    blank = {name: value for name, value in BLANK.items() if name not in {"shortest", "longest"}}
    assert hits(client, {"q": "bees plain"} | blank) == hits(client, {"q": "bees plain"}) != []
    assert client.get("/recordings?title=&channel=&state=&cursor=").text.count('data-name="Title"') == 3
    assert client.get(f"/recordings/{TALK}?at=&t=").text == client.get(f"/recordings/{TALK}").text
    assert client.get("/speakers?name=%20").text.count('data-name="Speaker"') == 2


def test_voices_come_with_the_named_one_that_each_is_most_like(database: str) -> None:
    """The same figures for programs, agents and people."""
    both = np.stack([unit(0.6, 0.8, dimension=4), unit(1, 0, dimension=4)])
    with connect(database, application="tests") as owner:
        store(owner, content("a", "b", identities=(named(0, "ann"), unknown(1)), voices=both))
    with served(database) as client:
        (voice,) = client.get("/api/v1/voices").json()["items"]
    assert (voice["speaker"], voice["named"]) == ("unknown #1", False)
    near = voice["most_like"] | {"likeness": round(voice["most_like"]["likeness"], 3)}
    assert near == {"speaker": "ann", "likeness": 0.6, "threshold": 0.4, "enough": True}

    async def session(asking: Client) -> None:
        assert await asked(asking, "list_voices") == {"voices": [voice], "next": None}

    in_process(database, session)


def test_a_voice_that_nobody_can_be_compared_with_is_most_like_nobody(database: str) -> None:
    both = np.stack([unit(1, 0, dimension=4), np.full(4, np.nan, np.float32)])
    with connect(database, application="tests") as owner:
        store(owner, content("a", "b", identities=(named(0, "ann"), unknown(1)), voices=both))
    with served(database) as client:
        (voice,) = client.get("/api/v1/voices").json()["items"]
    assert (voice["speaker"], voice["most_like"]) == ("unknown #1", None)


def test_as_many_voices_are_compared_at_once_as_on_a_page_and_no_more(
    client: TestClient, corpus_database: str
) -> None:
    assert client.get("/api/v1/voices", params={"limit": MOST_COMPARED_VOICES}).status_code == 200
    problem(client.get("/api/v1/voices", params={"limit": MOST_COMPARED_VOICES + 1}), 422, "bad-parameters")

    async def session(asking: Client) -> None:
        await refused(asking, "list_voices", limit=MOST_COMPARED_VOICES + 1)

    in_process(corpus_database, session)
