"""The media files: each is what its name says,
and the broken ones are broken in the way that is meant."""

from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest

from testkit.media import packing
from testkit.media.server import serving
from testkit.speech import audio


def sound(seconds: float) -> audio.Samples:
    """A tone that comes and goes, so that no encoder can make it vanish."""
    time = np.arange(int(seconds * audio.RATE), dtype=np.float32) / audio.RATE
    return (0.3 * np.sin(2 * np.pi * 300 * time) * np.sin(2 * np.pi * 0.5 * time)).astype(np.float32)


def declared(path: Path | str) -> float:
    with av.open(str(path)) as container:
        return float((container.duration or 0) / 1_000_000)


def codecs(path: Path | str) -> set[str]:
    with av.open(str(path)) as container:
        return {stream.codec_context.name for stream in container.streams}


def decodable_seconds(path: Path) -> float:
    """What can be decoded before the first error."""
    samples, rate = 0, 1
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(audio=0):
                samples, rate = samples + frame.samples, frame.sample_rate
        except av.FFmpegError:
            pass
    return samples / rate


@pytest.mark.parametrize(
    ("form", "expected"),
    [(packing.TALK, {"h264", "aac"}), (packing.CALL, {"vp8", "opus"}), (packing.PODCAST, {"mp3float"})],
    ids=["mp4", "webm", "mp3"],
)
def test_a_form_holds_its_tracks_and_the_whole_sound(
    form: packing.Form, expected: set[str], tmp_path: Path
) -> None:
    path = packing.packed(tmp_path / form.filename, form, sound(7.0))
    assert codecs(path) == expected
    assert declared(path) == pytest.approx(7.0, abs=0.6)
    assert audio.read(path).size / audio.RATE == pytest.approx(7.0, abs=0.1)


@pytest.mark.parametrize("form", [packing.TALK, packing.CALL, packing.PODCAST], ids=["mp4", "webm", "mp3"])
def test_packing_twice_gives_the_same_bytes(form: packing.Form, tmp_path: Path) -> None:
    first = packing.packed(tmp_path / f"1-{form.filename}", form, sound(5.0)).read_bytes()
    assert packing.packed(tmp_path / f"2-{form.filename}", form, sound(5.0)).read_bytes() == first


def test_a_truncated_file_declares_its_full_length_and_cannot_be_decoded_to_it(tmp_path: Path) -> None:
    path = tmp_path / "truncated.mp4"
    packing.truncated(path, sound(20.0))
    assert declared(path) == pytest.approx(20.0, abs=0.6)
    assert 2.0 < decodable_seconds(path) < 0.8 * 20.0
    with pytest.raises(av.FFmpegError):
        audio.read(path)


def test_hls_is_a_master_a_playlist_and_segments_that_play_over_http(tmp_path: Path) -> None:
    packing.hls(tmp_path / "hls", sound(15.0))
    assert len(list((tmp_path / "hls").glob("segment-*.ts"))) == 3
    assert "#EXT-X-ENDLIST" in (tmp_path / "hls" / "media.m3u8").read_text()
    with serving(tmp_path) as base, av.open(f"{base}/hls/master.m3u8") as container:
        assert {stream.codec_context.name for stream in container.streams} == {"h264", "aac"}
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert seconds == pytest.approx(15.0, abs=0.2)


@pytest.mark.models
@pytest.mark.timeout(600)
def test_the_folder_holds_every_kind_once() -> None:
    folder = packing.folder()
    assert {path.name for path in folder.iterdir()} == {
        "talk.mp4",
        "call.webm",
        "podcast.mp3",
        "meeting.ogg",
        "hls",
        "silent.mp4",
        "truncated.mp4",
    }
    assert declared(folder / "talk.mp4") == pytest.approx(300, abs=30)
    assert np.abs(audio.read(folder / "silent.mp4")).max() < 1e-3
    assert audio.read(folder / "silent.mp4").size / audio.RATE == pytest.approx(
        packing.SILENT_SECONDS, abs=0.1
    )


@pytest.mark.models
def test_every_file_is_made_of_the_same_bytes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not compared with what is kept: that may have been made by a CPU of another kind. Half a minute of each
    is enough to see it."""
    whole = audio.read
    monkeypatch.setattr(audio, "read", lambda path: whole(path)[: 30 * audio.RATE])
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        packing.make(folder)
    for path in (path for path in first.rglob("*") if path.is_file()):
        assert (
            sha256(path.read_bytes()).digest()
            == sha256((second / path.relative_to(first)).read_bytes()).digest()
        ), path.name
