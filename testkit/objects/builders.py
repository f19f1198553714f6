"""Builders: values of the contract and of the core with everything filled in that a test does not care
about."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingest_contract.batch import IngestBatch, IngestBatchSpec, Source
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import Item
from ingest_contract.profile import ObjectMeta
from ingest_contract.receipt import Coverage, Quality, Receipt, StageFigures
from ingest_contract.selection import Reprocess, StoreSource
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.stages import Stage
from ingest_contract.status import IngestBatchStatus, PlanStatus
from ingest_operator.core.batch import Batch, PlannedItems
from ingest_operator.core.fold import fold
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Ended, Observation, Run
from ingest_operator.core.status import render

NOW = 1_800_000_000.0
"""A moment, in epoch seconds."""

TRACE = "0123456789abcdef" * 2


def a_spec(**fields: Any) -> IngestBatchSpec:
    given: dict[str, Any] = {"sources": (Source(url="https://media.example.org/talks"),)} | fields
    return IngestBatchSpec(**given)


_IDS: Mapping[int, str] = {index: f"youtube:video-{index:05d}" for index in range(10_000)}


def a_batch(name: str = "talks", **fields: Any) -> IngestBatch:
    return IngestBatch(
        api_version="video-ingest.dev/v1alpha1",
        kind="IngestBatch",
        metadata=ObjectMeta(name=name),
        spec=a_spec(**fields),
    )


def from_store(name: str = "again", **fields: Any) -> IngestBatch:
    """A batch of what the store has."""
    given = {"sources": (Source(store=StoreSource()),), "reprocess": Reprocess.IF_PIPELINE_CHANGED}
    return a_batch(name, **given | fields)


def an_item(index: int = 0, seconds: int | None = 600) -> Item:
    return Item(
        index=index,
        id=_IDS[index],
        url=f"https://www.youtube.com/watch?v={_IDS[index].partition(':')[2]}",
        duration_seconds=seconds,
    )


def items(count: int, seconds: int | None = 600) -> tuple[Item, ...]:
    return tuple(an_item(index, seconds) for index in range(count))


def a_receipt(*, seconds: float = 60.0, media: float = 600.0, segments: int = 12, **fields: Any) -> Receipt:
    """A success of a ten-minute recording at RTF 0.1."""
    coverage = Coverage(
        speech_seconds=media * 0.9, voiced_seconds=media * 0.88, words=1000, attributed_words=990,
        segments=segments, vectors=segments, wordless_seconds=6.5, wordless_speakers=1,
        speakerless_seconds=2.5,
    )  # fmt: skip
    stages = {
        Stage.TRANSCRIBE: StageFigures(seconds=seconds / 2),
        Stage.DIARIZE: StageFigures(seconds=seconds / 4),
    }
    facts: dict[str, Any] = {
        "result": "Succeeded",
        "seconds": seconds,
        "media_seconds": media,
        "overhead_seconds": 4.5,
        "coverage": coverage,
    }
    return Receipt(**facts | {"stages": stages} | fields)


def in_another_language(sounds_like: str = "de") -> Ended:
    """The outside of a success that is surely in another language than the one ordered."""
    quality = Quality(
        language="en", chunks=9, redecoded=0, dropped=0, dropped_seconds=0.0, foreign_chunks=9,
        sounds_like=sounds_like,
    )  # fmt: skip
    return ended_by(None, receipt=a_receipt(quality=quality))


def a_failure(
    reason: Reason, *, stage: Stage | None = None, message: str = "", retry_after: int | None = None
) -> Receipt:
    return Receipt(
        result="Failed",
        reason=reason,
        message=message,
        stage=stage,
        seconds=5.0,
        retry_after_seconds=retry_after,
    )


def ended_by(reason: Reason | None, *, receipt: Receipt | None = None, on_request: bool = False) -> Ended:
    """The outside of a run that came to `reason`, or to success, told as the failure table says that it is
    told."""
    if reason is None:
        return Ended(0, (receipt or a_receipt()).to_json())
    if FAILURES[reason].exit_code is not None:
        return Ended(
            FAILURES[reason].exit_code, (receipt or a_failure(reason)).to_json(), on_request=on_request
        )
    return _UNTOLD[reason]


_UNTOLD: Mapping[Reason, Ended] = {
    **{
        reason: Ended(None, None, seen=reason)
        for reason in (
            Reason.IMAGE_UNAVAILABLE,
            Reason.IMAGE_SLOW,
            Reason.POD_MISCONFIGURED,
            Reason.UNSCHEDULABLE,
            Reason.EVICTED,
            Reason.QUEUE_PREEMPTED,
            Reason.PREEMPTED,
            Reason.NODE_PRESSURE,
            Reason.NODE_REJECTED,
            Reason.NODE_RESTARTED,
            Reason.NODE_LOST,
            Reason.NODE_TAINTED,
        )
    },
    Reason.DEADLINE_EXCEEDED: Ended(137, None, seen=Reason.DEADLINE_EXCEEDED),
    Reason.KILLED: Ended(137, None),
    Reason.RECEIPT_MISSING: Ended(0, None),
}


def a_run(index: int = 0, number: int = 1, **fields: Any) -> Run:
    """A live run."""
    facts: dict[str, Any] = {
        "index": index,
        "number": number,
        "charged_attempts": 0,
        "rung": 0,
        "disruptions": 0,
        "started_at": NOW,
    }
    return Run(**facts | fields)


def over(
    run: Run, reason: Reason | None = None, *, at: float | None = None, ended: Ended | None = None
) -> Run:
    """The run, a minute later, with its end."""
    return replace(run, ended_at=run.started_at + 60 if at is None else at, ended=ended or ended_by(reason))


def folded(ledger: Ledger, *runs: Run, now: float = NOW + 60, **spec: Any) -> Ledger:
    """The ledger after a look at these runs."""
    return fold(ledger, runs, a_spec(**spec), _IDS, now)


def planned(recordings: Sequence[Item]) -> PlannedItems:
    plan = PlanStatus(
        sources=1,
        recordings=len(recordings),
        media_seconds=sum(item.duration_seconds or 0 for item in recordings),
    )
    return PlannedItems(tuple(recordings), plan)


def a_planned_batch(count: int, *, setup_fixed: bool = False, **spec: Any) -> Batch:
    """As the core knows it."""
    return Batch(a_spec(**spec), 1, TRACE, planned(items(count)), setup_fixed=setup_fixed)


def rendered(
    batch: Batch,
    ledger: Ledger,
    previous: IngestBatchStatus | None = None,
    now: float = NOW,
    *,
    seen: Observation | None = None,
) -> IngestBatchStatus:
    """The status of a batch of which nothing else is seen."""
    return render(batch, seen or Observation(), ledger, previous, now)


def a_voice(name: str, *urls: str, labels: dict[str, str] | None = None, **spec: Any) -> SpeakerProfile:
    """A SpeakerProfile."""
    addresses = urls or (f"https://media.example.org/{name}.wav",)
    return SpeakerProfile.from_object(
        {
            "apiVersion": "video-ingest.dev/v1alpha1",
            "kind": "SpeakerProfile",
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {"recordings": [{"url": url} for url in addresses]} | spec,
        }
    )
