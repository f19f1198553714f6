"""Frames without a container: what lies before the first of them is no sound and moves none."""

from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_worker.audio.adts import first_frame
from tests.worker.audio.heard import heard, mux, refused, tone

STREAMS = [
    ("a.aac", "aac", "adts"),
    ("a.mp3", "libmp3lame", "mp3"),
    ("a.mp2", "mp2", "mp2"),
    ("a.ac3", "ac3", "ac3"),
    ("a.flac", "flac", "flac"),
]
JUNK = {
    "random bytes": np.random.default_rng(5).bytes(60_000),
    "much of it": np.random.default_rng(6).bytes(200_000),
    "a head of HTTP": b"HTTP/1.1 200 OK\r\n" * 50,
}


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize(("name", "codec", "form"), STREAMS)
def test_bytes_before_the_first_frame_move_and_lose_nothing(
    name: str, codec: str, form: str, junk: str, tmp_path: Path
) -> None:
    path = mux(tmp_path / name, [(0, np.concatenate([0 * tone(3), tone(3, 660)]))], codec=codec, format=form)
    path.write_bytes(JUNK[junk] + path.read_bytes())
    if (name, junk) == ("a.flac", "much of it"):  # libavformat gives up before the first frame
        assert refused(path) is Reason.UNDECODABLE
        return
    found = heard(path)
    ((start, end),) = found.sounding
    assert (start, end) == (pytest.approx(3, abs=0.06), pytest.approx(6, abs=0.06))
    assert found.pitch(3.5, 5.5) == pytest.approx(660, abs=1)


@pytest.mark.parametrize("junk", [b"", *JUNK.values(), b"\xff\xf1" * 900])
def test_the_first_frame_of_a_row_is_found(junk: bytes, tmp_path: Path) -> None:
    stream = mux(tmp_path / "a.aac", [(0, tone(2))], codec="aac", format="adts").read_bytes()
    content = junk + stream
    assert first_frame(lambda start, count: content[start : start + count], len(content)) == len(junk)


@pytest.mark.parametrize("content", [b"", b"\xff", b"\xff\xf1\x50", b"\xff\xf1" * 900, bytes(900)])
def test_where_no_frames_follow_one_another_nothing_is_left_out(content: bytes) -> None:
    assert first_frame(lambda start, count: content[start : start + count], len(content)) == 0
