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


LISTS = {
    "cue.mp3": 'FILE "{}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "session.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "list.mp3": "[playlist]\nFile1=file://{}\nNumberOfEntries=1\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_file_that_only_names_others_leads_to_none_of_them(name: str, tmp_path: Path) -> None:
    other = make(tmp_path / "other.wav", "pcm_s16le", seconds=1)
    (tmp_path / name).write_text(LISTS[name].replace("{}", str(other)))
    with pytest.raises(StageError, match="is not media") as caught:
        decoded(tmp_path / name, tmp_path / "scratch")
    assert caught.value.reason is Reason.UNDECODABLE
