"""The pages. Functions are plain, so they run in threads."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import HTMLResponse

from ingest_reader.api.asking import FromCorpus, Named, once_only
from ingest_reader.bounds import MOST_COMPARED_VOICES
from ingest_reader.corpus import Corpus, Question
from ingest_reader.exports.formats import SOURCE_WORDS, Format
from ingest_reader.narrowing import (
    Batch,
    Channel,
    Cursor,
    InRecording,
    InState,
    Language,
    Maybe,
    Moment,
    Name,
    Speaker,
    Title,
)
from ingest_reader.pages import plots
from ingest_reader.pages.asked import Asked, fault_in
from ingest_reader.pages.left_out import reasons_of
from ingest_reader.pages.moments import moment_in
from ingest_reader.pages.player import player_of
from ingest_reader.pages.reading import part_at, passage_at, shares
from ingest_reader.pages.rendering import more, page, segment, web
from ingest_reader.policy import POLICY
from ingest_worker.store.reading.heard import SpeakersAsked
from ingest_worker.store.reading.listed import RecordingsAsked, State
from ingest_worker.store.reading.progress import LeftOutCount, RunsAsked, ShownRun
from ingest_worker.store.search import Filters

ROWS: Final = 50
HIT_PASSAGES: Final = 20
PLOTTED_RUNS: Final = 2_000
"""The latest runs of a batch that its plots show."""

router = APIRouter(
    include_in_schema=False, default_response_class=HTMLResponse, dependencies=[Depends(once_only)]
)


@router.get("/")
def search(  # noqa: PLR0913, PLR0917  the parameters of a page are its parameters
    request: Request,
    corpus: FromCorpus,
    q: Maybe = None,
    speaker: Speaker = None,
    since: Maybe = None,
    until: Maybe = None,
    recording: InRecording = None,
    channel: Channel = None,
    batch: Batch = None,
    language: Language = None,
) -> HTMLResponse:
    """Search; without a question, what there is."""
    asked = Asked.of(q, speaker, since, until, recording, channel, batch, language)
    fault = fault_in(asked)
    found = None
    if asked.text and fault is None:
        found = corpus.search(Question(asked.text, HIT_PASSAGES, asked.filters))
    latest = corpus.recordings(RecordingsAsked(6, state=State.INGESTED))[0] if not asked.text else ()
    people = corpus.speakers(SpeakersAsked(8, named=True))[0] if not asked.text else ()
    return page(
        request,
        "search.html",
        {
            "asked": asked,
            "fault": fault,
            "found": found,
            "latest": latest,
            "people": people,
            "source_words": SOURCE_WORDS,
        },
    )


@router.get("/recordings")
def recordings(
    request: Request,
    corpus: FromCorpus,
    cursor: Cursor = None,
    title: Title = None,
    channel: Channel = None,
    state: InState = None,
) -> HTMLResponse:
    """All recordings, newest first."""
    rows, after = corpus.recordings(RecordingsAsked(ROWS, cursor, Filters(channel=channel), state, title))
    narrowed = {"title": title, "channel": channel, "state": state}
    following = after and more(request, "/recordings", cursor=after, **narrowed)
    values = {
        "rows": rows,
        "next": following,
        "title": title or "",
        "channel": channel or "",
        "state": state or "",
    }
    return page(request, "recordings.html", values)


@router.get("/recordings/{recording:path}")
def transcript(
    request: Request,
    corpus: FromCorpus,
    recording: Named,
    at: Moment = None,
    t: Maybe = None,
) -> HTMLResponse:
    """One recording: who says what when, and a player that follows. `at` and `t` open it at a moment."""
    if t:
        at = _moment(t, at)
    known = corpus.recording(recording)
    if known.state != "Ingested":
        return page(request, "untranscribed.html", {"known": known})
    found = corpus.transcript(recording)
    player = player_of(web(found.recording.url), youtube=request.app.state.youtube)
    part = part_at(found, at or 0.0)
    policy = f"{POLICY}; {player.policy}" if player else POLICY
    values = {
        "found": found,
        "part": part,
        "here": None if at is None else passage_at(part, at),
        "shares": shares(found),
        "player": player,
        "at": at,
        "forms": tuple(Format),
        "sounds_like": plots.sounds_like(found.run.figures),
        "source_words": SOURCE_WORDS,
    }
    return page(request, "transcript.html", values, {"content-security-policy": policy})


@router.get("/speakers")
def speakers(request: Request, corpus: FromCorpus, cursor: Cursor = None, name: Name = None) -> HTMLResponse:
    """Who speaks, how long, where."""
    rows, after = corpus.speakers(SpeakersAsked(ROWS, cursor, part=name))
    following = after and more(request, "/speakers", cursor=after, name=name)
    longest = max((row.seconds for row in rows), default=0) or 1
    return page(
        request, "speakers.html", {"rows": rows, "next": following, "name": name or "", "longest": longest}
    )


@router.get("/speakers/{speaker:path}")
def speaker(request: Request, corpus: FromCorpus, speaker: Named) -> HTMLResponse:
    """One speaker."""
    return page(request, "speaker.html", {"found": corpus.speaker(speaker)})


@router.get("/voices")
def voices(request: Request, corpus: FromCorpus, cursor: Cursor = None) -> HTMLResponse:
    """Voices without a name, and the commands that name them: this page changes nothing."""
    found, after = corpus.voices(MOST_COMPARED_VOICES, cursor)
    following = after and more(request, "/voices", cursor=after)
    return page(request, "voices.html", {"voices": found, "next": following})


@router.get("/batches")
def batches(request: Request, corpus: FromCorpus, cursor: Cursor = None) -> HTMLResponse:
    """How batches went."""
    rows, after = corpus.batches(ROWS, cursor)
    following = after and more(request, "/batches", cursor=after)
    left_out = corpus.left_out()
    values = {
        "rows": rows,
        "next": following,
        "reasons": reasons_of(left_out),
        "of_unknown_batch": _of_unknown_batch(left_out),
    }
    return page(request, "batches.html", values)


@router.get("/batches/{batch:path}")
def batch(request: Request, corpus: FromCorpus, batch: Named, cursor: Cursor = None) -> HTMLResponse:
    """One batch: its runs over time, RTF by length, where time went, coverage, what it left out and why."""
    sums = corpus.batch(batch)
    rows, after = corpus.runs(RunsAsked(ROWS, batch=batch, cursor=cursor))
    plotted = _latest(corpus, batch)
    values = {
        "sums": sums,
        "rows": rows,
        "next": after and more(request, f"/batches/{segment(batch)}", cursor=after),
        "plotted": len(plotted),
        "over_time": plots.over_time(plotted),
        "by_length": plots.by_length(plotted),
        "stages": plots.time_by_stage(plotted),
        "coverage": plots.coverage(plotted),
        "doubted": plots.doubted(plotted),
        "reasons": reasons_of(corpus.left_out(batch)),
        "of_unknown_batch": _of_unknown_batch(corpus.left_out()),
    }
    return page(request, "batch.html", values)


@router.get("/receipts/{recording:path}")
def receipts(request: Request, corpus: FromCorpus, recording: Named, cursor: Cursor = None) -> HTMLResponse:
    """The runs of one recording, with what each one's Receipt says."""
    known = corpus.recording(recording)
    runs, after = corpus.runs(RunsAsked(ROWS, recording=recording, cursor=cursor))
    following = after and more(request, f"/receipts/{segment(recording)}", cursor=after)
    stages = {run.id: plots.time_by_stage([run]) for run in runs}
    values = {"known": known, "runs": runs, "stages": stages, "next": following}
    return page(request, "receipts.html", values)


def _moment(text: str, at: float | None) -> float:
    found = moment_in(text)
    said = "no moment of a recording: write it as 90, 1h2m3s or 1:02:03" if found is None else ""
    if at is not None:
        said = "a second moment, besides `at`: give one of the two"
    if found is None or said:
        raise RequestValidationError([{"type": "moment", "loc": ("query", "t"), "msg": said}])
    return found


def _of_unknown_batch(counts: Sequence[LeftOutCount]) -> int:
    return sum(each.of_unknown_batch for each in counts)


def _latest(corpus: Corpus, batch: str) -> tuple[ShownRun, ...]:
    rows, _ = corpus.runs(RunsAsked(PLOTTED_RUNS, batch=batch))
    return rows
