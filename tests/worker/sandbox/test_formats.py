"""Everything that people record in still decodes behind the walls, and what nobody records in is not decoded
at all."""

from pathlib import Path

import av
import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import FetchProfile
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from testkit.media.tones import FORMATS, make

pytestmark = pytest.mark.slow


def decoded(path: Path, into: Path) -> float:
    return LimitedDecoder(FetchProfile()).decode(Media(path, path.stem, None), into, lambda _: None).seconds


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_decodes_behind_the_walls(name: str, tmp_path: Path) -> None:
    path = make(tmp_path / name, seconds=3, **FORMATS[name])  # type: ignore[arg-type]  # a table of keyword arguments
    assert decoded(path, tmp_path / "scratch") == pytest.approx(3.0, abs=0.15)


def test_a_codec_in_which_nobody_records_is_not_decoded_and_named(tmp_path: Path) -> None:
    path = tmp_path / "toy.mkv"
    with av.open(str(path), "w") as container:
        track = container.add_stream("ra_144", rate=8_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8_000), "<i2"), "s16", "mono")
        frame.sample_rate = 8_000
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    with pytest.raises(StageError, match="real_144") as caught:
        decoded(path, tmp_path / "scratch")
    assert caught.value.reason is Reason.UNDECODABLE
