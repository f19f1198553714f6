"""A file through the real child, and why one is refused."""

from pathlib import Path

import pytest

from ingest_contract.profile import FetchProfile
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.domain import Audio, Media
from ingest_worker.errors import StageError


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
