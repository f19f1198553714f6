"""Which captions of a recording are taken, by what yt-dlp says of it."""

from typing import Any

import pytest

from ingest_contract.captions import CaptionsProblem, CaptionsWish
from ingest_worker.captions.choosing import Track, chosen
from ingest_worker.captions.values import NoCaptions


def forms(tag: str, *endings: str) -> list[dict[str, Any]]:
    return [{"url": f"https://example.org/{tag}.{ending}", "ext": ending} for ending in endings or ("vtt",)]


def info(written: str = "", automatic: str = "") -> dict[str, Any]:
    return {
        "subtitles": {tag: forms(tag) for tag in written.split()},
        "automatic_captions": {tag: forms(f"auto-{tag}") for tag in automatic.split()},
    }


def taken(said: dict[str, Any], *, automatic: bool = False, spoken: str | None = "en") -> str:
    found = chosen(said, CaptionsWish(automatic=automatic), spoken)
    if isinstance(found, NoCaptions):
        return found.problem
    assert found.automatic == ("auto-" in found.form["url"])
    return str(found.form["url"]).rpartition("/")[2]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("de en en-US", "en.vtt"),
        ("en-US en-GB", "en-GB.vtt"),
        ("en_US", "en_US.vtt"),
        ("en-j3PyPqV-e1s", "en-j3PyPqV-e1s.vtt"),
        ("de eng", "eng.vtt"),
        ("de fr", "OtherLanguage"),
        ("english", "NotOffered"),
        ("live_chat", "NotOffered"),
        ("", "NotOffered"),
    ],
)
def test_the_language_is_that_which_is_spoken(written: str, expected: str) -> None:
    assert taken(info(written)) == expected


def test_automatic_ones_are_taken_only_where_they_are_wanted_and_no_person_wrote_any() -> None:
    both, only = info("en", "en en-orig de"), info("de", "en en-orig de")
    assert [taken(both), taken(both, automatic=True)] == ["en.vtt", "en.vtt"]
    assert [taken(only), taken(only, automatic=True)] == ["OnlyAutomatic", "auto-en.vtt"]


def test_a_machine_s_translation_is_not_what_is_said() -> None:
    said = info("", "en en-orig de fr")
    assert taken(said, automatic=True, spoken="de") == "OtherLanguage"


def test_the_batch_knows_better_than_the_site_and_the_original_s_mark_helps_where_neither_knows() -> None:
    found = chosen(info("en de"), CaptionsWish(language="de"), "en")
    assert isinstance(found, Track)
    assert found.language == "de"
    assert taken(info("en", "en-orig de"), spoken=None) == "en.vtt"
    assert taken(info("en"), spoken=None) == "LanguageUnknown"


def test_only_whole_files_of_known_formats_are_read() -> None:
    said = {"subtitles": {"en": forms("en", "json3", "srt", "vtt")}}
    assert taken(said) == "en.vtt"
    assert taken({"subtitles": {"en": forms("en", "json3", "srt")}}) == "en.srt"
    assert taken({"subtitles": {"en": forms("en", "json3", "ttml")}}) == "UnknownFormat"
    pieces = [{"url": "https://example.org/en.m3u8", "ext": "vtt", "protocol": "m3u8_native"}]
    assert taken({"subtitles": {"en": pieces}}) == "UnknownFormat"


@pytest.mark.parametrize("said", [None, [], "en", {"en": None}, {"en": []}])
def test_what_is_no_list_of_captions_offers_none(said: object) -> None:
    found = chosen({"subtitles": said}, CaptionsWish(), "en")
    assert found == NoCaptions(CaptionsProblem.NOT_OFFERED)
