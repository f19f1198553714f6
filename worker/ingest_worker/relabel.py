"""An Ingest order from the store: judge a recording's speakers and embed its passages anew, from what an
earlier run has heard.

Called by `ingest` for orders that say so. Nothing is fetched, decoded or heard, and no device but the CPU is
used: the tools for that refuse. The store shows the old result until the new one is whole.
"""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ingest_contract.failures import Reason
from ingest_contract.order import IngestOrder
from ingest_contract.profile import ComputeType
from ingest_contract.stages import Stage
from ingest_worker.claimed import ClaimedRecording, claimed_recording
from ingest_worker.errors import StageError
from ingest_worker.gpu.residency import Batches
from ingest_worker.hashes import Hashes, Identities, hashes_behind, voice_hash, voices_hash
from ingest_worker.models import Models, Role, open_models
from ingest_worker.pipeline import Pipeline
from ingest_worker.results import content_of, effective_of, run_of, text_model
from ingest_worker.session import Session, log
from ingest_worker.store.connect import connect
from ingest_worker.store.heard import HeardRecording, heard
from ingest_worker.store.records import Run
from ingest_worker.stored_voices import StoredVoices
from ingest_worker.tools import tools_from_store

WEIGHTS: Final = MappingProxyType({Stage.IDENTIFY: 0.05, Stage.EMBED: 0.9, Stage.STORE: 0.05})
"""Shares of such a run on a CPU: all else takes a fraction of a second."""

_NEW: Final = frozenset(
    {"overhead_seconds", "computing_seconds", "computing_by", "stages", "memory", "effective"}
)
_FOLLOWING: Final = frozenset({"coverage", "speakers"})
"""Figures of the run itself, and those that follow from its content: all others are of what was heard."""

_UNHEARD: Final = MappingProxyType({"compute_type": ComputeType.FLOAT32})
"""The text model's number format: nothing else runs."""


def relabel(order: IngestOrder, dsn: str, session: Session) -> None:
    """Carry out the order. A recording that is as the order wants it already is left as it is.

    Raises:
        StageError: `HEARING_NOT_KEPT` if what was heard is not there, or was heard by another diarization
            model; as the stages and the store.
        Interruption: the run was asked to end; nothing was stored.
    """
    models = open_models(Path(order.place.models), order.settings.model_set)
    shown = session.shown(order.place, order.item.index, WEIGHTS)
    model = text_model(order, models)
    with session.sampler, claimed_recording(dsn, order, model) as recording, shown as observer:
        session.control.watch(recording.check)
        session.give_up = recording.give_up
        before = _heard(order, dsn)
        identities = _identities(order, models, before)
        session.effective = effective_of(order.runtime.model_copy(update=_UNHEARD), Batches(0, 0), identities)
        hashes = _hashes(order, before, identities)
        voices = StoredVoices(dsn, order, voice_hash(identities.diarization))
        if before.pipeline_hash == hashes.pipeline and before.voices == voices_hash(voices.voices()):
            log.info("nothing has changed for this recording", extra={"action": "leave-as-it-is"})
            recording.give_up()
            session.run_id = before.run_id
            return
        kept = _Heard(recording)
        _require(kept, hashes)
        tools = tools_from_store(order, models, identities, voices)
        pipeline = Pipeline(order, hashes, tools, kept, observer)
        session.found = found = pipeline.run()
        run = _with_what_was_heard(run_of(order, session, hashes, identities), before)
        run = replace(run, voices=pipeline.judged_by)
        with observer.stage(Stage.STORE):
            recording.commit(before.recording, run, content_of(found, identities))
        session.run_id = str(run.id)


class _Heard:
    """`tools.ArtifactStore`: what was heard is there, and who speaks is judged again. Whose voices are known
    may have changed without a word in the order."""

    def __init__(self, recording: ClaimedRecording) -> None:
        self._recording = recording

    def kept(self, stage: Stage, stage_hash: str, /) -> bytes | None:
        """As the recording's, but no identities."""
        return None if stage is Stage.IDENTIFY else self._recording.kept(stage, stage_hash)

    def keep(self, stage: Stage, stage_hash: str, content: bytes, /) -> None:
        """As the recording's."""
        self._recording.keep(stage, stage_hash, content)


def _heard(order: IngestOrder, dsn: str) -> HeardRecording:
    with connect(dsn, application="relabel") as connection:
        found = heard(connection, order.item.id)
    if found is None:
        raise StageError(Reason.HEARING_NOT_KEPT, "The recording is not in the store any more.")
    return found


def _identities(order: IngestOrder, models: Models, before: HeardRecording) -> Identities:
    """The models of what comes out: those that heard it, and the text model of today."""
    diarization = models.identity(Role.DIARIZATION, order.settings.diarization.model)
    its = before.models.get(Role.DIARIZATION.value, "an unknown model")
    if its != diarization:
        said = f"Its voices were heard by {its}, and those of the profile are by {diarization}."
        raise StageError(Reason.HEARING_NOT_KEPT, said)
    return Identities(
        transcription=before.models.get(Role.TRANSCRIPTION.value, ""),
        diarization=diarization,
        embedding=models.identity(Role.EMBEDDING, order.settings.embedding.model),
    )


def _hashes(order: IngestOrder, before: HeardRecording, identities: Identities) -> Hashes:
    if before.transcribe_hash is None or before.diarize_hash is None:
        said = "The store does not say which words and turns its run was made from: it was made long ago."
        raise StageError(Reason.HEARING_NOT_KEPT, said)
    return hashes_behind(before.transcribe_hash, before.diarize_hash, order.settings, identities.embedding)


def _require(kept: _Heard, hashes: Hashes) -> None:
    missing = [
        stage.value
        for stage in (Stage.TRANSCRIBE, Stage.DIARIZE)
        if kept.kept(stage, hashes.of(stage)) is None
    ]
    if missing:
        which = " and ".join(missing)
        said = f"The results of {which} are gone, or in a form that this version does not read."
        raise StageError(Reason.HEARING_NOT_KEPT, said)


def _with_what_was_heard(run: Run, before: HeardRecording) -> Run:
    """The run, with what the one before it knew of the sound."""
    ours = {name: figure for name, figure in run.figures.items() if name in _NEW | _FOLLOWING}
    return replace(
        run, media_seconds=before.media_seconds, figures={**before.figures, **ours}, from_store=True
    )
