"""Every ending that a plan takes is of a format that the decoder opens, and the other way round."""

from pathlib import Path

import pytest

from ingest_worker.formats import ALL_ENDINGS, ENDINGS, ending_of
from tests.worker.audio.heard import heard, mux, tone

CODECS = {
    "mp2": ("mp2", "mp2"),
    "mpga": ("mp2", "mp2"),
    "3g2": ("aac", "3g2"),
    "f4v": ("aac", "f4v"),
    "qt": ("aac", "mov"),
    "asf": ("libmp3lame", "asf"),
    "au": ("pcm_s16be", "au"),
    "w64": ("pcm_s16le", "w64"),
    "vob": ("mp2", "vob"),
    "eac3": ("eac3", "eac3"),
    "m2t": ("aac", "mpegts"),
    "aifc": ("pcm_s16be", "aiff"),
    "caf": ("pcm_s16le", "caf"),
    "spx": ("libopus", "ogg"),
}


@pytest.mark.parametrize("ending", CODECS)
def test_files_with_rarer_endings_are_taken_and_decoded(ending: str, tmp_path: Path) -> None:
    codec, form = CODECS[ending]
    path = mux(tmp_path / f"talk.{ending}", [(0, tone(3))], codec=codec, format=form)
    assert ending in ALL_ENDINGS
    assert heard(path).seconds == pytest.approx(3, abs=0.15)


def test_no_ending_belongs_to_two_formats() -> None:
    assert sum(len(endings) for endings in ENDINGS.values()) == len(ALL_ENDINGS)


@pytest.mark.parametrize(
    ("name", "ending"), [("a.MP4", "mp4"), (".mp4", ""), ("a", ""), ("a.b.Wav", "wav"), ("a.", "")]
)
def test_an_ending_is_what_stands_behind_the_last_dot(name: str, ending: str) -> None:
    assert ending_of(name) == ending
