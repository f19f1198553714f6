"""One damaged packet is one damaged packet."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.error import FFmpegError

from ingest_worker.audio.track import TrackReader
from tests.worker.audio.heard import RATE, Sound, heard, mux, tone

FILES = [
    ("a.m4a", "aac", "mp4", 4),
    ("a.mkv", "aac", None, 64),
    ("a.mka", "ac3", None, 64),
    ("a.mka", "libmp3lame", None, 64),
]


def voice() -> Sound:
    """Fourteen seconds that no two packets have the same bytes of."""
    loudness = 0.5 + 0.5 * np.sin(np.arange(14 * RATE) / RATE * 7)
    return (tone(14) * loudness + np.random.default_rng(5).standard_normal(14 * RATE) * 0.01).astype(
        np.float32
    )


@pytest.mark.parametrize(("name", "codec", "form", "count"), FILES)
def test_some_damaged_bytes_cost_some_hundredths_of_a_second(
    name: str, codec: str, form: str | None, count: int, tmp_path: Path
) -> None:
    path = mux(tmp_path / name, [(0, voice())], codec=codec, format=form)
    whole, rng = path.read_bytes(), np.random.default_rng(11)
    told = 0
    for share in np.arange(0.1, 0.8, 0.1):
        content, place = bytearray(whole), round(len(whole) * share)
        content[place : place + count] = rng.bytes(count)
        path.write_bytes(content)
        found = heard(path)
        assert found.seconds == pytest.approx(14, abs=0.3)
        assert found.told["damaged"] <= 3
        told += found.told["damaged"]
    assert told or codec == "ac3"  # whose decoder conceals what it cannot read, and says nothing


ERRORS = [
    av.error.PermissionError(1, "Operation not permitted"),  # what a decoder's bare -1 becomes
    av.error.InvalidDataError(2, "Invalid data"),
    av.error.PatchWelcomeError(3, "Not yet implemented"),
    av.error.ArgumentError(22, "Invalid argument"),
    av.error.BrokenPipeError(32, "Broken pipe"),
    NotImplementedError("no such format"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_a_decoder_calls_it_costs_one_packet(error: Exception) -> None:
    def decoded(packet: Any) -> list[Any]:
        if packet.dts == 3:
            raise error
        return [SimpleNamespace(samples=1024)]

    packets = [
        SimpleNamespace(dts=dts, size=10, stream_index=0, has_sidedata=lambda _: False) for dts in range(8)
    ]
    track = SimpleNamespace(index=0, codec_context=SimpleNamespace(decode=decoded))
    reader = TrackReader(SimpleNamespace(demux=lambda *_: iter(packets)), track)  # type: ignore[arg-type]  # stand-ins
    assert len(list(reader.frames())) == 7
    assert (reader.packets.good, reader.packets.damaged) == (7, 1)
    assert reader.packets.words in str(error)


def test_the_end_of_the_file_is_the_end_whatever_is_said_of_other_tracks() -> None:
    def demux(*_: Any) -> Any:
        yield SimpleNamespace(dts=1, size=10, stream_index=0, has_sidedata=lambda _: False)
        raise IndexError("list index out of range")

    track = SimpleNamespace(
        index=0, codec_context=SimpleNamespace(decode=lambda _: [SimpleNamespace(samples=1024)])
    )
    assert len(list(TrackReader(SimpleNamespace(demux=demux), track).frames())) == 1  # type: ignore[arg-type]  # stand-ins


@pytest.mark.parametrize(("after", "damaged"), [((3,), 2), ((), 1)], ids=["read on", "broken off"])
def test_a_container_that_cannot_be_read_in_one_place_is_read_on_behind_it(
    after: tuple[int, ...], damaged: int
) -> None:
    """What cannot be read between packets is told as damaged; what comes after the last one is shown by the
    length."""
    unreadable = FFmpegError(1, "Operation not permitted"), FFmpegError(5, "Input/output error")
    packets = iter([1, unreadable[0], 2, unreadable[1], *after])

    def demux(*_: Any) -> Any:
        for each in packets:
            if isinstance(each, Exception):
                raise each
            yield SimpleNamespace(dts=each, size=10, stream_index=0, has_sidedata=lambda _: False)

    track = SimpleNamespace(
        index=0, codec_context=SimpleNamespace(decode=lambda _: [SimpleNamespace(samples=1024)])
    )
    reader = TrackReader(SimpleNamespace(demux=demux), track)  # type: ignore[arg-type]  # stand-ins
    assert len(list(reader.frames())) == 2 + len(after)
    assert reader.packets.damaged == damaged
