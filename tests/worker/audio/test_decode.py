"""Real media through the real child: what comes out, and how each kind of bad media is told."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import FetchProfile
from ingest_worker.audio import flac, process
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.audio.limits import limits_for
from ingest_worker.domain import SAMPLE_RATE, Audio, Media, Sound
from ingest_worker.errors import StageError
from ingest_worker.sandbox.limits import Limits
from testkit.media.tones import TONE, cut, index_first, make, silent_film

FORMATS = {
    "film.mp4": {"codec": "aac", "picture": "mpeg4"},
    "clip.webm": {"codec": "libopus", "picture": "libvpx"},
    "talk.mp3": {"codec": "libmp3lame", "rate": 44_100},
    "call.wav": {"codec": "pcm_s16le", "rate": 8_000},
    "note.flac": {"codec": "flac", "rate": 16_000},
    "cast.ts": {"codec": "aac", "picture": "mpeg2video"},
}


def decode(path: Path, into: Path, *, announced: float | None = None, most: int = 3600) -> Audio:
    return LimitedDecoder(FetchProfile(max_duration_seconds=most)).decode(
        Media(path, path.stem, announced), into, lambda _: None
    )


def refused(path: Path, into: Path, *, announced: float | None = None, most: int = 3600) -> StageError:
    with pytest.raises(StageError) as caught:
        decode(path, into, announced=announced, most=most)
    assert not (into / "audio.pcm").exists()
    assert not (into / "audio.pcm.part").exists()
    return caught.value


def pitch(audio: Audio) -> float:
    """The loudest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(audio.window(1.0, 3.0)))
    return float(np.argmax(spectrum)) / 2.0


@pytest.mark.parametrize("name", FORMATS)
def test_every_kind_of_media_becomes_the_same_sound(name: str, tmp_path: Path) -> None:
    audio = decode(make(tmp_path / name, **FORMATS[name]), tmp_path / "scratch")  # type: ignore[arg-type]  # a table of keyword arguments
    assert audio.seconds == pytest.approx(6.0, abs=0.06)
    assert pitch(audio) == pytest.approx(TONE, abs=1)
    assert audio.path.stat().st_size == audio.samples * 2


def test_silence_is_audio(tmp_path: Path) -> None:
    path = make(tmp_path / "a.wav", "pcm_s16le", rate=SAMPLE_RATE)
    silence = bytes(6 * SAMPLE_RATE * 2)
    path.write_bytes(path.read_bytes()[: -len(silence)] + silence)
    assert decode(path, tmp_path / "scratch").samples == 6 * SAMPLE_RATE


def test_sound_that_begins_later_than_the_picture_keeps_its_time(tmp_path: Path) -> None:
    audio = decode(make(tmp_path / "late.mp4", "aac", picture="mpeg4", start=3), tmp_path / "scratch")
    assert audio.seconds == pytest.approx(9.0, abs=0.1)
    assert not audio.window(0.0, 2.9).any()
    assert np.abs(audio.window(3.1, 3.5)).max() > 0.1


def bare_mp3(path: Path, *, rate: int = 44_100, bit_rate: int = 64_000, seconds: int = 6) -> bytes:
    """Frames of one constant bit rate, without a tag or a frame that counts them."""
    with av.open(str(path), "w", options={"write_xing": "0", "id3v2_version": "0"}) as container:
        track = container.add_stream("libmp3lame", rate=rate, layout="mono", bit_rate=bit_rate)
        wave = (np.sin(2 * np.pi * TONE * np.arange(rate * seconds) / rate) * 8000).astype("<i2")
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path.read_bytes()


def test_a_length_guessed_from_the_first_frames_bit_rate_calls_nothing_truncated(tmp_path: Path) -> None:
    quiet, loud = (
        bare_mp3(tmp_path / "1.mp3", bit_rate=32_000, seconds=2),
        bare_mp3(tmp_path / "2.mp3", bit_rate=320_000, seconds=10),
    )
    path = tmp_path / "vbr.mp3"
    path.write_bytes(quiet + loud)
    with av.open(str(path)) as container:
        assert container.duration is not None
        assert container.duration / av.time_base > 60
    assert decode(path, tmp_path / "scratch").seconds == pytest.approx(12.0, abs=0.3)


def test_sound_that_changes_its_rate_in_the_middle_is_decoded_through(tmp_path: Path) -> None:
    path = tmp_path / "joined.mp3"
    path.write_bytes(bare_mp3(tmp_path / "1.mp3", rate=44_100) + bare_mp3(tmp_path / "2.mp3", rate=32_000))
    audio = decode(path, tmp_path / "scratch")
    assert audio.seconds == pytest.approx(12.0, abs=0.3)
    assert pitch(audio) == pytest.approx(TONE, abs=1)


def test_a_recording_of_which_much_is_damaged_is_not_passed_off_as_silence(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", "aac", seconds=20)
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 50_000
    content[start : start + 100_000] = np.random.default_rng(7).bytes(100_000)
    path.write_bytes(content)
    error = refused(path, tmp_path / "scratch")
    assert error.reason is Reason.UNDECODABLE
    assert "packets" in str(error)


def test_progress_rises_and_ends_at_one(tmp_path: Path) -> None:
    shares: list[float] = []
    path = make(tmp_path / "a.wav", "pcm_s16le", rate=SAMPLE_RATE, seconds=100)
    LimitedDecoder(FetchProfile()).decode(Media(path, "a", None), tmp_path / "scratch", shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert 0.1 < shares[0] < 0.3


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


def test_a_later_run_finds_the_audio_and_does_not_decode_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, scratch = make(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "scratch"
    first = decode(path, scratch)
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert decode(path, scratch) == first


@pytest.mark.parametrize("change", ["media", "audio cut", "note lost", "note of another version"])
@pytest.mark.slow
def test_audio_that_may_not_be_whole_or_of_this_media_is_made_again(change: str, tmp_path: Path) -> None:
    path, scratch = make(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "scratch"
    first = decode(path, scratch)
    before = first.path.stat().st_ino
    if change == "media":
        make(path, "libmp3lame", seconds=4)
    elif change == "audio cut":
        os.truncate(first.path, 1000)
    elif change == "note lost":
        (scratch / "audio.json").unlink()
    else:
        note = json.loads((scratch / "audio.json").read_text())
        (scratch / "audio.json").write_text(json.dumps({**note, "version": 0}))
    again = decode(path, scratch)
    assert again.path.stat().st_ino != before
    assert again.seconds == pytest.approx(4.0 if change == "media" else 6.0, abs=0.1)


def nine_hours(folder: Path) -> Path:
    """A WAV file of silence that takes no room on the disk."""
    path = make(folder / "a.wav", "pcm_s16le")
    header = path.read_bytes()[:78]  # RIFF, fmt and LIST chunks
    path.write_bytes(header[:4] + b"\xff" * 4 + header[8:74] + b"\xff" * 4)
    os.truncate(path, 3_000_000_000)
    return path


def test_decoding_that_takes_too_much_cpu_is_undecodable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PATIENCE_FACTOR", 100)  # a busy machine gives it no quarter of a core
    path = nine_hours(tmp_path)
    decoder = LimitedDecoder(FetchProfile(), Limits(cpu_seconds=1, file_bytes=1 << 30))
    media = Media(path, "a", None)
    with pytest.raises(StageError, match=r"more than 1 s of CPU, .*SIGXCPU") as caught:
        decoder.decode(media, tmp_path / "scratch", lambda _: None)
    assert caught.value.reason is Reason.UNDECODABLE


def test_decoding_that_only_waits_is_tried_again_and_not_called_undecodable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PATIENCE_FACTOR", 0)
    error = refused(make(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "scratch")
    assert error.reason is Reason.DOWNLOAD_FAILED
    assert "disk" in str(error)


def test_decoding_that_takes_too_much_memory_is_undecodable(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", "aac")
    decoder = LimitedDecoder(
        FetchProfile(), Limits(cpu_seconds=10, file_bytes=1 << 20, address_space=1 << 26)
    )
    with pytest.raises(StageError) as caught:
        decoder.decode(Media(path, "a", None), tmp_path / "scratch", lambda _: None)
    assert caught.value.reason is Reason.UNDECODABLE


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (signal.SIGXCPU, Reason.UNDECODABLE),
        (signal.SIGSEGV, Reason.UNDECODABLE),
        (signal.SIGABRT, Reason.UNDECODABLE),
        (signal.SIGKILL, Reason.HOST_OUT_OF_MEMORY),
        (signal.SIGTERM, Reason.INTERRUPTED),
    ],
)
def test_each_way_in_which_a_child_can_be_ended_has_its_reason(
    ending: signal.Signals, reason: Reason
) -> None:
    assert process._ended(-ending, limits_for(600, SAMPLE_RATE)).reason is reason


def test_whatever_leaves_the_decoder_is_undecodable_with_its_words(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp3", "libmp3lame")
    request = {
        "do": "decode",
        "source": str(path),
        "target": str(tmp_path / "a.pcm"),
        "rate": -5,
        "most": 100_000,
        "expected": None,
    }
    with pytest.raises(StageError, match="Numerical result out of range") as caught:
        list(process.run(request, limits_for(60, SAMPLE_RATE)))
    assert caught.value.reason is Reason.UNDECODABLE


def test_what_was_heard_is_reported_now_and_when_it_is_found_again(tmp_path: Path) -> None:
    path, scratch = make(tmp_path / "a.mp3", "libmp3lame"), tmp_path / "scratch"
    assert decode(path, scratch).sound == decode(path, scratch).sound == Sound(tracks=1, track=1)


def test_a_child_without_a_last_word_is_unknown() -> None:
    assert process._ended(0, limits_for(600, SAMPLE_RATE)).reason is Reason.UNKNOWN


def test_the_child_knows_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_DSN", "postgresql://secret")
    request = {"do": "decode", "source": str(nine_hours(tmp_path)), "target": str(tmp_path / "audio.pcm")}
    request |= {"rate": SAMPLE_RATE, "most": 36_000 * SAMPLE_RATE}
    lines = process.run(request, limits_for(36_000, SAMPLE_RATE))
    assert "announced" in next(lines)
    (child,) = (each for each in psutil.Process().children() if "ingest_worker.audio.child" in each.cmdline())
    proc = Path(f"/proc/{child.pid}")
    known = {each.partition(b"=")[0] for each in proc.joinpath("environ").read_bytes().split(b"\0") if each}
    assert known == {b"MKL_NUM_THREADS", b"OMP_NUM_THREADS", b"OPENBLAS_NUM_THREADS"}
    assert os.getsid(child.pid) == child.pid
    limits = proc.joinpath("limits").read_text()
    assert re.search(r"Max core file size +0 +0", limits)
    assert re.search(r"Max processes +0 +0", limits)
    lines.close()
    assert not proc.exists()


def test_a_disk_that_fails_while_it_is_read_is_tried_again_and_not_called_undecodable(tmp_path: Path) -> None:
    """A process's own memory is a regular file whose first page cannot be read: EIO, as from a disk."""
    request = {"do": "decode", "source": "/proc/self/mem", "target": str(tmp_path / "audio.pcm")}
    request |= {"rate": SAMPLE_RATE, "most": SAMPLE_RATE}
    with pytest.raises(StageError, match="mem cannot be read: Input/output error") as caught:
        list(process.run(request, limits_for(60, SAMPLE_RATE)))
    assert caught.value.reason is Reason.DOWNLOAD_FAILED


@pytest.mark.parametrize(
    ("target", "words"), [("/proc/self/mem", "mem: Input/output error"), ("/tmp", "tmp: Is a directory")]
)
@pytest.mark.parametrize("do", ["decode", "pack", "unpack"])
def test_scratch_that_cannot_be_written_is_not_called_undecodable_media(
    do: str, target: str, words: str, tmp_path: Path
) -> None:
    """What is undecodable is given up, and of a cache removed; a process's own memory is a file that takes
    nothing at its beginning."""
    sources = {"decode": make(tmp_path / "a.mp3", "libmp3lame"), "pack": tmp_path / "a.pcm"}
    sources["pack"].write_bytes(b"\1\0" * 100_000)
    if do == "unpack":
        sources[do] = tmp_path / "a.flac"
        flac.pack(sources["pack"], 100_000, sources[do], lambda _: None)
    request = {"do": do, "source": str(sources[do]), "target": target}
    request |= {"rate": SAMPLE_RATE, "most": 100_000 * SAMPLE_RATE}
    with pytest.raises(StageError, match=words) as caught:
        list(process.run(request, limits_for(60, SAMPLE_RATE)))
    assert caught.value.reason is Reason.SCRATCH_FULL


@pytest.mark.parametrize("do", ["pack", "unpack"])
def test_a_copy_of_our_own_that_cannot_be_read_is_the_disks_fault(do: str, tmp_path: Path) -> None:
    request = {"do": do, "source": "/proc/self/mem", "target": str(tmp_path / "out")}
    request |= {"rate": SAMPLE_RATE, "most": SAMPLE_RATE}
    with pytest.raises(StageError, match="mem: Input/output error") as caught:
        list(process.run(request, limits_for(60, SAMPLE_RATE)))
    assert caught.value.reason is Reason.SCRATCH_FULL


PARENT = """
import sys
from pathlib import Path
from ingest_contract.profile import FetchProfile
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.domain import Media
LimitedDecoder(FetchProfile()).decode(
    Media(Path(sys.argv[1]), "a", 31250.0), Path(sys.argv[2]), lambda share: print(share, flush=True)
)
"""


@pytest.mark.slow
def test_a_child_whose_worker_was_killed_ends_by_itself(tmp_path: Path) -> None:
    path, scratch = nine_hours(tmp_path), tmp_path / "scratch"
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(path), str(scratch)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
    child.wait(timeout=30)
    assert (scratch / "audio.pcm.part").stat().st_size < 900_000_000
    assert not (scratch / "audio.pcm").exists()
