"""A voice's document: what it may be called, what it is enrolled from, and how its sources are called."""

from typing import Any

import pytest
from pydantic import ValidationError

from ingest_contract.failures import Reason
from ingest_contract.receipt import MAX_RECEIPT_BYTES, Receipt, decode, encode
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.voice_report import Enrolled, EnrolledSource
from ingest_contract.voices import MAX_KEY_BYTES, MAX_SOURCES, VoiceState

URL = "https://media.example.org/ann.wav"
STRETCH = {"recording": "youtube:CNxH0rHS320", "startSeconds": 60, "endSeconds": 180}


def profile(*recordings: dict[str, Any], **spec: Any) -> SpeakerProfile:
    return SpeakerProfile.from_object(
        {
            "apiVersion": "video-ingest.dev/v1alpha1",
            "kind": "SpeakerProfile",
            "metadata": {"name": "ann", "labels": {"team": "hosts"}},
            "spec": {"recordings": list(recordings) or [{"url": URL}]} | spec,
        }
    )


def test_a_voice_is_called_as_its_object_unless_it_has_a_name() -> None:
    assert profile().voice == "ann"
    assert profile(displayName="Ann Müller-Łuk 安").voice == "Ann Müller-Łuk 安"


@pytest.mark.parametrize(
    "name", ["", " Ann", "Ann ", "Ann\nBob", "Ann\u202eBob", "Ann\x1b[2J", "unknown #7", "a" * 64]
)
def test_a_name_that_would_mislead_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        profile(displayName=name)


def test_the_store_calls_a_source_by_its_address_without_credentials_or_by_its_stretch() -> None:
    wanted = profile({"url": "https://u:p@media.example.org/ann.wav?token=1&x=2"}, STRETCH).wanted
    assert wanted.sources == (
        "https://media.example.org/ann.wav?x=2",
        "recording:youtube:CNxH0rHS320?start=60&end=180",
    )


def test_an_address_too_long_for_a_key_keeps_its_beginning_and_is_its_own() -> None:
    addresses = [f"https://media.example.org/{'安' * 1900}/{each}.wav" for each in "ab"]
    first, second = profile(*({"url": address} for address in addresses)).wanted.sources
    assert first != second
    assert all(key.startswith("https://media.example.org/安") for key in (first, second))
    assert max(len(key.encode()) for key in (first, second)) <= MAX_KEY_BYTES


@pytest.mark.parametrize(
    "recording",
    [
        pytest.param({}, id="neither"),
        pytest.param({"url": URL} | STRETCH, id="both"),
        pytest.param({"url": URL, "startSeconds": 1}, id="an address with a start"),
        pytest.param({"recording": "youtube:a"}, id="a recording without a stretch"),
        pytest.param(STRETCH | {"endSeconds": 60}, id="an empty stretch"),
        pytest.param({"url": "ftp://media.example.org/ann.wav"}, id="another scheme"),
        pytest.param({"url": "voices/ann.wav"}, id="a relative path"),
        pytest.param({"url": "/voices/ann\x00.wav"}, id="a zero byte, which no store takes"),
        pytest.param(STRETCH | {"recording": "url:\x00"}, id="a zero byte in an id"),
    ],
)
def test_what_says_not_exactly_one_thing_is_refused(recording: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        profile(recording)


@pytest.mark.parametrize("other", [URL, "https://ann:secret@media.example.org/ann.wav"])
def test_no_source_is_named_twice(other: str) -> None:
    with pytest.raises(ValidationError, match="twice"):
        profile({"url": URL}, {"url": other})


def test_the_longest_report_of_an_enrolment_fits_into_a_receipt() -> None:
    source = EnrolledSource(
        state=VoiceState.REFUSED,
        heard=True,
        seconds=123456.789,
        score=-0.123456,
        reason=Reason.TOO_LITTLE_SPEECH,
        message="ü" * 500,
    )
    report = Enrolled(model="m" * 64 + "@0123456789ab", bytes_read=10**13, sources=(source,) * MAX_SOURCES)
    receipt = Receipt(
        result="Failed", reason=Reason.DOWNLOAD_FAILED, message="ü" * 1024, seconds=1.5, enrolled=report
    )
    assert len(encode(receipt)) <= MAX_RECEIPT_BYTES
    kept = decode(encode(receipt)).enrolled
    assert kept is not None
    assert [each.reason for each in kept.sources] == [Reason.TOO_LITTLE_SPEECH] * MAX_SOURCES
