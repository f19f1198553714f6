"""One recording, from its address to what the store gets: fetch, decode, transcribe and diarize, identify,
attribute, segment, embed.

Called by the composition root with the tools of a run and a claimed recording. Knows the order of stages,
what each needs, and what an earlier run has finished; no engine, no database and no file format. Must not
decide what a failure means: every stage reports that itself.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ingest_contract.order import IngestOrder
from ingest_contract.stages import KEPT, RESTS_ON, Stage
from ingest_worker.attribution import attribute
from ingest_worker.captions.taking import taken
from ingest_worker.captions.values import Captions, NoCaptions
from ingest_worker.domain import (
    Audio,
    Diarization,
    EnrolledVoice,
    Identified,
    Identity,
    Media,
    Segment,
    Sound,
    SpokenWord,
    Transcript,
    Vectors,
)
from ingest_worker.fetched_audio import decoded
from ingest_worker.hashes import Hashes, embed_hash, identify_hash, voices_hash
from ingest_worker.hearable import require_hearable, require_unless_captioned
from ingest_worker.identification.identify import identify
from ingest_worker.interruption import Control
from ingest_worker.kept import DIARIZATION, IDENTIFIED, PASSAGES, TRANSCRIPT, Kind, Passages, Value, one_each
from ingest_worker.lazy import LazyEngine
from ingest_worker.ports import Report
from ingest_worker.progress import Board
from ingest_worker.segmentation import segment
from ingest_worker.stopwatch import Stopwatch, Timing
from ingest_worker.tools import ArtifactStore, Tools
from ingest_worker.wordless import is_silence_so_far, without_words


@dataclass(frozen=True, slots=True)
class RunObserver:
    """What observes a run: the clock, the board, and the control that may end it."""

    clock: Stopwatch
    board: Board
    control: Control

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[tuple[Timing, Report]]:
        """One stage: timed, shown, and ended at its next report if the run must end.
        Raises `Interruption`."""
        self.control.check()
        with self.clock.timing(stage) as timing:
            show = self.board.begin(stage)

            def report(share: float) -> None:
                self.control.check()
                show(share)

            yield timing, report
        self.board.end(stage)


@dataclass(frozen=True, slots=True)
class Found:
    """What came out."""

    transcript: Transcript
    diarization: Diarization
    words: tuple[SpokenWord, ...]
    identities: tuple[Identity, ...]
    segments: tuple[Segment, ...]
    vectors: Vectors


class Pipeline:
    """One run over one recording."""

    def __init__(
        self,
        order: IngestOrder,
        hashes: Hashes,
        tools: Tools,
        artifacts: ArtifactStore,
        observer: RunObserver,
    ) -> None:
        self._order, self._hashes, self._tools = order, hashes, tools
        self._artifacts, self._observer = artifacts, observer
        self._kept: dict[Stage, bytes] = {}
        self._voices: tuple[EnrolledVoice, ...] | None = None
        self._embed_hash, self._identify_hash = hashes.embed, hashes.identify
        self.media: Media | None = None
        """The fetched media, once there are any; None if nothing had to be fetched."""
        self.sound: Sound | None = None
        """The decoded sound, once there is any; None if nothing had to be decoded."""
        self.media_seconds = 0.0
        """The recording's length, once it is known. If no stage had to process the audio again: as announced,
        or up to its last word."""

    def run(self) -> Found:
        """Every stage up to the store.

        Raises:
            StageError: as the stages; `LANGUAGE_UNSUPPORTED`, `NO_SPEECH`, `NO_WORDS`, `LIVE_OR_UPCOMING`,
                `EMBEDDING_INCOMPLETE`.
            Interruption: the run was asked to end.
        """
        require_unless_captioned(self._order, self._tools.languages)
        self._resume()
        transcript, diarization, identities = self._separated()
        if self._tools.diarizer.loaded:
            self._tools.diarizer.get().release()
        with self._observer.stage(Stage.ATTRIBUTE):
            words = attribute(transcript.words, diarization)
        segments, vectors = self._embedded(words)
        return Found(transcript, diarization, words, identities, segments, vectors)

    @property
    def judged_by(self) -> str | None:
        """The voices that speakers were judged by (`voices_hash`); None before they are read."""
        return None if self._voices is None else voices_hash(self._voices)

    def _resume(self) -> None:
        """Look up what earlier runs finished, and begin to load what the rest needs. A voice that is not
        enrolled is missed now, not after hours."""
        with self._observer.clock.timing(Stage.IDENTIFY):
            self._voices = self._tools.enrolment.voices()
        self._identify_hash = identify_hash(self._hashes, self._voices)
        for stage in (Stage.TRANSCRIBE, Stage.DIARIZE):
            self._resume_stage(stage, self._hashes.of(stage))
        self._resume_stage(Stage.IDENTIFY, self._identify_hash)
        missing = frozenset(KEPT) - self._kept.keys()
        if Stage.IDENTIFY in self._kept:
            self._turns_are_known(IDENTIFIED.decode(self._kept[Stage.IDENTIFY]))
            missing = frozenset(KEPT) - self._kept.keys()
        elif self._artifacts.kept(Stage.EMBED, self._hashes.embed) and RESTS_ON[Stage.EMBED] <= {*self._kept}:
            missing -= {Stage.EMBED}  # most identifications leave the turns as they are
        if self._order.settings.captions_of(self._order.item) is not None:
            missing -= {Stage.TRANSCRIBE}  # Whisper is loaded once there are no captions that fit
        self._tools.begin(missing)

    def _resume_stage(self, stage: Stage, stage_hash: str) -> None:
        content = self._artifacts.kept(stage, stage_hash) if RESTS_ON[stage] <= self._kept.keys() else None
        if content is not None:
            self._kept[stage] = content
            self._observer.clock.resume(stage)
            self._observer.board.end(stage)

    def _turns_are_known(self, identified: Identified) -> None:
        """Kept vectors count if their passages were cut by these turns."""
        regrouped = identified.regrouped
        self._embed_hash = embed_hash(self._hashes, regrouped.turns if regrouped else None)
        self._resume_stage(Stage.EMBED, self._embed_hash)

    def _separated(self) -> tuple[Transcript, Diarization, tuple[Identity, ...]]:
        """What was said, by whom, and who they are. The windows end here: nothing later needs them."""
        transcript, heard = self._heard()
        identified = self._identified(heard)
        diarization = replace(identified.of(heard), windows=None)
        if identified.regrouped is not None:
            ordered = self._order.item.speakers
            diarization = diarization.bounded(ordered.min, ordered.max)
        return transcript, diarization, identified.identities

    def _heard(self) -> tuple[Transcript, Diarization]:
        """Words and turns, none of these if diarization finds no voice. It hears no silence."""
        diarization: Diarization | None
        if self._tools.together and not {Stage.TRANSCRIBE, Stage.DIARIZE} & self._kept.keys():
            transcript, diarization = self._heard_together()
        else:
            transcript = self._transcribed()
            diarization = self._diarized() if transcript.words or transcript.speech_seconds else None
        if diarization is None or not transcript.words:
            if self.sound is None and is_silence_so_far(self._order.item.id, diarization):
                self._kept.clear()  # a run that was killed heard it, and left nothing else of its file
                return self._heard()
            raise without_words(self._order.item.id, diarization, self.sound)
        self.media_seconds = self.media_seconds or self._announced(transcript, diarization)
        return transcript, diarization

    def _heard_together(self) -> tuple[Transcript, Diarization]:
        _ = self._audio  # once, before two threads need it
        with ThreadPoolExecutor(1, "diarize") as other:
            # If one of them fails, the other still ends: its result is kept for the next run.
            diarizing = other.submit(self._diarized)
            transcript = self._transcribed()
        return transcript, diarizing.result()

    @cached_property
    def _audio(self) -> Audio:
        scratch = Path(self._order.place.scratch)
        with self._observer.stage(Stage.FETCH) as (_, report):
            self.media = self._tools.fetcher.fetch(self._order.item, scratch, report)
        require_unless_captioned(self._order, self._tools.languages, self.media.language)
        with self._observer.stage(Stage.DECODE) as (_, report):
            tools = (self._tools.fetcher, self._tools.decoder)
            audio = decoded(tools, self._order.item, self.media, scratch, report)
        self.media_seconds, self.sound = audio.seconds, audio.sound
        require_unless_captioned(self._order, self._tools.languages, self._said_language)
        return audio

    @property
    def _said_language(self) -> str | None:
        """The language by the recording's page, else by the tag of the track that was decoded."""
        page = self.media.language if self.media is not None else None
        return page or (self.sound.language if self.sound is not None else None)

    def _transcribed(self) -> Transcript:
        if Stage.TRANSCRIBE in self._kept:
            return TRANSCRIPT.decode(self._kept[Stage.TRANSCRIBE])
        audio, why = self._audio, None
        captions = self.media.captions if self.media is not None else None
        if isinstance(captions, Captions | NoCaptions):
            read = self._read(captions, audio)
            if isinstance(read, Transcript):
                return self._made(TRANSCRIPT, lambda _: read)
            why = read
        require_hearable(self._order, self._tools.languages, self._said_language)
        with self._observer.clock.blaming(Stage.TRANSCRIBE):
            engine = self._tools.transcriber.get()
        transcript = self._made(
            TRANSCRIPT,
            lambda report: replace(engine.transcribe(audio, report), no_captions=why),
            self._tools.transcriber,
        )
        engine.release()
        return transcript

    def _read(self, captions: Captions | NoCaptions, audio: Audio) -> Transcript | NoCaptions:
        """The transcript that captions give, or why they give none."""
        if isinstance(captions, NoCaptions):
            return captions
        with self._observer.stage(Stage.TRANSCRIBE) as (_, report):
            return taken(captions, audio.seconds, self._tools.detector().speech(audio, report))

    def _diarized(self) -> Diarization:
        if Stage.DIARIZE in self._kept:
            return DIARIZATION.decode(self._kept[Stage.DIARIZE])
        audio, speakers = self._audio, self._order.item.speakers
        with self._observer.clock.blaming(Stage.DIARIZE):
            engine = self._tools.diarizer.get()
        return self._made(
            DIARIZATION, lambda report: engine.diarize(audio, speakers, report), self._tools.diarizer
        )

    def _identified(self, diarization: Diarization) -> Identified:
        """Before words are attributed: enrolled voices may divide and join the diarizer's speakers."""
        if Stage.IDENTIFY in self._kept:
            return IDENTIFIED.decode(self._kept[Stage.IDENTIFY])
        profile = self._order.settings.identification
        voices = self._voices or ()
        identified = self._made(IDENTIFIED, lambda _: identify(diarization, voices, profile))
        self._turns_are_known(identified)
        return identified

    def _embedded(self, words: tuple[SpokenWord, ...]) -> Passages:
        if Stage.EMBED in self._kept:
            return PASSAGES.decode(self._kept[Stage.EMBED])
        with self._observer.stage(Stage.SEGMENT):
            segments = segment(words, self._order.settings.segmentation)
        texts = [passage.text for passage in segments]
        with self._observer.clock.blaming(Stage.EMBED):
            engine = self._tools.embedder.get()
        return self._made(
            PASSAGES,
            lambda report: (segments, one_each(segments, engine.embed(texts, report))),
            self._tools.embedder,
        )

    def _made(
        self, kind: Kind[Value], work: Callable[[Report], Value], engine: LazyEngine[Any] | None = None
    ) -> Value:
        """Do a stage's work and keep its result for later runs. The engine is loaded already: waiting for it
        is overhead, not work."""
        with self._observer.stage(kind.stage) as (timing, report):
            try:
                made = work(report)
            finally:
                if engine is not None:
                    timing.batch, timing.halvings = engine.batches
            of_its_own = {Stage.EMBED: self._embed_hash, Stage.IDENTIFY: self._identify_hash}
            stage_hash = of_its_own.get(kind.stage) or self._hashes.of(kind.stage)
            self._artifacts.keep(kind.stage, stage_hash, kind.encode(made))
        return made

    def _announced(self, transcript: Transcript, diarization: Diarization) -> float:
        """The length of a recording whose audio no stage had to process again."""
        said = self._order.item.duration_seconds
        ends = [transcript.words[-1].end, *(turn.end for turn in diarization.turns[-1:])]
        return float(said) if said is not None else max(ends)
