"""Files: what may be read, and what a folder holds."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from unicodedata import normalize

import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import AllowedSources
from ingest_worker.errors import StageError
from ingest_worker.sources import files
from ingest_worker.sources.files import files_in, is_local, located, media_file
from ingest_worker.sources.folders import matcher


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
def test_nothing_outside_is_read_or_even_named(url: str, folder: Path) -> None:
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
    assert [path.name for path in files_in(place, None, allowed).media] == ["a.MP3", "b.mp4", "c.webm"]
    assert [path.name for path in files_in(place, "*.mp4", allowed).media] == ["b.mp4"]
    assert [path.name for path in files_in(place, "**/*.webm", allowed).media] == ["c.webm"]
    assert files_in(place, "../out/*.mp4", allowed).media == []


def test_what_is_no_media_is_counted_by_its_ending(folder: Path) -> None:
    for name in ("in/b.TXT", "in/README", "in/.hidden", "in/deep/c.xyz"):
        (folder / name).write_text("x")
    (folder / "in/theirs.txt").symlink_to(folder / "out/secret.txt")
    (folder / "out/secret.txt").write_text("x")
    assert files_in(folder / "in", None, allow(folder / "in")).others == {
        "txt": 2,
        "m3u8": 1,
        "": 2,
        "xyz": 1,
    }


def test_a_name_that_is_no_text_is_found_again_by_its_address(folder: Path) -> None:
    name = os.fsdecode(b"in/r\xe9union 1.mp4")
    (folder / name).write_text("x")
    path = (folder / name).resolve()
    assert media_file(path.as_uri(), allow(folder / "in")) == path


def test_a_link_that_leads_nowhere_or_in_a_circle_costs_no_other_file(folder: Path) -> None:
    (folder / "in/circle.mp4").symlink_to("circle.mp4")
    (folder / "in/gone.mp4").symlink_to("not-there.mp4")
    found = files_in(folder / "in", None, allow(folder / "in"))
    assert [path.name for path in found.media] == ["a.MP3", "b.mp4", "c.webm"]


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


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that an ordinary user can reach, and we as that user: root would read everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        listed = ("in/listed/d.mp3", "in/listed/e.txt")
        for path in ("in/a.mp3", "in/open/b.mp3", "in/shut/c.mp3", *listed, "apart/hidden/d\u00e9but.mp3"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("x")
        for path in (folder, folder / "in"):
            path.chmod(0o755)
        (folder / "in/shut").chmod(0)
        (folder / "in/listed").chmod(0o444)
        (folder / "apart/hidden").chmod(0o111)
        root = os.geteuid() == 0
        if root:
            os.seteuid(_NOBODY)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            for path in ("in/shut", "in/listed", "apart/hidden"):
                (folder / path).chmod(0o755)


_NOBODY = 65_534


@pytest.mark.parametrize("glob", [None, "**/*.mp3", "*/*.mp3"])
def test_a_folder_that_cannot_be_entered_is_reported_and_costs_no_other(
    shared: Path, glob: str | None
) -> None:
    found = files_in(shared / "in", glob, allow(shared / "in"))
    nested = [] if glob == "*/*.mp3" else ["a.mp3"]
    assert [path.name for path in found.media] == [*nested, "b.mp3"]
    assert {str(path.relative_to(shared)): why for path, why in found.unread.items()} == {
        "in/shut": "Permission denied",
        "in/listed/d.mp3": "Permission denied",
    }


def test_a_source_that_cannot_be_listed_is_not_an_empty_one(shared: Path) -> None:
    with pytest.raises(StageError, match="shut cannot be read: Permission denied") as caught:
        files_in(shared / "in/shut", None, allow(shared / "in"))
    assert caught.value.reason is Reason.NOT_FOUND


def test_links_that_lead_nowhere_or_outside_are_reported_and_not_where_to(folder: Path) -> None:
    for name, target in {
        "gone": "not-there.mp4",
        "theirs": "../out/secret.mp4",
        "void": "../out/no.mp4",
    }.items():
        (folder / f"in/{name}.mp4").symlink_to(target)
    (folder / "in/circle.mp4").symlink_to("circle.mp4")
    (folder / "in/elsewhere").symlink_to(folder / "other")
    (folder / "in/outside").symlink_to(folder / "out")
    (folder / "other").mkdir()
    found = files_in(folder / "in", None, allow(folder / "in", folder / "other"))
    assert {path.name: why.partition(":")[0] for path, why in found.unread.items()} == {
        "gone.mp4": "No such file or directory",
        "circle.mp4": "Too many levels of symbolic links",
        "theirs.mp4": "leads out of the folders that the profile allows",
        "void.mp4": "leads out of the folders that the profile allows",
        "elsewhere": "a link to a folder, which ** does not follow",
    }


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("glob", [None, "*/*.webm", "deep/*"])
def test_a_share_that_fails_while_it_is_listed_is_a_failure_that_is_tried_again(
    folder: Path, glob: str | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_of, stat_of = os.scandir, os.stat

    def scandir(path: Path) -> Any:
        return _failing(path) or list_of(path)

    def _failing(path: object) -> None:
        if str(path).endswith("deep"):
            raise OSError(code, os.strerror(code))

    def stat(path: Any, *rest: Any, **how: Any) -> os.stat_result:
        _failing(path)
        return stat_of(path, *rest, **how)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(StageError, match="deep cannot be read") as caught:
        files_in(folder / "in", glob, allow(folder / "in"))
    assert caught.value.reason is Reason.DOWNLOAD_FAILED


def test_a_file_whose_server_fails_is_planned_and_fails_by_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat_of = os.stat

    def stat(path: Any, *rest: Any, **how: Any) -> os.stat_result:
        if str(path).endswith("b.mp4"):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return stat_of(path, *rest, **how)

    monkeypatch.setattr(os, "stat", stat)
    found = files_in(folder / "in", None, allow(folder / "in"))
    assert [path.name for path in found.media] == ["a.MP3", "b.mp4", "c.webm"]


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("**", ["a.MP3", "b.mp4", "c.webm"]),
        ("**/**/**/*", ["a.MP3", "b.mp4", "c.webm"]),
        ("*", ["a.MP3", "b.mp4"]),
        ("./deep/*.web[mp]", ["c.webm"]),
        ("d*/../*.mp4", ["b.mp4"]),
        ("deep/c.webm/*", []),
        ("none/**/*.mp4", []),
    ],
)
def test_a_pattern_means_what_it_means_to_pathlib(folder: Path, glob: str, names: list[str]) -> None:
    found = files_in(folder / "in", glob, allow(folder / "in"))
    assert ([path.name for path in found.media], found.unread) == (names, {})


GLOBS = [
    "R\u00e9union/*.mp3",
    "R?union/d\u00e9but.mp3",
    "**/d[\u00e9\u00e8]but.*",
    "R\u00e9union/d\u00e9but.mp3",
]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("glob", GLOBS)
def test_a_pattern_finds_names_whatever_the_normal_form_of_either_and_opens_them_as_they_are(
    glob: str, written: Literal["NFC", "NFD"], form: Literal["NFC", "NFD"], folder: Path
) -> None:
    path = folder / "in" / normalize(form, "R\u00e9union") / normalize(form, "d\u00e9but.mp3")
    path.parent.mkdir()
    path.write_text("x")
    found = files_in(folder / "in", normalize(written, glob), allow(folder / "in"))
    assert (found.media, found.unread) == ([path], {})
    assert matcher(normalize(written, glob))(str(path.relative_to(folder / "in")))
    assert not matcher(normalize(written, glob))("Reunion/debut.mp3")


def test_a_name_in_a_folder_that_cannot_be_listed_is_found_as_it_is_written(shared: Path) -> None:
    glob = "hidden/d\u00e9but.mp3"
    found = files_in(shared / "apart", glob, allow(shared / "apart"))
    assert ([path.name for path in found.media], found.unread) == (["d\u00e9but.mp3"], {})


@pytest.mark.parametrize("glob", ["/etc/*", "", ".", "**.mp4", "a/b**/c", "a\0b"])
def test_what_is_no_pattern_is_reported(folder: Path, glob: str) -> None:
    with pytest.raises(StageError, match="cannot be used") as caught:
        files_in(folder / "in", glob, allow(folder / "in"))
    assert caught.value.reason is Reason.SOURCE_UNSUPPORTED
