"""A file of a workstation is there whole, or as it was before."""

import errno
import os
import stat
from pathlib import Path

import pytest

from ingest_operator.local.folders import write_atomically


def test_what_cannot_take_its_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "talk.vtt").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "talk.vtt", "WEBVTT")
    assert [path.name for path in tmp_path.iterdir()] == ["talk.vtt"]


def test_behind_a_link_the_file_is_written_that_it_leads_to(tmp_path: Path) -> None:
    file, link = tmp_path / "there" / "talk.vtt", tmp_path / "talk.vtt"
    link.symlink_to(file)
    for text in ("the first", "the second"):
        write_atomically(link, text)
        assert (link.is_symlink(), file.read_text()) == (True, text)
    assert [path.name for path in file.parent.iterdir()] == ["talk.vtt"]


def test_a_pipe_is_written_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(pipe, "WEBVTT")
        assert os.read(reading, 100) == b"WEBVTT"
    finally:
        os.close(reading)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize(
    ("had", "asked", "has"), [(0o600, 0o666, 0o600), (0o664, 0o666, 0o664), (0o644, 0o600, 0o600)]
)
def test_a_file_keeps_who_may_read_it_and_is_never_opened_to_more_than_is_asked(
    tmp_path: Path, had: int, asked: int, has: int
) -> None:
    path = tmp_path / "talk.vtt"
    path.touch()
    path.chmod(had)
    write_atomically(path, "WEBVTT", asked)
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text()) == (has, "WEBVTT")


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
