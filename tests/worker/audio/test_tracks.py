"""Which of several tracks is heard, and what is told about the others."""

from pathlib import Path

import av
import pytest
from av.stream import Disposition

from ingest_contract.failures import Reason
from ingest_contract.profile import FetchProfile
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from tests.worker.audio.heard import heard, mux, refused, silence, tone

NONE = Disposition(0)


def flagged(path: Path, *flags: Disposition) -> Path:
    """The same tracks with other flags."""
    target = path.with_name(f"flagged-{path.name}")
    with av.open(str(path)) as source, av.open(str(target), "w") as sink:
        copies = [sink.add_stream_from_template(track) for track in source.streams]
        for copy, flag in zip(copies, flags, strict=True):
            copy.disposition = flag
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                sink.mux(packet)
    return target


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "aac"), ("a.mka", "libopus"), ("a.mov", "pcm_s16le")]
)
def test_a_silent_track_is_passed_over(name: str, codec: str, tmp_path: Path) -> None:
    found = heard(mux(tmp_path / name, [(0, silence(3))], [(0, tone(3))], codec=codec))
    assert found.pitch(0.5, 2.5) == 440
    assert (found.told["tracks"], found.told["track"], found.told["passed_over"]) == (2, 2, "1 is silent")


@pytest.mark.parametrize(
    ("flags", "taken"),
    [
        ((NONE, Disposition.default), 2),
        ((Disposition.default, NONE), 1),
        ((Disposition.default, Disposition.default), 1),
        ((NONE, NONE), 1),
        ((Disposition.comment, NONE), 2),
        ((Disposition.visual_impaired, NONE), 2),
    ],
)
def test_the_default_track_comes_first_and_commentary_last(
    flags: tuple[Disposition, ...], taken: int, tmp_path: Path
) -> None:
    path = flagged(mux(tmp_path / "a.mkv", [(0, tone(3, 440))], [(0, tone(3, 660))]), *flags)
    found = heard(path)
    assert (found.told["track"], found.pitch(0.5, 2.5)) == (taken, 440 if taken == 1 else 660)


def test_two_silent_tracks_are_silence_of_the_first_ones_length(tmp_path: Path) -> None:
    found = heard(mux(tmp_path / "a.mka", [(0, silence(3))], [(0, silence(5))], codec="flac"))
    assert found.seconds == pytest.approx(3, abs=0.01)
    assert not found.pcm.any()
    assert (found.told["track"], found.told["passed_over"]) == (1, "2 is silent")


def without_decoder(path: Path, codec: bytes, count: int) -> Path:
    """The codec's name of the first tracks replaced by one that no decoder has."""
    path.write_bytes(path.read_bytes().replace(codec, b"apac", count))
    return path


def test_a_track_without_a_decoder_gives_way_to_one_that_has_one(tmp_path: Path) -> None:
    path = mux(tmp_path / "a.m4a", [(0, tone(3, 440))], [(0, tone(3, 660))], codec="alac", format="mp4")
    found = heard(without_decoder(path, b"alac", 2))  # the sample entry and the box in it
    assert found.pitch(0.5, 2.5) == 660
    assert (found.told["track"], found.told["passed_over"]) == (2, "1 has no decoder")


def test_media_without_any_decodable_track_are_undecodable(tmp_path: Path) -> None:
    path = without_decoder(mux(tmp_path / "a.m4a", [(0, tone(3))], codec="alac", format="mp4"), b"alac", 2)
    assert refused(path) is Reason.UNDECODABLE


KEYS = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
}


def test_encrypted_media_are_reported_as_that(tmp_path: Path) -> None:
    assert refused(mux(tmp_path / "a.mp4", [(0, tone(3))], options=KEYS)) is Reason.DRM_PROTECTED
    with pytest.raises(StageError) as caught:  # what the child says, its parent believes
        LimitedDecoder(FetchProfile()).decode(
            Media(tmp_path / "a.mp4", "a", None), tmp_path / "scratch", lambda _: None
        )
    assert caught.value.reason is Reason.DRM_PROTECTED
    old = mux(tmp_path / "b.m4a", [(0, tone(3))], format="mp4")
    old.write_bytes(old.read_bytes().replace(b"mp4a", b"drms", 1))
    assert refused(old) is Reason.DRM_PROTECTED


@pytest.mark.parametrize(
    ("tag", "language"), [("ger", "de"), ("deu", "de"), ("eng", "en"), ("und", None), ("qaa", None)]
)
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_the_tag_of_the_track_that_is_heard_names_its_language(
    name: str, tag: str, language: str | None, tmp_path: Path
) -> None:
    tagged = tmp_path / f"tagged-{name}"
    whole = mux(tmp_path / name, [(0, silence(3))], [(0, tone(3))])
    with av.open(str(whole)) as source, av.open(str(tagged), "w") as sink:
        copies = [sink.add_stream_from_template(track) for track in source.streams]
        for copy, its in zip(copies, ("fre", tag), strict=True):
            copy.metadata["language"] = its
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                sink.mux(packet)
    assert heard(tagged).told["language"] == language
