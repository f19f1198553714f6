"""A time in the recording is the time at which a player plays it."""

import struct
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from tests.worker.audio.heard import RATE, heard, mux, refused, tone

TS = {"format": "mpegts", "options": {"mpegts_copyts": "1"}}
FRAGMENTS = {
    "options": {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
}
HEARD = [
    ("g.mp4", "aac"),
    ("g.mkv", "aac"),
    ("g.mka", "libopus"),
    ("g.webm", "libopus"),
    ("g.ogg", "libopus"),
    ("g.ogg", "flac"),
]


@pytest.mark.parametrize(("name", "codec"), HEARD)
def test_a_long_pause_is_a_pause_where_the_container_has_one_clock(
    name: str, codec: str, tmp_path: Path
) -> None:
    found = heard(mux(tmp_path / name, [(0, tone(3, 440)), (703, tone(3, 660))], codec=codec))
    (_, first), (second, end) = found.sounding
    assert (first, second, end) == (
        pytest.approx(3, abs=0.25),
        pytest.approx(703, abs=0.25),
        pytest.approx(706, abs=0.25),
    )
    assert found.told["filled_seconds"] == pytest.approx(700, abs=0.3)


@pytest.mark.parametrize("picture", [None, (0, 20)])
def test_a_stream_whose_sound_moves_to_another_pid_is_heard_through(
    picture: tuple[float, float] | None, tmp_path: Path
) -> None:
    parts = [
        mux(
            tmp_path / f"{pid}.ts",
            [(0, tone(20, hertz))],
            format="mpegts",
            options={"mpegts_start_pid": pid},
            picture=picture,
        ).read_bytes()
        for pid, hertz in (("0x100", 440), ("0x120", 660), ("0x100", 880))
    ]
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(parts))
    found = heard(path)
    assert found.seconds == pytest.approx(60, abs=0.3)
    assert [found.pitch(start, start + 10) for start in (5, 25, 45)] == [440, 660, 880]


def test_a_stream_that_goes_on_in_another_codec_is_refused_and_not_cut_there(tmp_path: Path) -> None:
    parts = [
        mux(tmp_path / codec, [(0, tone(20))], codec=codec, **TS | {"options": {"mpegts_start_pid": pid}})
        for codec, pid in (("aac", "0x100"), ("mp2", "0x120"))
    ]
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert refused(path) is Reason.UNDECODABLE


@pytest.mark.parametrize("codec", ["aac", "libmp3lame"])
def test_mp4_files_that_were_joined_are_heard_to_the_end(codec: str, tmp_path: Path) -> None:
    parts = [
        mux(tmp_path / f"{hertz}.mp4", [(0, tone(20, hertz))], codec=codec, picture=(0, 20)).read_bytes()
        for hertz in (440, 660, 880)
    ]
    path = tmp_path / "a.mp4"
    path.write_bytes(b"".join(parts))
    found = heard(path)
    assert found.seconds == pytest.approx(60, abs=0.3)
    assert [found.pitch(start, start + 10) for start in (5, 25, 45)] == [440, 660, 880]


def test_sound_whose_times_lie_beyond_the_announced_end_is_refused(tmp_path: Path) -> None:
    """Where it belongs nobody knows: behind what came before it, half of the recording would be at a time at
    which no player plays it."""
    path = mux(tmp_path / "a.mka", [(0, tone(3, 440)), (703, tone(3, 660))], codec="libopus")
    content = path.read_bytes()
    duration = content.index(b"\x44\x89\x88") + 3  # RFC 9559: Duration, eight bytes, in milliseconds
    path.write_bytes(content[:duration] + struct.pack(">d", 6_500.0) + content[duration + 8 :])
    assert refused(path) is Reason.UNDECODABLE


@pytest.mark.parametrize("picture", [(0, 663), None])
def test_sound_that_an_mp4_lets_begin_after_eleven_minutes_does(
    picture: tuple[float, float] | None, tmp_path: Path
) -> None:
    found = heard(mux(tmp_path / "a.mp4", [(660, tone(3))], picture=picture))
    assert found.sounding == [(pytest.approx(660, abs=0.1), pytest.approx(663, abs=0.1))]


@pytest.mark.parametrize(
    ("name", "codec", "start"), [("a.mka", "aac", 60), ("a.webm", "libopus", 700), ("a.ogg", "libopus", 700)]
)
def test_sound_that_begins_later_is_whole_and_keeps_its_time(
    name: str, codec: str, start: int, tmp_path: Path
) -> None:
    found = heard(mux(tmp_path / name, [(start, tone(3))], codec=codec))
    assert found.sounding == [(pytest.approx(start, abs=0.1), pytest.approx(start + 3, abs=0.1))]


@pytest.mark.parametrize(("name", "codec"), [("a.mka", "flac"), ("a.webm", "libopus"), ("a.ogg", "libopus")])
def test_sound_that_begins_later_is_whole_however_large_its_file_is(
    name: str, codec: str, tmp_path: Path
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 40 * RATE).astype(np.float32)
    path = mux(tmp_path / name, [(2, noise)], codec=codec)
    assert path.stat().st_size > 4 * 65_536  # more than libavformat reads ahead
    assert heard(path).sounding == [(pytest.approx(2, abs=0.1), pytest.approx(42, abs=0.1))]


def test_what_was_cut_out_of_a_stream_that_goes_on_begins_with_its_first_frame(tmp_path: Path) -> None:
    live = heard(mux(tmp_path / "a.webm", [(5000, tone(3))], codec="libopus", options={"live": "1"}))
    fragments = heard(
        mux(
            tmp_path / "a.mp4",
            [(5000, tone(3))],
            options={"movflags": "frag_keyframe+empty_moov+frag_discont"},
        )
    )
    assert [found.seconds for found in (live, fragments)] == [pytest.approx(3, abs=0.1)] * 2


@pytest.mark.parametrize("clock", [1.4, 9, 30, 400])
@pytest.mark.parametrize("with_picture", [True, False])
def test_an_advertisement_with_a_clock_of_its_own_moves_nothing_behind_it(
    clock: float,
    with_picture: bool,  # noqa: FBT001 -- a table's column
    tmp_path: Path,
) -> None:
    content = b""
    for place, (start, hertz) in enumerate(((10, 440), (clock, 880), (16.6, 660))):
        picture = (start, start + 6.6) if with_picture else None
        content += mux(
            tmp_path / f"{place}.ts", [(start, tone(6.6, hertz))], picture=picture, **TS
        ).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(content)
    found = heard(path)
    assert found.seconds == pytest.approx(19.8, abs=0.3)
    assert [found.pitch(start, start + 5) for start in (1, 7.5, 14)] == [
        pytest.approx(hertz, abs=1) for hertz in (440, 880, 660)
    ]


def test_an_advertisement_between_fragments_of_mp4_moves_and_loses_nothing(tmp_path: Path) -> None:
    parts = [
        mux(tmp_path / f"{hertz}.mp4", [(0, tone(6.6, hertz))], **FRAGMENTS).read_bytes()
        for hertz in (440, 880, 660)
    ]
    path = tmp_path / "joined.mp4"
    path.write_bytes(b"".join(parts))
    found = heard(path)
    assert found.seconds == pytest.approx(19.8, abs=0.3)
    assert [found.pitch(start, start + 5) for start in (1, 7.5, 14)] == [
        pytest.approx(hertz, abs=1) for hertz in (440, 880, 660)
    ]


def test_a_hole_in_a_transport_stream_is_a_pause_if_the_picture_goes_on(tmp_path: Path) -> None:
    found = heard(mux(tmp_path / "a.ts", [(100, tone(3)), (108, tone(3))], picture=(100, 111), **TS))
    assert found.sounding == [
        (0, pytest.approx(3, abs=0.1)),
        (pytest.approx(8, abs=0.1), pytest.approx(11, abs=0.1)),
    ]


def test_sound_that_begins_later_than_the_picture_of_a_transport_stream_keeps_its_time(
    tmp_path: Path,
) -> None:
    found = heard(mux(tmp_path / "a.ts", [(103, tone(3))], picture=(100, 106), **TS))
    assert found.sounding == [(pytest.approx(3, abs=0.1), pytest.approx(6, abs=0.1))]


def chained(path: Path, *links: tuple[float, str]) -> Path:
    content = b""
    for place, (hertz, layout) in enumerate(links):
        link = path.with_name(f"{place}-{path.name}")
        content += mux(link, [(0, tone(4, hertz))], codec="libopus", layout=layout).read_bytes()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("layouts", [("mono", "mono", "mono"), ("stereo", "mono", "stereo")])
def test_every_link_of_a_chained_stream_is_heard_whatever_its_form(
    layouts: tuple[str, ...], tmp_path: Path
) -> None:
    found = heard(chained(tmp_path / "a.opus", *zip((440, 880, 660), layouts, strict=True)))
    assert found.seconds == pytest.approx(12, abs=0.1)
    assert [found.pitch(start, start + 3) for start in (0.5, 4.5, 8.5)] == [
        pytest.approx(hertz, abs=1) for hertz in (440, 880, 660)
    ]


def test_a_small_file_that_spreads_a_moment_of_sound_over_hours_is_undecodable(tmp_path: Path) -> None:
    path = mux(tmp_path / "a.mp4", [(0, tone(0.05)), (39_600, tone(0.05))])
    assert path.stat().st_size < 2500
    assert refused(path) is Reason.UNDECODABLE
