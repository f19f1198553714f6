"""The Receipt always fits into a termination message, and nothing else passes for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ingest_contract.failures import Reason
from ingest_contract.receipt import (  # fmt: skip
    MAX_RECEIPT_BYTES,
    Coverage,
    Effective,
    Memory,
    PlanSummary,
    Quality,
    Receipt,
    Speakers,
    StageFigures,
    decode,
    encode,
)
from ingest_contract.stages import Stage
from testkit.objects.builders import a_failure, a_receipt

LONG = 1.2345678901234567e-300
"""The longest number that JSON can hold."""
MUCH = 10**9
CONTROL = "\x01"
"""The longest character: six bytes of JSON."""


def the_largest(message: str = CONTROL * 1024) -> Receipt:
    """Every field as long as it may be."""
    figures = StageFigures(
        seconds=LONG, resumed=True, batch=MUCH, halvings=MUCH, peak_vram_mib=MUCH, computing_seconds=LONG
    )
    coverage = Coverage(
        speech_seconds=LONG, voiced_seconds=LONG, words=MUCH, attributed_words=MUCH, segments=MUCH,
        vectors=MUCH, wordless_seconds=LONG, wordless_speakers=MUCH, speakerless_seconds=LONG,
    )  # fmt: skip
    memory = Memory(
        peak_rss_mib=MUCH, gpu_uuid=CONTROL * 64, free_vram_at_start_mib=MUCH, peak_vram_mib=MUCH,
    )  # fmt: skip
    effective = Effective(
        device="cuda", compute_type="int8_float16", threads=MUCH, transcription_batch=MUCH,
        diarization_batch=MUCH, embedding_batch_tokens=MUCH,
        models={f"role-{index}": "model@0123456789ab" * 9 for index in range(30)},
    )  # fmt: skip
    quality = Quality(
        language="xx", language_probability=LONG, chunks=MUCH, redecoded=MUCH, dropped=MUCH,
        dropped_seconds=LONG, cut_words=MUCH, foreign_chunks=MUCH, sounds_like="x" * 8,
        language_change_seconds=LONG, doubtful_words=MUCH,
    )  # fmt: skip
    return Receipt(
        result="Failed", reason=Reason.IDENTIFICATION_FAILED, message=message, stage=Stage.TRANSCRIBE,
        retry_after_seconds=MUCH, seconds=LONG, media_seconds=LONG, overhead_seconds=LONG,
        computing_seconds=LONG, computing_by="Driver",
        stages=dict.fromkeys(Stage, figures), run_id=CONTROL * 36, coverage=coverage,
        speakers=Speakers(found=MUCH, named=MUCH), quality=quality, memory=memory, effective=effective,
        plan=PlanSummary(items=MUCH, sha256="a" * 64),
    )  # fmt: skip


@given(st.text(st.characters() | st.characters(categories=["Cs"]), max_size=5000))
def test_whatever_an_error_says_the_receipt_fits_and_can_be_read(message: str) -> None:
    receipt = a_failure(Reason.UNKNOWN, message=message)
    assert len(encode(receipt)) <= MAX_RECEIPT_BYTES
    assert decode(encode(receipt)).reason is Reason.UNKNOWN


@given(st.text(max_size=1024))
def test_the_largest_receipt_fits_and_keeps_how_it_ended(message: str) -> None:
    for receipt in (the_largest(message), the_largest()):
        data = encode(receipt)
        assert len(data) <= MAX_RECEIPT_BYTES
        kept = decode(data)
        assert (kept.result, kept.reason, kept.stage, kept.stages, kept.plan) == (
            receipt.result, receipt.reason, receipt.stage, receipt.stages, receipt.plan,
        )  # fmt: skip


def test_a_receipt_that_fits_is_written_whole() -> None:
    receipt = a_receipt(message="fine")
    assert decode(encode(receipt)) == receipt


def test_a_long_message_is_shortened_before_any_figure_goes() -> None:
    receipt = the_largest().model_copy(update={"effective": None, "run_id": None})
    assert decode(encode(receipt)) == receipt.model_copy(update={"message": receipt.message[:256]})


def test_a_file_name_that_is_no_unicode_can_be_reported() -> None:
    assert (
        a_failure(Reason.NOT_FOUND, message="talk-\udcff.mp4: not found").message
        == "talk-\ufffd.mp4: not found"
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("Killed", id="log text"),
        pytest.param(a_receipt().to_json()[:-10], id="half a receipt"),
        pytest.param('{"result":"Succeeded","seconds":1,"mood":"good"}', id="another version's field"),
        pytest.param('{"result":"Fine","seconds":1}', id="another version's word"),
        pytest.param('{"result":"Succeeded","seconds":-1}', id="negative time"),
        pytest.param('{"result":"Succeeded","seconds":NaN}', id="no number"),
        pytest.param('{"result":"Succeeded","seconds":1e300}', id="more time than there is"),
        pytest.param('[{"result":"Succeeded","seconds":1}]', id="a list"),
    ],
)
def test_nothing_else_passes_for_a_receipt(text: str) -> None:
    with pytest.raises(ValidationError):
        decode(text)


@pytest.mark.parametrize(("media", "rtf"), [(600.0, 0.1), (0.0, None), (1e-9, None)])
def test_there_is_an_rtf_once_something_was_decoded(media: float, rtf: float | None) -> None:
    assert a_receipt(seconds=60.0, media=media).rtf == rtf
