"""The routes of `/api/v1`. Ids stand last in a path, because they may contain slashes; functions are plain,
so they run in threads."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from ingest_reader.api.asking import FromCorpus, Limit, Named, Text, VoicesLimit, known_only, once_only
from ingest_reader.api.found import FoundAnswer
from ingest_reader.api.values import (
    AppearanceValue,
    BatchValue,
    ListOf,
    PassageInContext,
    RecordingValue,
    RunValue,
    SpeakerValue,
    VoiceValue,
)
from ingest_reader.corpus import Question, day_after
from ingest_reader.doors import PROBLEM
from ingest_reader.exports.document import document
from ingest_reader.exports.formats import FORMATS, Format
from ingest_reader.narrowing import (
    Batch,
    BatchOfAll,
    Channel,
    Cursor,
    InRecording,
    InState,
    IsNamed,
    Language,
    Longest,
    Name,
    Seconds,
    Shortest,
    Since,
    Speaker,
    SpeaksIn,
    Title,
    Until,
)
from ingest_worker.store.reading.heard import SpeakersAsked
from ingest_worker.store.reading.listed import RecordingsAsked
from ingest_worker.store.reading.progress import RunsAsked
from ingest_worker.store.reading.surroundings import AROUND_SECONDS
from ingest_worker.store.search import Filters

PREFIX: Final = "/api/v1"

_PROBLEM: Final[dict[str, Any]] = {
    "description": "A problem document (RFC 9457): `type`, `title`, `status`, `detail`.",
    "content": {PROBLEM: {"schema": {"type": "object"}}},
}
PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: _PROBLEM,
    404: _PROBLEM,
    422: _PROBLEM,
    503: _PROBLEM,
    504: _PROBLEM,
}

MEDIA_TYPES: Final = {
    Format.JSON: "application/json",
    Format.VTT: "text/vtt",
    Format.SRT: "application/x-subrip",
    Format.TXT: "text/plain",
    Format.RTTM: "text/plain",
}

router = APIRouter(prefix=PREFIX, responses=PROBLEMS, dependencies=[Depends(known_only), Depends(once_only)])


@router.get("/search", summary="Passages that answer a question")
def search(  # noqa: PLR0913, PLR0917  the parameters of a route are its parameters
    corpus: FromCorpus,
    q: Text,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    speaker: Speaker = None,
    since: Since = None,
    until: Until = None,
    recording: InRecording = None,
    channel: Channel = None,
    batch: Batch = None,
    language: Language = None,
    shortest: Shortest = None,
    longest: Longest = None,
    *,
    words: bool = False,
) -> FoundAnswer:
    """By meaning and by words at once, best first; nearly equal passages are folded (docs/search.md).

    `words` leaves meaning out.
    """
    filters = Filters(
        speaker, recording, channel, batch, language, since, day_after(until), shortest, longest
    )
    return FoundAnswer.of(corpus.search(Question(q, limit, filters, words)))


@router.get("/passages/{recording:path}", summary="What is said at a moment, with its surroundings")
def passage(
    corpus: FromCorpus,
    recording: Named,
    at: Seconds,
    around: Annotated[float, Query(ge=0, le=600, allow_inf_nan=False)] = AROUND_SECONDS,
) -> PassageInContext:
    """The passage that is said at `at` seconds, and what is said `around` seconds before and after it: at
    most 250 words in all."""
    return PassageInContext.of(corpus.passage(recording, at, around_seconds=around))


@router.get("/recordings", summary="Recordings, newest first")
def recordings(  # noqa: PLR0913, PLR0917  the parameters of a route are its parameters
    corpus: FromCorpus,
    limit: Limit = 50,
    cursor: Cursor = None,
    speaker: SpeaksIn = None,
    since: Since = None,
    until: Until = None,
    channel: Channel = None,
    batch: BatchOfAll = None,
    language: Language = None,
    shortest: Shortest = None,
    longest: Longest = None,
    state: InState = None,
    title: Title = None,
) -> ListOf[RecordingValue]:
    """Those that fit every filter."""
    filters = Filters(speaker, None, channel, batch, language, since, day_after(until), shortest, longest)
    rows, after = corpus.recordings(RecordingsAsked(limit, cursor, filters, state, title))
    return ListOf(items=tuple(RecordingValue.of(row) for row in rows), next=after)


@router.get("/recordings/{recording:path}", summary="One recording")
def recording(corpus: FromCorpus, recording: Named) -> RecordingValue:
    """What is known about it, and how it ended."""
    return RecordingValue.of(corpus.recording(recording))


@router.get("/transcripts/{recording:path}", summary="One transcript")
def transcript(corpus: FromCorpus, recording: Named) -> dict[str, Any]:
    """Every word with its time and speaker, as `ingestctl export` writes it (docs/how-to.md)."""
    return document(corpus.transcript(recording))


@router.get("/downloads/{form}/{recording:path}", summary="A transcript as a file")
def download(corpus: FromCorpus, form: Format, recording: Named) -> Response:
    """`json`, `vtt`, `srt`, `txt` or `rttm`."""
    text = FORMATS[form](corpus.transcript(recording))
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in recording)[:80]
    headers = {"content-disposition": f'attachment; filename="{name}.{form}"'}
    return Response(text, headers=headers, media_type=MEDIA_TYPES[form])


@router.get("/speakers", summary="Speakers, who speaks most first")
def speakers(
    corpus: FromCorpus,
    limit: Limit = 50,
    cursor: Cursor = None,
    named: IsNamed = None,
    name: Name = None,
) -> ListOf[SpeakerValue]:
    """Named ones and those nobody has named."""
    rows, after = corpus.speakers(SpeakersAsked(limit, cursor, named, name))
    return ListOf(items=tuple(SpeakerValue.of(row) for row in rows), next=after)


@router.get("/speakers/{speaker:path}", summary="Where one speaker speaks")
def speaker(corpus: FromCorpus, speaker: Named) -> ListOf[AppearanceValue]:
    """By a name, or `unknown #7` (percent-encoded), at most a thousand recordings."""
    return ListOf(items=tuple(AppearanceValue.of(row) for row in corpus.speaker(speaker).rows))


@router.get("/voices", summary="Voices without a name, and whom each is most like")
def voices(corpus: FromCorpus, limit: VoicesLimit = 50, cursor: Cursor = None) -> ListOf[VoiceValue]:
    """Who speaks most first. Likeness names nobody: somebody listens, and `ingestctl voices name` does."""
    found, after = corpus.voices(limit, cursor)
    return ListOf(items=tuple(VoiceValue.of_voice(each) for each in found), next=after)


@router.get("/batches", summary="Batches of which something is stored, the latest first")
def batches(corpus: FromCorpus, limit: Limit = 50, cursor: Cursor = None) -> ListOf[BatchValue]:
    """How each went, in sums."""
    rows, after = corpus.batches(limit, cursor)
    return ListOf(items=tuple(BatchValue.of(row) for row in rows), next=after)


@router.get("/batches/{batch:path}", summary="One batch")
def batch(corpus: FromCorpus, batch: Named) -> BatchValue:
    """By `NAMESPACE/NAME`."""
    return BatchValue.of(corpus.batch(batch))


@router.get("/runs", summary="Runs with their receipts, the latest first")
def runs(
    corpus: FromCorpus,
    limit: Limit = 50,
    cursor: Cursor = None,
    batch: Batch = None,
    recording: InRecording = None,
) -> ListOf[RunValue]:
    """Of one batch, of one recording, or all; superseded ones too."""
    rows, after = corpus.runs(RunsAsked(limit, batch, recording, cursor))
    return ListOf(items=tuple(RunValue.of(row) for row in rows), next=after)
