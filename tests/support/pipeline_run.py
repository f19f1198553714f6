"""A run of the real pipeline with played ports, and how it ends: its Receipt, what it found, what it kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest_contract.order import IngestOrder, Item, Settings
from ingest_contract.place import Place
from ingest_contract.profile import (
    DiarizationProfile,
    EmbeddingProfile,
    FetchProfile,
    IdentificationProfile,
    SegmentationProfile,
    TranscriptionProfile,
)
from ingest_contract.receipt import Receipt
from ingest_contract.voices import WantedVoice
from ingest_worker.errors import StageError
from ingest_worker.hashes import Identities, hashes_of
from ingest_worker.interruption import Control, Interruption
from ingest_worker.lazy import LazyEngine
from ingest_worker.memory import BatchRunner
from ingest_worker.pipeline import Found, Pipeline
from ingest_worker.session import Session, named
from ingest_worker.tools import Tools
from tests.support.ports import Ear, Judge, Shelf, Studio, Writer
from tests.support.worker import RUNTIME

MODELS = Identities("tiny.en@1", "community-1@2", "text@1")


def order_in(folder: Path, duration_seconds: int | None = None) -> IngestOrder:
    return IngestOrder(
        trace_id="a" * 32,
        batch="default/b",
        item=Item(index=0, id="file:x", url="/x", duration_seconds=duration_seconds),
        run=1,
        settings=Settings(
            model_set="demo",
            transcription=TranscriptionProfile(),
            diarization=DiarizationProfile(),
            identification=IdentificationProfile(min_speech_seconds=0),
            segmentation=SegmentationProfile(),
            embedding=EmbeddingProfile(),
        ),
        runtime=RUNTIME.model_copy(update={"threads": 1, "embedding_batch_tokens": 512}),
        fetch=FetchProfile(),
        place=Place(
            models=str(folder), scratch=str(folder / "scratch"), receipt=str(folder / "receipt.json")
        ),
    )


@dataclass
class Engines:
    """How the played engines are loaded; a test may have one that is not."""

    transcriber: Callable[[Studio], Ear] = Ear
    diarizer: Callable[[Studio], Judge] = Judge
    embedder: Callable[[Studio], Writer] = Writer
    languages: tuple[str, ...] = ()
    """What the transcription model's set says that it knows."""


class Run:
    """One run of the pipeline, and how it ended."""

    def __init__(
        self,
        studio: Studio,
        shelf: Shelf,
        order: IngestOrder,
        *,
        together: bool = False,
        voices: tuple[WantedVoice, ...] = (),
        engines: Engines | None = None,
    ) -> None:
        engines = engines or Engines()
        order = order.model_copy(update={"settings": order.settings.model_copy(update={"voices": voices})})
        self.control = Control()
        self.session = Session(None, self.control, born=0.0)
        tools = Tools(
            fetcher=studio,
            decoder=studio,
            detector=lambda: studio,
            transcriber=LazyEngine("transcriber", lambda: engines.transcriber(studio), _runners),
            diarizer=LazyEngine("diarizer", lambda: engines.diarizer(studio), _runners),
            embedder=LazyEngine("embedder", lambda: engines.embedder(studio), _runners),
            enrolment=studio,
            together=together,
            languages=engines.languages,
        )
        self._shelf, self._order, self._tools = shelf, order, tools
        self.error: StageError | None = None

    def go(self) -> "Run":
        hashes = hashes_of(self._order.settings, self._order.item.speakers, MODELS)
        with self.session.shown(self._order.place) as watch:
            pipeline = self.session.audio = Pipeline(self._order, hashes, self._tools, self._shelf, watch)
            try:
                self.session.found = pipeline.run()
            except Interruption as interruption:
                self.error = interruption.why
            except Exception as error:  # noqa: BLE001 -- as the process does, which names it
                self.error = named(error)
        return self

    @property
    def found(self) -> Found:
        assert self.session.found is not None, self.error
        return self.session.found

    @property
    def receipt(self) -> Receipt:
        return self.session.receipt(self.error)


def _runners(engine: Any) -> Sequence[BatchRunner]:
    return (engine.runner,)
