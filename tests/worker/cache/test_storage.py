"""What a place for the cache promises, whichever it is: files are there whole or not at all."""

import os
import stat
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_worker.cache.folder import FolderStorage
from ingest_worker.cache.objects import ObjectStorage, s3
from ingest_worker.cache.storage import BLOCK_BYTES, Storage
from ingest_worker.errors import StageError
from testkit.s3.server import S3Server
from tests.worker.cache.conftest import BUCKET, Place

LARGE = os.urandom(BLOCK_BYTES + 4321)


def content(storage: Storage, name: str) -> bytes:
    return b"".join(storage.blocks(name))


def names(storage: Storage, prefix: str = "") -> list[str]:
    return sorted(each.name for each in storage.stored(prefix))


def refused(work: Callable[[], object]) -> Reason:
    with pytest.raises(StageError) as caught:
        work()
    return caught.value.reason


@pytest.mark.parametrize("whole", [b"", b"x", LARGE], ids=["empty", "small", "of several blocks"])
def test_a_file_comes_back_as_it_was_written(whole: bytes, place: Place) -> None:
    storage = place.storage
    storage.write("a.json", [whole[:5], whole[5:7], whole[7:]])
    assert content(storage, "a.json") == whole
    assert storage.size("a.json") == len(whole)
    assert names(storage) == ["a.json"]


def test_a_file_is_replaced_and_removed_and_what_is_not_there_is_no_error(place: Place) -> None:
    storage = place.storage
    assert (storage.size("a"), names(storage)) == (None, [])
    assert refused(lambda: content(storage, "a")) is Reason.NOT_IN_CACHE
    storage.remove("a")
    for text in (b"first, and longer", b"second"):
        storage.write("a", [text])
    assert content(storage, "a") == b"second"
    storage.remove("a")
    assert (storage.size("a"), names(storage)) == (None, [])


def test_files_are_listed_by_the_beginning_of_their_names_with_their_age(place: Place) -> None:
    for name in ("ab.1", "ab.2", "b.1"):
        place.storage.write(name, [b"x"])
    assert names(place.storage, "ab.") == ["ab.1", "ab.2"]
    assert all(-60 < each.age_seconds < 600 for each in place.storage.stored())


@pytest.mark.parametrize("before", [None, b"the old one"], ids=["where nothing was", "where one was"])
@pytest.mark.parametrize("written", [b"half", LARGE], ids=["within a block", "after a block"])
def test_a_write_that_breaks_off_leaves_what_was_there(
    before: bytes | None, written: bytes, place: Place
) -> None:
    storage = place.storage
    if before is not None:
        storage.write("a", [before])

    def breaking() -> Iterator[bytes]:
        yield written
        assert storage.size("a") == (None if before is None else len(before))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.write("a", breaking())
    assert names(storage) == ([] if before is None else ["a"])
    assert before is None or content(storage, "a") == before


def test_two_writers_at_once_leave_one_whole_file(place: Place) -> None:
    contents = [bytes([number]) * (BLOCK_BYTES + 99) for number in range(4)]
    meeting = threading.Barrier(len(contents))

    def blocks(whole: bytes) -> Iterator[bytes]:
        meeting.wait(60)
        yield whole[:BLOCK_BYTES]
        yield whole[BLOCK_BYTES:]

    writers = [threading.Thread(target=place.storage.write, args=("a", blocks(whole))) for whole in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(180)
    assert content(place.storage, "a") in contents
    assert names(place.storage) == ["a"]


def test_a_place_that_is_away_is_unavailable_and_not_empty(place: Place) -> None:
    away = place.away()
    assert refused(lambda: away.write("a", [b"x"])) is Reason.CACHE_UNAVAILABLE
    assert refused(lambda: content(away, "a")) is Reason.CACHE_UNAVAILABLE
    assert refused(lambda: away.size("a")) is Reason.CACHE_UNAVAILABLE
    assert refused(lambda: list(away.stored())) is Reason.CACHE_UNAVAILABLE
    assert refused(lambda: away.remove("a")) is Reason.CACHE_UNAVAILABLE


def test_a_folder_keeps_files_for_their_owner_alone(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "cache" / "audio")
    storage.write("a", [b"x"])
    assert (tmp_path / "cache" / "audio").stat().st_mode & 0o077 == 0
    assert (tmp_path / "cache" / "audio" / "a").stat().st_mode & 0o777 == 0o600


def test_what_somebody_else_put_into_a_folder_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    (tmp_path / "secret").write_bytes(b"not for us")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder"):
        assert storage.size(name) is None
        assert refused(partial(content, storage, name)) is Reason.NOT_IN_CACHE
    storage.write("link", [b"ours"])
    assert (tmp_path / "secret").read_bytes() == b"not for us"
    assert content(storage, "link") == b"ours"


def test_a_full_disk_is_reported_with_its_words_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StageError, match="No space left on device") as caught:
        FolderStorage(tmp_path).write("a", [b"x"])
    assert caught.value.reason is Reason.CACHE_UNAVAILABLE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "reason"),
    [(22, None), (95, None), (5, Reason.CACHE_UNAVAILABLE)],
    ids=["EINVAL", "ENOTSUP", "EIO"],
)
def test_a_file_system_that_synchronises_no_folders_is_a_cache_all_the_same(
    number: int, reason: Reason | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Linux answers for a folder of /proc; an error of the disk is another matter."""
    synchronised = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        synchronised(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    storage = FolderStorage(tmp_path)
    if reason is None:
        storage.write("a", [b"x"])
        assert content(storage, "a") == b"x"
    else:
        assert refused(lambda: storage.write("a", [b"x"])) is reason


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("wrong", "root", "code"),
    [
        ({"AWS_ACCESS_KEY_ID": "nobody"}, BUCKET, "InvalidAccessKeyId"),
        ({"AWS_SECRET_ACCESS_KEY": "a-secret-of-somebody"}, BUCKET, "SignatureDoesNotMatch"),
        ({}, "nobodys-bucket", "NoSuchBucket"),
    ],
)
def test_a_store_that_refuses_is_reported_with_its_code_and_without_its_keys(
    wrong: dict[str, str], root: str, code: str, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StageError, match=code) as caught:
        ObjectStorage(s3(server.url), f"{root}/prefix").write("a", [b"x"])
    assert caught.value.reason is Reason.CACHE_UNAVAILABLE
    assert not any(value in str(caught.value) for value in wrong.values())
