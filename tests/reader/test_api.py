"""What programs get: JSON with citations, pages of lists, and problems that say what is wrong."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from ingest_reader.agents import answers
from ingest_reader.api import found, values
from tests.reader.conftest import EPISODE, MARKUP, TALK, served
from tests.support.problems import problem

pytestmark = pytest.mark.postgres


def ok(client: TestClient, path: str, **parameters: Any) -> Any:
    answer = client.get(f"/api/v1{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_hit_has_title_speaker_start_end_and_a_link_that_opens_the_moment(client: TestClient) -> None:
    best = ok(client, "/search", q="what do bees do")["items"][0]
    cited = {name: best[name] for name in ("title", "speaker", "start", "end", "link", "text")}
    assert cited in (
        {
            "title": "Bees & flowers", "speaker": "ann", "start": 0.0, "end": 2.0, "text": "Bees dance.",
            "link": "https://www.youtube.com/watch?v=abcdefghijk&t=0",
        },
        cited | {"title": MARKUP.replace("\u202e", "")},
    )  # fmt: skip


def test_a_search_heeds_its_filters(client: TestClient) -> None:
    found = ok(client, "/search", q="bees", speaker="unknown #1", recording=TALK)["items"]
    assert {(each["recording"], each["speaker"]) for each in found} == {(TALK, "unknown #1")}
    assert ok(client, "/search", q="bees", since="2030-01-01")["items"] == []


def test_a_passage_comes_with_what_is_said_around_it(client: TestClient) -> None:
    found = ok(client, f"/passages/{TALK}", at=2.0)
    assert (found["text"], found["speaker"], found["time"]) == ("Do they?", "unknown #1", "0:00:02")
    assert [each["text"] for each in found["before"]] == ["Bees dance."]
    assert [each["text"] for each in found["after"]] == ["They do.", "Good."]
    assert [each["text"] for each in ok(client, f"/passages/{TALK}", at=2.0, around=0.5)["after"]] == [
        "They do."
    ]


def test_lists_come_in_pages_that_have_every_entry_once(client: TestClient) -> None:
    seen, cursor = [], None
    while True:
        page = ok(client, "/recordings", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [each["id"] for each in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == [EPISODE, TALK, "url:gone"]
    for path in ("/speakers", "/batches", "/runs"):
        whole = ok(client, path)["items"]
        first = ok(client, path, limit=1)
        rest = ok(client, path, limit=100, cursor=first["next"])
        assert first["items"] + rest["items"] == whole
        assert rest["next"] is None


def test_recordings_are_found_by_what_they_are(client: TestClient) -> None:
    def ids(**filters: str) -> list[str]:
        return [each["id"] for each in ok(client, "/recordings", **filters)["items"]]

    assert ids(batch="media/talks") == [TALK, "url:gone"]
    assert ids(batch="media/talks", state="Ingested") == [TALK]
    assert problem(client.get("/api/v1/recordings?state=ingested"), 422, "bad-parameters")
    assert ids(title="BEES") == [TALK]
    assert ids(state="NotIngestible") == ["url:gone"]
    assert ids(language="de") == []
    assert ids(speaker="ann") == [EPISODE, TALK]
    assert ids(speaker="ann", shortest="3725", longest="3725") == [TALK]
    assert ids(longest="3724") == [EPISODE]
    assert ids(since="2025-06-02") == [EPISODE]
    assert ids(until="2025-06-01") == [TALK]


def test_an_id_may_have_everything_that_an_address_takes_apart(client: TestClient) -> None:
    path = quote(EPISODE, safe="")
    assert ok(client, f"/recordings/{path}")["id"] == EPISODE
    assert ok(client, f"/transcripts/{path}")["recording"]["id"] == EPISODE
    assert ok(client, f"/passages/{path}", at=0)["recording"] == EPISODE
    assert "geheim" not in client.get(f"/api/v1/recordings/{path}").text


def test_a_recording_that_was_left_out_says_why(client: TestClient) -> None:
    assert ok(client, "/recordings/url:gone")["reason"] == "NotFound"
    told = problem(client.get("/api/v1/transcripts/url:gone"), 404, "unknown")
    assert told["detail"] == "'url:gone' has no transcript: it ended as NotFound."


def test_speakers_say_how_long_where_and_where_to_listen(client: TestClient) -> None:
    ann, nobody, *_ = ok(client, "/speakers")["items"]
    assert (ann["speaker"], ann["recordings"], ann["seconds"]) == ("ann", 2, 6.0)
    assert ann["listen"] == "https://www.youtube.com/watch?v=abcdefghijk&t=0"
    assert (nobody["speaker"], nobody["named"]) == ("unknown #1", False)
    assert [each["recording"] for each in ok(client, "/speakers/ann")["items"]] == [TALK, EPISODE]
    assert len(ok(client, "/speakers/unknown%20%231")["items"]) >= 1


def test_a_batch_and_its_runs_with_receipts(client: TestClient) -> None:
    batch = ok(client, "/batches/media%2Ftalks")
    assert (batch["runs"], batch["media_seconds"], batch["rtf"]) == (1, 60.0, 0.5)
    assert (batch["recordings"], batch["left_out"]) == (1, 1)
    run = ok(client, "/runs", batch="media/talks")["items"][0]
    assert run["figures"]["stages"]["transcribe"] == {"seconds": 12.5}


def test_times_are_in_utc_wherever_the_server_of_the_store_is(corpus_database: str) -> None:
    with served(f"{corpus_database} options='-c TimeZone=Asia/Tokyo'") as client:
        (run,) = ok(client, "/runs", recording=TALK)["items"]
        told = [run["finished_at"], ok(client, f"/transcripts/{TALK}")["run"]["finished_at"]]
    assert told == ["2025-06-01T12:00:30Z"] * 2


def test_a_fraction_of_a_second_has_the_form_of_exports_in_every_answer() -> None:
    at, told = datetime(2025, 6, 1, 12, 0, 30, 123_456, UTC), {}
    for model in (each for module in (values, found, answers) for each in vars(module).values()):
        if isinstance(model, type) and issubclass(model, values.Value):
            times = [name for name, field in model.model_fields.items() if "datetime" in str(field)]
            made = model.model_construct(**dict.fromkeys(times, at)).model_dump(mode="json", warnings=False)
            told |= {(model.__name__, each): made[each] for each in times}
    assert ("RunValue", "finished_at") in told
    assert set(told.values()) == {"2025-06-01T12:00:30.123Z"}, told


@pytest.mark.parametrize(
    ("form", "begins", "kind"),
    [
        ("json", "{", "application/json"), ("vtt", "WEBVTT", "text/vtt"),
        ("srt", "1\n", "application/x-subrip"),
        ("txt", "Bees", "text/plain"), ("rttm", "SPEAKER", "text/plain"),
    ],
)  # fmt: skip
def test_transcripts_are_downloaded_in_every_format(
    client: TestClient, form: str, begins: str, kind: str
) -> None:
    answer = client.get(f"/api/v1/downloads/{form}/{TALK}")
    assert answer.text.startswith(begins)
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["content-disposition"] == f'attachment; filename="youtube_abcdefghijk.{form}"'


@pytest.mark.parametrize(
    "path",
    ["/recordings/url:none", "/transcripts/x';drop table ingest.run;--", "/passages/a?at=0",
     "/speakers/nobody", "/batches/none", "/downloads/vtt/none"],
)  # fmt: skip
def test_what_is_unknown_is_said_to_be(client: TestClient, path: str) -> None:
    problem(client.get(f"/api/v1{path}"), 404, "unknown")


@pytest.mark.parametrize(
    "path",
    ["/search", "/search?q=", "/search?q=a&limit=0", "/search?q=a&since=yesterday", "/search?q=%00a",
     "/passages/a?at=-1", "/passages/a?at=nan", "/passages/a", "/recordings?limit=9999", "/downloads/exe/a",
     "/recordings?title=" + "a" * 2_000, "/speakers/%00"],
)  # fmt: skip
def test_a_bad_parameter_is_named(client: TestClient, path: str) -> None:
    told = client.get(f"/api/v1{path}")
    if path == "/search?q=":
        problem(told, 400, "bad-question")
    else:
        assert problem(told, 422, "bad-parameters")["parameters"][0]["name"]


def test_a_parameter_that_a_route_does_not_have_is_refused_with_those_it_has(client: TestClient) -> None:
    """A misspelt filter would widen the answer without a word."""
    paths = ok(client, "/openapi.json")["paths"]
    for path, route in {**paths, "/api/v1/openapi.json": {"get": {"parameters": []}}}.items():
        known = [each["name"] for each in route["get"]["parameters"] if each["in"] == "query"]
        place = path.replace("{form}", "vtt").replace("{recording}", TALK).replace("{speaker}", "ann")
        answer = client.get(place.replace("{batch}", "media%2Ftalks"), params={"speker": "ann"})
        (named,) = problem(answer, 422, "bad-parameters")["parameters"]
        assert (named["name"], named["in"]) == ("speker", "query"), path
        assert named["reason"] == f"no such parameter; there are {', '.join(known) or 'none here'}", path
    assert "speker: no such parameter" in client.get("/api/v1/search?q=bees&speker=ann").json()["detail"]
    assert problem(client.get("/api/v1/search?" + "y" * 12_000), 422, "bad-parameters")


@pytest.mark.parametrize(
    "path",
    ["/api/v1/search?q=bees&q=flowers", "/api/v1/search?q=bees&speaker=ann&speaker=bob",
     "/api/v1/recordings?limit=1&limit=2", "/api/v1/openapi.json?a=1&a=1", "/?q=bees&q=flowers",
     "/?q=bees&speaker=a&speaker=b", f"/recordings/{TALK}?at=1&at=2", "/voices?utm=1&utm=1"],
)  # fmt: skip
def test_a_parameter_that_is_given_twice_is_refused(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422
    repeated = path.partition("?")[2].split("&")[-1].partition("=")[0]
    if path.startswith("/api/v1/openapi"):
        assert "no such parameter" in answer.text
    else:
        assert f"{repeated}: given 2 times, and taken once" in answer.text


def written(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "!!!", "W10", "WyJhIiwxXQ", "bnVsbA", "W1siYSJdLCJiIl0", "WyJub3doZW4iLCJhIl0", "é"),
        written("2025-01-01T00:00:00+00:00", "\ud800"),
        written("2025-01-01T00:00:00+00:00", "\0"),
        written(1.5, "\udfff"),
        written(10**400, "ann"),
        written(float("nan"), "ann"),
    ],
)
@pytest.mark.parametrize("path", ["/recordings", "/speakers", "/batches", "/runs"])
def test_a_cursor_that_no_list_gave_is_refused(client: TestClient, path: str, cursor: str) -> None:
    problem(client.get(f"/api/v1{path}", params={"cursor": cursor}), 400, "bad-cursor")


@pytest.mark.parametrize("path", ["search?q=bees&", "recordings?"])
@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ("since=2025-06-02&until=2025-06-01", "the last day is before the first"),
        ("shortest=60&longest=59.5", "the longest is shorter than the shortest"),
    ],
)
def test_filters_that_exclude_each_other_are_refused(
    client: TestClient, path: str, filters: str, told: str
) -> None:
    refused = problem(client.get(f"/api/v1/{path}{filters}"), 400, "bad-question")
    assert refused["detail"] == f"Nothing can fit these filters: {told}."
    assert client.get(f"/api/v1/{path}since=2025-06-01&until=2025-06-01").status_code == 200


def test_a_question_of_ten_thousand_words_is_refused_in_one_sentence(client: TestClient) -> None:
    problem(client.get("/api/v1/search", params={"q": "bees " * 10_000}), 414)
    problem(client.get("/api/v1/search", params={"q": "bees " * 2_000}), 422, "bad-parameters")


@pytest.mark.parametrize(
    "question",
    ["'; drop table ingest.run; --", "bees' or '1'='1", "%s %(text)s {table}", "a & | ! <-> (b", "\\"],
)
def test_sql_in_a_question_is_text(client: TestClient, question: str) -> None:
    answer = client.get("/api/v1/search", params={"q": question, "speaker": question})
    if question == "\\":
        problem(answer, 400, "bad-question")
    else:
        assert answer.json()["items"] == []
    assert len(ok(client, "/runs")["items"]) == 2


def test_the_openapi_document_has_every_route_and_its_problems(client: TestClient) -> None:
    paths = ok(client, "/openapi.json")["paths"]
    names = {path.split("/")[3] for path in paths}
    assert names == {
        "search", "passages", "recordings", "transcripts", "downloads", "speakers", "voices", "batches",
        "runs",
    }  # fmt: skip
    assert {"200", "404", "422", "503", "504"} <= set(paths["/api/v1/search"]["get"]["responses"])


def test_no_method_writes(client: TestClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.request(method, f"/api/v1/recordings/{TALK}").status_code == 405
