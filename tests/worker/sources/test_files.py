"""Files: what may be read, and what a folder holds."""

import errno
import os
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import AllowedSources
from ingest_worker.errors import StageError
from ingest_worker.sources import files
from ingest_worker.sources.files import files_in, is_local, located, media_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "in/b.mp4",
        "in/a.MP3",
        "in/deep/c.webm",
        "in/notes.txt",
        "in/deep/list.m3u8",
        "out/secret.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path


def allow(*folders: Path) -> AllowedSources:
    return AllowedSources(folders=tuple(map(str, folders)))


def reason(url: str, allowed: AllowedSources) -> Reason:
    with pytest.raises(StageError) as caught:
        media_file(url, allowed)
    return caught.value.reason


def test_a_file_below_an_allowed_folder_is_found_by_path_and_by_address(folder: Path) -> None:
    path = (folder / "in/b.mp4").resolve()
    spaced = path.rename(path.with_name("b 1.mp4"))
    for url in (
        str(spaced),
        spaced.as_uri(),
        f"file://localhost{spaced}".replace(" ", "%20"),
        f"FILE://{spaced}",
    ):
        assert is_local(url)
        assert media_file(url, allow(folder / "in")) == spaced


@pytest.mark.parametrize(
    "url",
    [
        "out/secret.mp4",
        "in/../out/secret.mp4",
        "in/link.mp4",
        "in/linked/secret.mp4",
        "out/nothing.mp4",
        "inside.mp4",
    ],
)
def test_nothing_outside_is_read_or_even_told_about(url: str, folder: Path) -> None:
    (folder / "in/link.mp4").symlink_to(folder / "out/secret.mp4")
    (folder / "in/linked").symlink_to(folder / "out")
    (folder / "inside.mp4").write_text("x")
    assert reason(f"file://{folder}/{url}", allow(folder / "in")) is Reason.SOURCE_REFUSED


def test_without_allowed_folders_no_file_is_read(folder: Path) -> None:
    assert reason(str(folder / "in/b.mp4"), AllowedSources()) is Reason.SOURCE_REFUSED
    assert reason(str(folder / "in/b.mp4"), AllowedSources(folders=("in", "."))) is Reason.SOURCE_REFUSED


def test_a_link_inside_is_followed_inside(folder: Path) -> None:
    (folder / "in/link.mp4").symlink_to(folder / "in/b.mp4")
    assert media_file(str(folder / "in/link.mp4"), allow(folder / "in")) == folder / "in/b.mp4"


def test_what_is_no_file_is_told_apart(folder: Path) -> None:
    os.mkfifo(folder / "in/pipe.mp4")
    (folder / "in/ring.mp4").symlink_to(folder / "in/ring.mp4")
    allowed = allow(folder / "in")
    assert reason(f"file://{folder}/in/gone.mp4", allowed) is Reason.NOT_FOUND
    assert reason(f"file://{folder}/in/ring.mp4", allowed) is Reason.NOT_FOUND
    assert reason(f"file://{folder}/in/pipe.mp4", allowed) is Reason.SOURCE_UNSUPPORTED
    assert reason(f"file://{folder}/in", allowed) is Reason.SOURCE_UNSUPPORTED
    assert reason("file://other.example/in/a.mp4", allowed) is Reason.SOURCE_UNSUPPORTED
    assert reason("file:in/a.mp4", allowed) is Reason.SOURCE_UNSUPPORTED


def test_a_folder_gives_its_media_sorted_and_nothing_from_outside(folder: Path) -> None:
    (folder / "in/link.mp4").symlink_to(folder / "out/secret.mp4")
    (folder / "in/again.mp4").symlink_to(folder / "in/b.mp4")
    allowed = allow(folder / "in")
    place = located(f"file://{folder}/in", allowed)
    assert [path.name for path in files_in(place, None, allowed)[0]] == ["a.MP3", "b.mp4", "c.webm"]
    assert [path.name for path in files_in(place, "*.mp4", allowed)[0]] == ["b.mp4"]
    assert [path.name for path in files_in(place, "**/*.webm", allowed)[0]] == ["c.webm"]
    assert files_in(place, "../out/*.mp4", allowed) == ([], {})


def test_a_pattern_that_is_none_is_told(folder: Path) -> None:
    with pytest.raises(StageError) as caught:
        files_in(folder / "in", "/etc/*", allow(folder / "in"))
    assert caught.value.reason is Reason.SOURCE_UNSUPPORTED


def test_what_is_no_media_is_counted_by_its_ending(folder: Path) -> None:
    for name in ("in/b.TXT", "in/README", "in/.hidden", "in/deep/c.xyz"):
        (folder / name).write_text("x")
    (folder / "in/theirs.txt").symlink_to(folder / "out/secret.txt")
    (folder / "out/secret.txt").write_text("x")
    _, others = files_in(folder / "in", None, allow(folder / "in"))
    assert others == {"txt": 2, "m3u8": 1, "": 2, "xyz": 1}


def test_a_name_that_is_no_text_is_found_again_by_its_address(folder: Path) -> None:
    name = os.fsdecode(b"in/r\xe9union 1.mp4")
    (folder / name).write_text("x")
    path = (folder / name).resolve()
    assert media_file(path.as_uri(), allow(folder / "in")) == path


def test_a_link_that_leads_nowhere_or_in_a_circle_costs_no_other_file(folder: Path) -> None:
    (folder / "in/circle.mp4").symlink_to("circle.mp4")
    (folder / "in/gone.mp4").symlink_to("not-there.mp4")
    found, _ = files_in(folder / "in", None, allow(folder / "in"))
    assert sorted(path.name for path in found) == ["a.MP3", "b.mp4", "c.webm"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_a_disk_or_server_that_fails_is_no_missing_file(
    folder: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "talk.wav"
    path.write_bytes(b"x")

    def fails(*_: object, **__: object) -> os.stat_result:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "stat", fails)
        with pytest.raises(StageError) as caught:
            files._status(path)
    assert caught.value.reason is Reason.DOWNLOAD_FAILED
