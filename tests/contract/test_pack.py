"""How a pod with several recordings tells of each: in 4,096 bytes, readable at whatever moment it ends."""

import random
import string
import uuid

import pytest

from ingest_contract.failures import Reason
from ingest_contract.pack import HEADER, MAX_PACK_RECORDINGS, PackEntry, PackWriter, read_pack
from ingest_contract.receipt import (
    MAX_RECEIPT_BYTES,
    Effective,
    Memory,
    Quality,
    Receipt,
    Speakers,
    StageFigures,
    Tracks,
)
from ingest_contract.stages import Stage
from testkit.objects.builders import a_receipt


def full(chance: random.Random) -> Receipt:
    """A Receipt with every figure that a run on a GPU has, and no two alike."""
    stages = {
        stage: StageFigures(
            seconds=round(chance.random() * 60, 3),
            computing_seconds=round(chance.random() * 60, 3),
            batch=16,
            peak_vram_mib=chance.randrange(80_000),
        )
        for stage in Stage
    }
    models = {name: f"{name}-model@{chance.randbytes(6).hex()}" for name in ("a", "b", "c")}
    return a_receipt(
        seconds=round(chance.random() * 60, 3), media=round(chance.random() * 60, 3), stages=stages,
        computing_seconds=round(chance.random() * 60, 3), computing_by="Driver", run_id=str(uuid.uuid4()),
        tracks=Tracks(found=1, taken=1), speakers=Speakers(found=2, named=1),
        quality=Quality(language="en", chunks=9, redecoded=1, dropped=1, dropped_seconds=1.234),
        memory=Memory(
            peak_rss_mib=chance.randrange(9000), gpu_uuid=f"GPU-{uuid.UUID(int=7)}",
            free_vram_at_start_mib=chance.randrange(80_000), peak_vram_mib=chance.randrange(80_000),
        ),
        effective=Effective(
            device="cuda", compute_type="int8_float16", threads=4, transcription_batch=16,
            diarization_batch=32, embedding_batch_tokens=16_384, models=models,
        ),
    )  # fmt: skip


def written(receipts: list[Receipt], code: int = 0) -> list[str]:
    """The lines of a message."""
    writer = PackWriter(len(receipts))
    lines = [writer.header]
    for index, receipt in enumerate(receipts):
        lines.append(writer.begun(index))
        lines.append(writer.ended(PackEntry(index=index, ended=True, code=code, receipt=receipt)))
    return lines


def test_eight_full_receipts_fit_and_lose_no_figure_that_is_summed() -> None:
    chance = random.Random(1)  # noqa: S311 -- figures
    receipts = [full(chance) for _ in range(MAX_PACK_RECORDINGS)]
    message = "".join(written(receipts))
    assert len(message.encode()) <= MAX_RECEIPT_BYTES
    report = read_pack(message)
    assert report is not None
    told = [report.ended[index].receipt for index in range(MAX_PACK_RECORDINGS)]
    for name in ("seconds", "media_seconds", "overhead_seconds", "coverage", "quality", "stages", "memory"):
        assert [getattr(each, name) for each in told] == [getattr(each, name) for each in receipts]


@pytest.mark.parametrize("alphabet", [string.ascii_letters, "".join(map(chr, range(0x4E00, 0x9000)))])
def test_eight_failures_with_the_longest_messages_all_keep_their_reasons(alphabet: str) -> None:
    chance = random.Random(2)  # noqa: S311 -- text
    reasons = [each for each in Reason if each is not Reason.PACK_ENDED][-MAX_PACK_RECORDINGS:]
    receipts = [
        Receipt(
            result="Failed", reason=each, seconds=round(chance.random() * 99, 3), stage=Stage.FETCH,
            message="".join(chance.choices(alphabet, k=1024)),
        )
        for each in reasons
    ]  # fmt: skip
    message = "".join(written(receipts, code=99))
    assert len(message.encode()) <= MAX_RECEIPT_BYTES
    report = read_pack(message)
    assert report is not None
    ends = [report.ended[index].receipt for index in range(MAX_PACK_RECORDINGS)]
    assert [each and (each.reason, each.seconds) for each in ends] == [
        (r.reason, r.seconds) for r in receipts
    ]


def test_whenever_the_pod_ends_what_was_written_until_then_is_read() -> None:
    lines = written([a_receipt(seconds=float(place)) for place in range(1, 4)])
    message = "".join(lines)
    bounds = [len("".join(lines[:count])) for count in range(1, len(lines) + 1)]
    for cut in range(bounds[0], len(message) + 1):
        report = read_pack(message[:cut])
        assert report is not None
        whole = sum(bound <= cut for bound in bounds) - 1
        assert len(report.begun) == (whole + 1) // 2
        assert sorted(report.ended) == list(range(whole // 2))


@pytest.mark.parametrize(
    "text", [None, "", "Traceback (most recent call last):", a_receipt().to_json(), HEADER[:-1]]
)
def test_any_other_text_is_no_such_message(text: str | None) -> None:
    assert read_pack(text) is None


def test_what_is_behind_a_damaged_line_does_not_count() -> None:
    lines = written([a_receipt(), a_receipt()])
    lines[3] = lines[3][:5] + "\n"
    report = read_pack("".join(lines))
    assert report is not None
    assert (report.begun, sorted(report.ended)) == ({0}, [0])


class _Newer(PackEntry):
    """As a newer worker writes it."""

    heard_by: str = ""


def test_an_entry_that_only_a_newer_program_knows_takes_no_other_with_it() -> None:
    writer = PackWriter(3)
    lines = [writer.header]
    for index, kind in enumerate((PackEntry, _Newer, PackEntry)):
        lines.append(writer.begun(index))
        given = {"heard_by": "another engine"} if kind is _Newer else {}
        lines.append(writer.ended(kind(index=index, ended=True, code=0, receipt=a_receipt(), **given)))
    report = read_pack("".join(lines))
    assert report is not None
    assert (sorted(report.begun), sorted(report.ended)) == ([0, 1, 2], [0, 2])
