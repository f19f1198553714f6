"""An Enrol order from beginning to end: hear each recording of a voice that the store has no vector of, judge
whether all of them sound like one person, and keep what comes of it.

Called by `process`. Needs the diarization model and nothing else of the pipeline. One recording that cannot
be used never takes the others with it.
"""

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from ingest_contract.failures import Kind, Reason, Verdict
from ingest_contract.order import Item, SpeakerCount
from ingest_contract.profile import IdentificationProfile
from ingest_contract.stages import Stage
from ingest_contract.voice_orders import EnrolOrder
from ingest_contract.voice_report import Enrolled, EnrolledSource
from ingest_contract.voices import VoiceRecording, VoiceState
from ingest_worker.agreement import agreement
from ingest_worker.domain import Diarization
from ingest_worker.errors import StageError
from ingest_worker.fetched_audio import decoded
from ingest_worker.hashes import voice_hash
from ingest_worker.models import Role, open_models
from ingest_worker.ports import Decoder, Diarizer, Fetcher, Report
from ingest_worker.session import Session
from ingest_worker.sole_voice import sole_voice
from ingest_worker.store.enrolment import HeardSource

_FETCHED_SHARE: Final = 0.2
"""Of one recording's share of the progress."""

_OF_ONE: Final = frozenset({Kind.INPUT, Kind.SOURCE, Kind.MEMORY, Kind.ENGINE})
"""Kinds of failures of one recording: the others are heard all the same."""

log = logging.getLogger(__name__)


class KnownVoice(Protocol):
    """What the store knows of the order's voice: `claimed_voice.VoiceInStore`."""

    def known(self) -> dict[str, HeardSource]:
        """By source."""

    def stretch(self, recording: VoiceRecording, /) -> tuple[str, Diarization] | None:
        """(its run, who speaks in it) of a stretch of an ingested recording; None if it is not there."""


class Voices(KnownVoice, Protocol):
    """The same, to be changed: `claimed_voice.ClaimedVoice`."""

    def keep(self, rows: list[HeardSource], /) -> None:
        """Keep these, and remove what the order does not name."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What hears a recording."""

    media: Callable[[], tuple[Fetcher, Decoder]]
    """Makes what fetches and decodes. Not called if everything is known."""
    ear: Callable[[], Diarizer]
    """Loads the diarizer, which is not needed for stretches either."""
    content: Callable[[str], str]
    """What an address holds now: of a local file, a digest; else empty. Raises `StageError` for a file that
    is not there, or not allowed."""


def enrol(order: EnrolOrder, dsn: str, session: Session) -> None:
    """Carry out the order. What is known about the voice is in the session, however this ends.

    Raises:
        StageError: why a recording could not be heard now, after the others were; `CLAIMED_ELSEWHERE`; the
            failure of the store or of the models.
        Interruption: the run was asked to end; what was heard until then is kept.
    """
    from ingest_worker.claimed_voice import claimed_voice
    from ingest_worker.tools import ear_for, media_for

    models = open_models(Path(order.place.models), order.model_set)
    network = models.identity(Role.DIARIZATION, order.diarization.model)
    ear = ear_for(order, models)
    hearing = Hearing(lambda: media_for(order.fetch, order.sites, session.met), ear.get, content_in(order))
    with (
        session.sampler,
        claimed_voice(dsn, order, voice_hash(network), network) as voices,
        session.shown(order.place, weights={Stage.IDENTIFY: 1.0}) as observer,
    ):
        session.control.watch(voices.check)
        session.give_up = voices.give_up
        enrolling = Enrolling(order, network, voices, hearing)
        try:
            with observer.stage(Stage.IDENTIFY) as (_, report):
                enrolling.run(report)
        finally:
            session.enrolled = enrolling.report
    shutil.rmtree(order.place.scratch, ignore_errors=True)


def judgement(
    rows: Iterable[HeardSource], profile: IdentificationProfile
) -> tuple[dict[str, HeardSource], dict[str, float | None]]:
    """(the rows with whether each counts, the score of each that has a vector), by source."""
    judged, scores = {row.source: row for row in rows}, dict[str, float | None]()
    voiced = [(row, row.vector) for row in judged.values() if row.vector is not None]
    threshold = float(profile.threshold)
    found = agreement([vector for _, vector in voiced], threshold)
    for position, (row, _) in enumerate(voiced):
        score = scores[row.source] = found.scores[position]
        if position in found.used:
            judged[row.source] = replace(row, reason=None, message="")
        else:
            message = f"Likeness to the others is {score or 0.0:.2f}, and {threshold:.2f} is wanted of most."
            judged[row.source] = replace(row, reason=Reason.VOICES_DISAGREE, message=message)
    return judged, scores


def content_in(order: EnrolOrder) -> Callable[[str], str]:
    """`Hearing.content` by what the order allows."""

    def content(url: str) -> str:
        from ingest_worker.sources import contents, files

        if not files.is_local(url):
            return ""
        path = files.media_file(url, order.fetch.allow)
        try:
            return contents.content_of(path)
        except OSError as error:
            raise StageError(Reason.NOT_FOUND, f"{url} cannot be read: {error.strerror or error}") from error

    return content


class Enrolling:
    """One voice, recording by recording."""

    def __init__(self, order: EnrolOrder, network: str, voices: Voices, hearing: Hearing) -> None:
        """`network` is the diarization model as `name@sha256-prefix`."""
        self._order, self._network, self._voices, self._hearing = order, network, voices, hearing
        self._rows: dict[str, HeardSource] = {}
        self._heard: set[str] = set()
        self._waits: dict[str, StageError] = {}
        self._scores: dict[str, float | None] = {}
        self._bytes = 0

    def run(self, report: Report) -> None:
        """Hear what is not known, and judge everything. Raises as `enrol`."""
        before, count = self._voices.known(), len(self._order.recordings)
        for position, recording in enumerate(self._order.recordings):
            begun = position / count
            self._take(recording, before, lambda share, begun=begun: report(begun + share / count))  # type: ignore[misc] # mypy has no type for the default
            if recording.key in self._heard:
                self._keep()  # what is heard is not heard again, however this run ends
        self._keep()
        report(1.0)
        if self._waits:
            raise next(iter(self._waits.values()))

    @property
    def report(self) -> Enrolled:
        """What is known now."""
        sources = tuple(self._source(recording.key) for recording in self._order.recordings)
        return Enrolled(model=self._network, bytes_read=self._bytes, sources=sources)

    def _take(self, recording: VoiceRecording, before: dict[str, HeardSource], report: Report) -> None:
        """One recording, whose failure is its own."""
        content = ""
        try:
            if recording.url is None:
                self._rows[recording.key] = self._stretch(recording, before)
                return
            content = self._hearing.content(recording.url)
            known = before.get(recording.key)
            if known is None or known.content != content or not lasts(known):
                known = self._hear(recording, content, report)
            self._rows[recording.key] = known
        except StageError as error:
            final = error.failure.verdict in (Verdict.GIVE_UP, Verdict.SKIP)
            if error.failure.kind is Kind.INPUT and final:
                self._rows[recording.key] = HeardSource(
                    recording.key, content, None, 0.0, error.reason, str(error)
                )
            elif error.failure.kind in _OF_ONE or error.reason is Reason.NOT_INGESTED:
                self._waits[recording.key] = error
            else:
                raise

    def _stretch(self, recording: VoiceRecording, before: dict[str, HeardSource]) -> HeardSource:
        """What diarization heard when the recording was ingested."""
        found = self._voices.stretch(recording)
        if found is None:
            raise StageError(
                Reason.NOT_INGESTED,
                f"{recording.recording} is not in the store, or was heard by another diarization model.",
            )
        run, diarization = found
        known = before.get(recording.key)
        if known is not None and known.content == run:
            return known
        self._heard.add(recording.key)
        return self._sole(recording, run, diarization)

    def _hear(self, recording: VoiceRecording, content: str, report: Report) -> HeardSource:
        digest = hashlib.sha256(recording.key.encode()).hexdigest()[:16]
        into = Path(self._order.place.scratch) / digest
        identity = f"file:content.{content}" if content else f"voice:{digest}"
        item = Item(index=0, id=identity, url=recording.url or "")
        tools = self._hearing.media()
        into.mkdir(parents=True, exist_ok=True)
        try:
            media = tools[0].fetch(item, into, lambda share: report(_FETCHED_SHARE * share))
            self._bytes += media.path.stat().st_size
            audio = decoded(tools, item, media, into, _nobody)

            def heard(share: float) -> None:
                report(_FETCHED_SHARE + (1 - _FETCHED_SHARE) * share)

            diarization = self._hearing.ear().diarize(audio, SpeakerCount(), heard)
        finally:
            shutil.rmtree(into, ignore_errors=True)
        self._heard.add(recording.key)
        found = self._sole(recording, content, diarization)
        grows = not content and audio.sound is not None and audio.sound.open_ended
        if grows and found.reason is Reason.TOO_LITTLE_SPEECH:  # so far: it is heard again
            return replace(found, reason=Reason.LIVE_OR_UPCOMING)
        return found

    def _sole(self, recording: VoiceRecording, content: str, diarization: Diarization) -> HeardSource:
        """The one person of it, or why there is none."""
        try:
            voice = sole_voice(diarization)
        except StageError as error:
            return HeardSource(recording.key, content, None, 0.0, error.reason, str(error))
        return HeardSource(recording.key, content, voice.vector, voice.seconds)

    def _keep(self) -> None:
        """Judge whether what is heard sounds like one person, and keep it."""
        self._rows, self._scores = judgement(self._rows.values(), self._order.identification)
        self._voices.keep(list(self._rows.values()))

    def _source(self, key: str) -> EnrolledSource:
        row, wait = self._rows.get(key), self._waits.get(key)
        if row is None:
            return EnrolledSource(
                state=VoiceState.WAITING,
                reason=wait.reason if wait else None,
                message=str(wait) if wait else "",
            )
        score = self._scores.get(key)
        return EnrolledSource(
            state=VoiceState.USED if row.reason is None else VoiceState.REFUSED,
            heard=key in self._heard,
            seconds=round(row.seconds, 3),
            score=None if score is None else round(score, 4),
            reason=row.reason,
            message=row.message,
        )


def lasts(known: HeardSource) -> bool:
    """Whether it need not be tried again: its voice is known, or its sound is of no use. What could not be
    fetched or decoded may be mended by now."""
    return known.vector is not None or known.reason in (Reason.TOO_LITTLE_SPEECH, Reason.SEVERAL_PEOPLE)


def _nobody(_: float) -> None:
    """Ignore progress: decoding is a small part."""
