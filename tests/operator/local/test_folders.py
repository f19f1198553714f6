"""A file of a workstation is there whole, or as it was before."""

import errno
import os
from pathlib import Path

import pytest

from ingest_operator.local.folders import write_atomically


def test_what_cannot_take_its_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "talk.vtt").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "talk.vtt", "WEBVTT")
    assert [path.name for path in tmp_path.iterdir()] == ["talk.vtt"]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_atomically(tmp_path / "talk.vtt", "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "talk.vtt", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"talk.vtt": "old"}
