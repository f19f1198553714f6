"""An agent's session, by the SDK's own client: in process, over HTTP, and by the command's standard input and
output."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from starlette.testclient import TestClient

from ingest_reader.agents.server import agents_server
from ingest_reader.corpus import Corpus
from ingest_worker.store.reading.pool import ReadingPool
from tests.reader.conftest import EPISODE, MARKUP, TALK, embed, served
from tests.reader.listening import listening

pytestmark = pytest.mark.postgres

Session = Callable[[Client], Awaitable[None]]


def in_process(dsn: str, session: Session) -> None:
    with ReadingPool(dsn) as pool:
        server = agents_server(Corpus(pool, embed))

        async def run() -> None:
            async with Client(server) as client:
                await session(client)

        anyio.run(run)


async def asked(client: Client, tool: str, **arguments: Any) -> Any:
    """What a tool answers."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Why a tool answers nothing."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    said = json.dumps([each.model_dump(mode="json") for each in result.content])
    assert len(said) < 4_000, "what was sent is not sent back"
    return said


async def look_around(client: Client) -> None:
    """List, search, passage, transcript."""
    listed = await asked(client, "list_recordings", title="bees")
    assert [each["recording"] for each in listed["recordings"]] == [TALK]
    people = await asked(client, "list_speakers", named=True)
    assert [each["speaker"] for each in people["speakers"]] == ["ann"]
    passage = await asked(client, "get_passage", recording=TALK, at_seconds=2.0)
    assert passage["text"] == "Do they?"
    assert [each["text"] for each in passage["before"] + passage["after"]] == [
        "Bees dance.",
        "They do.",
        "Good.",
    ]
    read = await asked(client, "transcript", recording=TALK)
    assert [(each["speaker"], each["text"]) for each in read["passages"]][:2] == [
        ("ann", "Bees dance."), ("unknown #1", "Do they?"),
    ]  # fmt: skip
    assert read["next_from_seconds"] is None


async def search(client: Client) -> None:
    found = (await asked(client, "search", query="what do bees do", recording=TALK))["passages"]
    cited = ("title", "speaker", "start", "end", "link", "text", "time")
    assert {name: found[0][name] for name in cited} == {
        "title": "Bees & flowers", "speaker": "ann", "start": 0.0, "end": 2.0, "text": "Bees dance.",
        "time": "0:00:00", "link": "https://www.youtube.com/watch?v=abcdefghijk&t=0",
    }  # fmt: skip
    assert [each["text"] for each in found[0]["after"]] == ["Do they?", "They do.", "Good."]


def test_an_agent_lists_searches_and_reads_in_process(corpus_database: str) -> None:
    async def session(client: Client) -> None:
        await look_around(client)
        await search(client)

    in_process(corpus_database, session)


def test_an_agent_does_the_same_over_http(corpus_database: str) -> None:
    async def session(address: str) -> None:
        async with Client(f"{address}/mcp") as client:
            await look_around(client)
            await search(client)

    with listening(corpus_database) as address:
        anyio.run(session, address)


def test_no_stream_is_opened_on_which_nothing_can_come(corpus_database: str) -> None:
    with served(corpus_database) as client:
        for method in ("GET", "DELETE", "PUT"):
            answer = client.request(method, "/mcp", headers={"accept": "text/event-stream"})
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.slow
def test_an_agent_does_the_same_by_the_commands_standard_input_and_output(corpus_database: str) -> None:
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "ingestctl", "mcp", "--dsn", corpus_database],
        env=dict(os.environ),
    )

    async def session() -> None:
        async with Client(stdio_client(command)) as client:
            await look_around(client)
            said = await refused(client, "search", query="bees")
            assert "text models here" in said, "no half answer where the store's model is not here"

    anyio.run(session)


def test_every_tool_says_what_it_does_what_it_takes_and_that_it_only_reads(corpus_database: str) -> None:
    async def session(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {
            "search", "get_passage", "transcript", "list_recordings", "list_speakers", "list_voices"
        }  # fmt: skip
        for tool in tools:
            assert tool.description
            assert len(tool.description) > 80
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
            assert tool.output_schema is not None
        assert client.instructions is not None
        assert "never an instruction" in client.instructions

    in_process(corpus_database, session)


def test_an_argument_that_a_tool_has_not_is_refused_with_those_it_has(corpus_database: str) -> None:
    """A misspelt filter would widen the answer without a word."""

    async def session(client: Client) -> None:
        needed: dict[str, dict[str, Any]] = {
            "search": {"query": "bees"},
            "get_passage": {"recording": TALK, "at_seconds": 0},
            "transcript": {"recording": TALK},
        }
        for tool in (await client.list_tools()).tools:
            assert tool.input_schema["additionalProperties"] is False
            known = ", ".join(tool.input_schema["properties"])
            said = await refused(client, tool.name, **needed.get(tool.name, {}), speker="ann")
            assert f"There is no argument speker; there are {known}." in said, tool.name
            assert "unknown_argument" in said
        await refused(client, "list_speakers", **{"x" * 1_000_000: 1})
        said = await refused(client, "list_recordings", state="ingested")
        assert "'Ingested', 'NotIngestible' or 'Known'" in said

    in_process(corpus_database, session)


@pytest.mark.parametrize(
    ("tool", "needed"), [("search", {"query": "bees plain dance good"}), ("list_recordings", {})]
)
def test_a_tool_heeds_the_filters_of_the_api(
    corpus_database: str, client: TestClient, tool: str, needed: dict[str, str]
) -> None:
    filters: list[dict[str, Any]] = [
        {}, {"speaker": "ann"}, {"speaker": "nobody"}, {"channel": MARKUP}, {"batch": "media/talks"},
        {"language": "en"}, {"language": "de"}, {"since": "2025-06-02"}, {"until": "2025-06-01"},
        {"shortest": 3_000}, {"longest": 3_000}, {"shortest": 3_000, "longest": 3_724},
    ]  # fmt: skip
    found: list[set[str]] = []

    async def session(asking: Client) -> None:
        for each in filters:
            answer = await asked(asking, tool, **needed, **each)
            rows = answer["passages" if tool == "search" else "recordings"]
            found.append({row["recording"] for row in rows})

    in_process(corpus_database, session)
    for each, mine in zip(filters, found, strict=True):
        path, name = ("search", "recording") if tool == "search" else ("recordings", "id")
        asks = each | ({"q": needed["query"]} if needed else {})
        items = client.get(f"/api/v1/{path}", params=asks).json()["items"]
        assert mine == {item[name] for item in items}, each
    everything, some = found[0], [each for each in found[1:] if each]
    assert {TALK, EPISODE} <= everything
    assert [each for each in some if each < everything] != [], "filters narrow"
    by_filter = dict(zip([json.dumps(each) for each in filters], found, strict=True))
    assert by_filter['{"shortest": 3000}'] == {TALK}
    assert by_filter['{"batch": "media/talks"}'] - {"url:gone"} == {TALK}
    assert by_filter['{"speaker": "nobody"}'] == set()
    assert by_filter['{"shortest": 3000, "longest": 3724}'] == set()


def test_a_long_transcript_comes_in_pages_that_have_everything_once(corpus_database: str) -> None:
    async def session(client: Client) -> None:
        whole = (await asked(client, "transcript", recording=EPISODE))["passages"]
        assert whole[0]["text"] == MARKUP
        page = await asked(client, "transcript", recording=EPISODE, from_seconds=2.0)
        assert page["passages"] == whole[1:]

    in_process(corpus_database, session)


def test_hostile_questions_are_answered_with_a_sentence(corpus_database: str) -> None:
    async def session(client: Client) -> None:
        assert "no recording" in await refused(client, "transcript", recording="'; drop table ingest.run; --")
        assert "no transcript" in await refused(client, "get_passage", recording="none", at_seconds=1)
        await refused(client, "search", query="bees " * 200_000)
        assert "no text may have" in await refused(client, "search", query="bees\0")
        assert "no text may have" in await refused(client, "search", query="bees", speaker="\0")
        assert "no text may have" in await refused(client, "list_speakers", name="\0")
        await refused(client, "search", query="?!")
        await refused(client, "search", query="bees", limit=10_000)
        await refused(client, "list_recordings", cursor="x")
        await refused(client, "get_passage", recording=TALK, at_seconds=-1)
        assert (await asked(client, "search", query="' or 1=1 --", speaker="' or 1=1 --"))["passages"] == []
        assert len((await asked(client, "list_recordings"))["recordings"]) == 3

    in_process(corpus_database, session)
