"""What the tools answer: short enough for a model's context, each with its citation. Blocking."""

from pydantic import Field

from ingest_contract.text import legible, without_credentials
from ingest_reader.api.values import Moment, Neighbour, PassageInContext, SpeakerValue, Value, VoiceValue
from ingest_reader.corpus import Corpus, Question, UnknownError, link_of
from ingest_reader.exports.document import names_of
from ingest_reader.exports.links import clock
from ingest_worker.store.reading.heard import SpeakersAsked
from ingest_worker.store.reading.listed import RecordingsAsked
from ingest_worker.store.reading.surroundings import words_in
from ingest_worker.store.reads import StoredTranscript


class Hit(Value):
    """A passage that was found, to be cited."""

    recording: str
    title: str
    speaker: str | None
    """A name, `unknown #7`, or null."""
    start: float
    end: float
    time: str
    link: str
    text: str
    before: tuple[Neighbour, ...] = ()
    after: tuple[Neighbour, ...] = ()
    score: float
    words_are: str = Field(
        description="Speech: heard. Captions, AutomaticCaptions: of the source, times estimated."
    )


class FoundPassages(Value):
    """Passages, best first."""

    passages: tuple[Hit, ...]
    notes: tuple[str, ...] = ()
    """What a reader must know about how they were found."""


class ShortRecording(Value):
    """One recording of a list."""

    recording: str
    title: str
    channel: str | None
    published_at: Moment | None
    duration_seconds: float | None
    language: str | None
    speakers: int
    state: str
    reason: str | None
    url: str


class RecordingsPage(Value):
    """A page of recordings."""

    recordings: tuple[ShortRecording, ...]
    next: str | None


class SpeakersPage(Value):
    """A page of speakers."""

    speakers: tuple[SpeakerValue, ...]
    next: str | None


class VoicesPage(Value):
    """A page of voices without a name."""

    voices: tuple[VoiceValue, ...]
    next: str | None


class SpokenPassage(Value):
    """One passage of a transcript."""

    start: float
    end: float
    time: str
    speaker: str | None
    text: str
    link: str


class TranscriptPage(Value):
    """Part of a transcript, in order."""

    recording: str
    title: str
    url: str
    language: str
    words_are: str
    passages: tuple[SpokenPassage, ...]
    next_from_seconds: float | None


def found_passages(corpus: Corpus, question: Question) -> FoundPassages:
    """Search, with the surroundings of each hit."""
    hits = []
    answer = corpus.search(question)
    for found in answer.hits:
        try:
            context = PassageInContext.of(corpus.passage(found.recording, found.start, seq=found.seq))
        except UnknownError:  # it was forgotten or replaced in between
            continue
        hits.append(
            Hit(
                recording=found.recording,
                title=legible(found.title),
                speaker=found.speaker,
                start=found.start,
                end=found.end,
                time=clock(found.start),
                link=link_of(found.url, found.start),
                text=found.text,
                before=context.before,
                after=context.after,
                score=found.score,
                words_are=found.transcript_source,
            )
        )
    return FoundPassages(passages=tuple(hits), notes=answer.notes)


def recordings_page(corpus: Corpus, asked: RecordingsAsked) -> RecordingsPage:
    """A page of recordings."""
    rows, after = corpus.recordings(asked)
    return RecordingsPage(
        recordings=tuple(
            ShortRecording(
                recording=row.id,
                title=legible(row.title),
                channel=row.channel,
                published_at=row.published_at,
                duration_seconds=row.duration_seconds,
                language=row.language,
                speakers=row.speakers,
                state=row.state,
                reason=row.reason,
                url=without_credentials(row.url),
            )
            for row in rows
        ),
        next=after,
    )


def speakers_page(corpus: Corpus, asked: SpeakersAsked) -> SpeakersPage:
    """A page of speakers."""
    rows, after = corpus.speakers(asked)
    return SpeakersPage(speakers=tuple(SpeakerValue.of(row) for row in rows), next=after)


def voices_page(corpus: Corpus, limit: int, cursor: str | None) -> VoicesPage:
    """A page of voices without a name, each with the named one that it is most like."""
    found, after = corpus.voices(limit, cursor)
    return VoicesPage(voices=tuple(VoiceValue.of_voice(each) for each in found), next=after)


def transcript_page(found: StoredTranscript, from_seconds: float, max_words: int) -> TranscriptPage:
    """The passages from a time on, `max_words` of them at most, but at least one."""
    names, left, after = names_of(found), max_words, None
    passages: list[SpokenPassage] = []
    for segment in found.segments:
        if segment.start < from_seconds - 0.0005:
            continue
        size = words_in(segment.text)
        # Never between passages that begin at once: the next page would begin with what was read.
        if passages and size > left and segment.start > passages[-1].start:
            after = segment.start
            break
        left -= size
        passages.append(
            SpokenPassage(
                start=segment.start,
                end=segment.end,
                time=clock(segment.start),
                speaker=names.get(segment.speaker),
                text=segment.text,
                link=link_of(found.recording.url, segment.start),
            )
        )
    return TranscriptPage(
        recording=found.recording.id,
        title=legible(found.recording.title),
        url=without_credentials(found.recording.url),
        language=found.run.language,
        words_are=found.run.transcript_source,
        passages=tuple(passages),
        next_from_seconds=after,
    )
