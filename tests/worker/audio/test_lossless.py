"""Decoded audio as FLAC and back, through the real child: the same bytes, or an error."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.failures import Reason
from ingest_contract.profile import FetchProfile
from ingest_worker.audio import lossless
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.audio.flac import pack, unpack
from ingest_worker.domain import SAMPLE_RATE, Media
from ingest_worker.errors import StageError
from testkit.media.tones import FORMATS, make
from tests.worker.audio.heard import silence, tone, wave


def nobody(_: float) -> None:
    pass


def recordings(folder: Path) -> dict[str, Path]:
    """Media whose audio takes each way through the decoder: lossy and lossless, resampled and not, one
    channel and two, samples beyond full scale, one channel of many, odd lengths, silence."""
    loud = 8 * tone(3.0007, rate=SAMPLE_RATE)
    lossy = ("film.mp4", "talk.mp3", "line.wav")
    made = {name: make(folder / name, **FORMATS[name]) for name in lossy}  # type: ignore[arg-type]  # keywords
    return made | {
        "hot.wav": wave(folder / "hot.wav", [loud, loud], floats=True),
        "faint.wav": wave(folder / "faint.wav", [tone(2, rate=SAMPLE_RATE), *[silence(2, SAMPLE_RATE)] * 7]),
        "odd.wav": wave(folder / "odd.wav", [tone(4097 / SAMPLE_RATE, rate=SAMPLE_RATE)]),
        "tail.wav": wave(
            folder / "tail.wav", [np.concatenate([tone(1, rate=SAMPLE_RATE), silence(5.3, SAMPLE_RATE)])]
        ),
        "nothing.wav": wave(folder / "nothing.wav", [silence(1.5, SAMPLE_RATE)] * 2),
        "short.wav": wave(folder / "short.wav", [tone(1 / SAMPLE_RATE, rate=SAMPLE_RATE) + 1]),
    }


def test_the_audio_of_every_kind_of_media_comes_back_byte_for_byte(tmp_path: Path) -> None:
    gains = set()
    for name, path in recordings(tmp_path).items():
        scratch = tmp_path / f"{name}.scratch"
        audio = LimitedDecoder(FetchProfile()).decode(Media(path, name, None), scratch, nobody)
        assert audio.sound is not None
        gains.add(audio.sound.gain < 1.0)
        pack(audio.path, audio.samples, scratch / "a.flac", nobody)
        unpack(scratch / "a.flac", audio.samples, scratch / "b.pcm", nobody)
        assert (scratch / "b.pcm").read_bytes() == audio.path.read_bytes(), name
    assert gains == {True, False}  # one of them was made quieter, and comes back as quiet


@given(
    st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=300), st.integers(1, 400), st.integers(0, 300)
)
def test_any_samples_come_back(
    tmp_path_factory: pytest.TempPathFactory, some: list[int], often: int, quiet: int
) -> None:
    samples = np.concatenate([np.tile(np.array(some, "<i2"), often), np.zeros(quiet, "<i2")])
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.pcm").write_bytes(samples.tobytes())
    with (folder / "a.pcm").open("rb") as pcm, (folder / "a.flac").open("wb") as flac:
        assert lossless.pack(pcm, flac, SAMPLE_RATE, lambda _: None) == len(samples)
    with (folder / "a.flac").open("rb") as flac, (folder / "b.pcm").open("wb") as pcm:
        assert lossless.unpack(flac, pcm, SAMPLE_RATE, len(samples), lambda _: None) == len(samples)
    assert (folder / "b.pcm").read_bytes() == samples.tobytes()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: content[: len(content) * 2 // 3], id="cut"),
        pytest.param(lambda content: content[:9000] + bytes(400) + content[9400:], id="damaged"),
        pytest.param(lambda content: content + content, id="written twice"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"RIFF" + bytes(2000), id="something else"),
    ],
)
def test_a_spoilt_file_is_refused(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-9000, 9000, 40_000).astype("<i2")
    samples.tofile(tmp_path / "a.pcm")
    pack(tmp_path / "a.pcm", len(samples), tmp_path / "a.flac", nobody)
    (tmp_path / "a.flac").write_bytes(spoil((tmp_path / "a.flac").read_bytes()))
    with pytest.raises(StageError) as caught:
        unpack(tmp_path / "a.flac", len(samples), tmp_path / "b.pcm", nobody)
    assert caught.value.reason is Reason.UNDECODABLE


@pytest.mark.parametrize(
    "made", [{"codec": "flac", "rate": 16_000}, {"codec": "flac"}], ids=["two channels", "another rate"]
)
def test_flac_that_is_not_ours_is_refused(made: dict[str, str], tmp_path: Path) -> None:
    path = make(tmp_path / "note.flac", **made)  # type: ignore[arg-type]  # a table of keyword arguments
    with pytest.raises(StageError, match="not what a fetch leaves"):
        unpack(path, 6 * SAMPLE_RATE, tmp_path / "b.pcm", nobody)
