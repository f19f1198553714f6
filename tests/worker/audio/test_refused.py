"""How each kind of bad media is told."""

from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from testkit.media.tones import cut, index_first, make, silent_film
from tests.worker.audio.decoding import decode, refused


def test_a_recording_of_which_much_is_damaged_is_not_passed_off_as_silence(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", "aac", seconds=20)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 50_000
    content[start : start + 100_000] = np.random.default_rng(7).bytes(100_000)
    path.write_bytes(content)
    error = refused(path, tmp_path / "scratch")
    assert error.reason is Reason.UNDECODABLE
    assert "packets" in str(error)


def test_no_audio_track_is_reported_as_that(tmp_path: Path) -> None:
    assert refused(silent_film(tmp_path / "film.mp4"), tmp_path / "scratch").reason is Reason.NO_AUDIO_TRACK


def test_a_text_under_a_media_name_is_undecodable(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_text("<html>Please sign in</html>\n" * 200)
    assert refused(path, tmp_path / "scratch").reason is Reason.UNDECODABLE


def test_an_empty_file_is_undecodable(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.touch()
    assert refused(path, tmp_path / "scratch").reason is Reason.UNDECODABLE


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "concat.txt", "list.mpd"])
def test_media_that_points_to_other_files_is_not_followed(name: str, tmp_path: Path) -> None:
    secret = make(tmp_path / "secret.mp3", "libmp3lame")
    path = tmp_path / name
    path.write_text(
        {
            "concat.txt": f"ffconcat version 1.0\nfile {secret.name}\n",
            "list.mpd": "<MPD "
            f'xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>{secret.as_uri()}</BaseURL></Period></MPD>',
        }.get(
            name,
            f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{secret.as_uri()}\n#EXTINF:6,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        )
    )
    assert refused(path, tmp_path / "scratch").reason is Reason.UNDECODABLE


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "aac"),
        ("a.webm", "libopus"),
        ("a.mp3", "libmp3lame"),
        ("a.wav", "pcm_s16le"),
        ("a.flac", "flac"),
    ],
)
def test_media_cut_in_half_are_truncated(name: str, codec: str, tmp_path: Path) -> None:
    whole = make(tmp_path / name, codec, seconds=20)
    assert refused(cut(whole, 0.5), tmp_path / "scratch").reason is Reason.TRUNCATED


def test_an_mp4_whose_index_comes_first_plays_when_it_is_cut_and_is_truncated_all_the_same(
    tmp_path: Path,
) -> None:
    whole = index_first(make(tmp_path / "a.mp4", "aac", seconds=20))
    assert decode(whole, tmp_path / "whole").seconds == pytest.approx(20.0, abs=0.1)
    assert refused(cut(whole, 0.5), tmp_path / "scratch").reason is Reason.TRUNCATED


@pytest.mark.parametrize(("announced", "fails"), [(8.5, True), (7.9, False), (3.0, False)])
def test_shorter_than_the_source_announced_is_truncated_beyond_two_seconds(
    announced: float,
    fails: bool,  # noqa: FBT001 -- a table's column
    tmp_path: Path,
) -> None:
    path = make(tmp_path / "a.mp3", "libmp3lame")
    if fails:
        assert refused(path, tmp_path / "scratch", announced=announced).reason is Reason.TRUNCATED
    else:
        assert decode(path, tmp_path / "scratch", announced=announced).seconds == pytest.approx(6.0, abs=0.1)


def test_truncated_media_on_scratch_is_deleted_and_media_elsewhere_is_not(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    theirs = cut(make(tmp_path / "a.wav", "pcm_s16le"), 0.5)
    ours = scratch / "media.wav"
    ours.write_bytes(theirs.read_bytes())
    assert refused(theirs, scratch).reason is Reason.TRUNCATED
    assert refused(ours, scratch).reason is Reason.TRUNCATED
    assert theirs.exists()
    assert not ours.exists()


def test_a_recording_longer_than_the_profile_allows_is_stopped_there(tmp_path: Path) -> None:
    error = refused(make(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "scratch", most=5)
    assert error.reason is Reason.TOO_LONG
    assert "5 s" in str(error)


def test_a_full_scratch_disk_is_reported_as_that(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "audio.pcm.part").symlink_to("/dev/full")
    assert refused(make(tmp_path / "a.mp3", "libmp3lame"), scratch).reason is Reason.SCRATCH_FULL


def test_media_that_vanished_are_not_found(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.mp4", tmp_path / "scratch").reason is Reason.NOT_FOUND
