"""The whole way on a real node: the chart, a batch over the demo's recordings, rows with vectors, the reader
over them, a schedule that finds nothing new."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from demo.__main__ import EXPECTED
from ingest_operator.kube.api.names import MANAGED_BY, MANAGER
from ingest_operator.kube.schedules.owned_batches import SCHEDULE_UID
from ingest_worker.sources.addresses import id_of_url
from ingest_worker.store.connect import connect
from testkit.release.place import BASE, Place
from testkit.release.reading import asked, ingress
from testkit.release.watching import left_now, watching

FILES = tuple("hls/master.m3u8" if name == "master.m3u8" else name for name in EXPECTED)
OURS = f"{MANAGED_BY}={MANAGER}"
QUESTION = "who pays for the night bus"
QUERIES = (
    "select url, state, reason, segments, speakers from recordings order by url",
    (
        "select label, count(*) as recordings, round(sum(seconds))::int as seconds "
        "from speakers group by label order by label"
    ),
    "select count(*) as vectors from ingest.embeddings_384",
)


def test_a_batch_goes_from_the_chart_to_rows_in_postgres(here: Place) -> None:
    seen_all = here.transcript
    seen_all.chapter(
        "Ingest",
        "Two people to recognise, and eight recordings, three of them broken: "
        "one in which nobody speaks, one that ends early, one that is not there.",
    )
    batch = here.written("batch.yaml")
    with seen_all.phase("the batch"), watching(here.node.plane.admin) as seen:
        here.kubectl(f"apply --filename {batch.name}")
        here.until(
            lambda: here.read("ingestbatches", "demo").get("status", {}).get("plan"), "the batch is planned"
        )
        here.kubectl("get ib demo")
        here.kubectl("wait --timeout=60m --for=condition=Complete ib demo")
    here.kubectl("get ib demo --output=wide")
    here.kubectl("get sp")
    here.until(
        lambda: all(_has_ended(job) for job in here.listed("jobs", OURS)),
        "the Job controller has seen all ends too",
    )
    here.kubectl(f"get jobs --selector={OURS} --sort-by=.metadata.name")
    status = here.read("ingestbatches", "demo")["status"]
    _ended_as_it_must(here, status)
    assert seen.most == 1, "more workers ran at once than the node has GPUs"
    assert seen.waited, "the scheduler let nobody wait"
    assert len(seen.order) >= len(EXPECTED)
    assert seen.processes > 0, "no worker was seen, so that none is left says nothing"
    assert left_now().processes == 0, "a worker is still there"
    _told(here, status)
    _stored(here, status)


def _has_ended(job: dict[str, Any]) -> bool:
    return any(
        (each["type"], each["status"]) in (("Complete", "True"), ("Failed", "True"))
        for each in job["status"].get("conditions", ())
    )


def _ended_as_it_must(here: Place, status: dict[str, Any]) -> None:
    names = {id_of_url(f"{BASE}/{path}"): path.rpartition("/")[2] for path in FILES}
    ended = {names[row["id"]]: (row["state"], row.get("reason")) for row in status["recordings"]}
    assert ended == EXPECTED, here.trouble()
    assert (status["counts"]["succeeded"], status["counts"]["skipped"], status["counts"]["failed"]) == (
        5,
        1,
        2,
    )


def _told(here: Place, status: dict[str, Any]) -> None:
    """What the status says about time and coverage."""
    sums = status["sums"]
    assert sums["segments"] == sums["vectors"] > 0
    assert float(sums["voicedSeconds"]) >= 0.95 * float(sums["speechSeconds"]) > 0
    assert float(status["rtf"]["p50"]) > 0
    here.transcript.chapter(
        "What the status says",
        "Where the time went, in seconds; "
        "how much of the speech has a speaker and words; why what failed failed.",
    )
    about = {
        key: status[key]
        for key in ("counts", "rtf", "audioHoursPerHour", "sums", "skips", "failures")
        if key in status
    }
    wanted = ", ".join(f".{key}" for key in about)
    answer = "\n".join(json.dumps(each, separators=(",", ":")) for each in about.values())
    here.transcript.command(
        f"kubectl get ib demo --output=json | jq --compact-output '.status | {wanted}'", answer
    )


def _stored(here: Place, status: dict[str, Any]) -> None:
    """What Postgres has, which is what the status says."""
    here.transcript.chapter("What Postgres has")
    found = []
    with connect(here.dsn, application="e2e") as connection:
        for query in QUERIES:
            cursor = connection.execute(query)
            heads = [each.name for each in cursor.description or ()]
            rows = cursor.fetchall()
            here.transcript.command(
                f'psql "$DSN" --csv -c "{query}"',
                "\n".join(
                    ",".join("" if cell is None else str(cell) for cell in row) for row in [heads, *rows]
                ),
            )
            found.append(rows)
    recordings, speakers, ((vectors,),) = found
    assert {url.rpartition("/")[2]: (state, reason) for url, state, reason, *_ in recordings} == {
        name: ("Ingested", None) if state == "Succeeded" else ("NotIngestible", reason)
        for name, (state, reason) in EXPECTED.items()
        if state != "Failed"
    }
    assert sum(segments for _, _, _, segments, _ in recordings) == vectors == status["sums"]["vectors"]
    assert {"joe", "mina"} <= {label for label, *_ in speakers}, "enrolled voices are recognised"


def test_people_read_through_the_readers_service_what_the_batch_stored(here: Place) -> None:
    talk = id_of_url(f"{BASE}/talk.mp4")
    search = f"/api/v1/search?{urlencode({'q': QUESTION, 'limit': 5})}"
    with here.transcript.phase("the reader"), ingress(here) as pod:
        assert asked(here, pod, "/readyz", token=None) == (200, "ok\n")
        assert asked(here, pod, search, token=None)[0] == 401
        status, answer = asked(here, pod, search)
        assert status == 200, (answer, here.trouble())
        status, page = asked(here, pod, f"/recordings/{quote(talk, safe='')}")
        assert status == 200, (page, here.trouble())
    found = json.loads(answer)
    assert found["by"] == "Both", (
        "the question was embedded by the demo's model, in the image without engines"
    )
    assert {each["recording"] for each in found["items"]} >= {talk}, found
    assert any(each["similarity"] is not None for each in found["items"]), found
    assert "hospital" in page
    best = {key: found["items"][0][key] for key in ("recording", "speaker", "time", "text")}
    here.transcript.chapter(
        "Read it",
        "Whoever shows the token, through what `networkPolicy.reader.from` names: pages for people, "
        "and the same as JSON ([how](reader.md#in-a-cluster)).",
    )
    here.transcript.command(
        f'curl --silent --header "authorization: Bearer $TOKEN" "http://$READER{search}" '
        "| jq --compact-output '.items[0] | {recording, speaker, time, text}'",
        json.dumps(best, separators=(",", ":"), ensure_ascii=False),
    )


def test_a_schedule_finds_nothing_new_and_everything_can_be_taken_away(here: Place) -> None:
    here.transcript.chapter(
        "Every minute", "The same sources by a schedule: what the store has is not done again."
    )
    path = here.written("schedule.yaml")
    with here.transcript.phase("the schedule"):
        here.kubectl(f"apply --filename {path.name}")
        here.until(lambda: _complete(here), "a batch of the schedule is complete")
        here.until(lambda: _last_state(here).startswith("Complete"), "the schedule says so")
        here.kubectl("get ischedule every-minute")
        first = _complete(here)[0]["status"]
    assert first["counts"]["total"] == 0
    left_out = {each["reason"]: each["count"] for each in first["plan"]["leftOut"]}
    assert sum(left_out.values()) == 3, left_out
    here.transcript.chapter("Away with it")
    with here.transcript.phase("deletion"):
        here.kubectl("delete ischedule every-minute")
        here.kubectl("delete ib demo")
        here.kubectl("delete sp joe mina")
        here.until(lambda: not here.listed("jobs", OURS), "the Jobs are gone")
    with connect(here.dsn, application="e2e") as connection:
        left = {label for (label,) in connection.execute("select distinct label from speakers").fetchall()}
    assert not {"joe", "mina"} & left, "who is deleted is forgotten"
    if written := here.transcript.write():
        print(f"e2e: docs/journey.md was written anew:\n{written}")


def _last_state(here: Place) -> str:
    return str(here.read("ingestschedules", "every-minute")["status"]["lastBatch"].get("state", ""))


def _complete(here: Place) -> list[dict[str, Any]]:
    """The batches of the schedule that are."""
    uid = here.read("ingestschedules", "every-minute")["metadata"]["uid"]
    return [
        each
        for each in here.listed("ingestbatches", f"{SCHEDULE_UID}={uid}")
        if each.get("status", {}).get("state", "").startswith("Complete")
    ]
