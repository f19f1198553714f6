"""What the tests of sources share: a site, media, and orders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.media.site import Site, serving
from testkit.media.tones import index_first, make
from tests.worker.sources.planner import Planner


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as found:
        yield found


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of small real files by name:
    six seconds each, but for `short.mp3` (3) and `long.mp4` (20)."""
    folder = tmp_path_factory.mktemp("media")
    paths: list[Path] = [
        make(folder / "film.mp4", "aac", picture="mpeg4"),
        make(folder / "clip.webm", "libopus", picture="libvpx"),
        make(folder / "talk.mp3", "libmp3lame"),
        make(folder / "call.wav", "pcm_s16le", rate=16_000),
        make(folder / "note.ogg", "libopus"),
        make(folder / "cast.ts", "aac"),
        make(folder / "short.mp3", "libmp3lame", seconds=3),
        make(folder / "long.mp4", "aac", seconds=20, picture="mpeg4"),
        index_first(make(folder / "quick.mp4", "aac")),
    ]
    return {path.name: path.read_bytes() for path in paths}


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    return Planner(tmp_path / "scratch")
