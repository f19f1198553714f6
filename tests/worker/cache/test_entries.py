"""Entries of the cache: found whole or not at all, whoever writes, cuts, swaps or replaces them."""

import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from ingest_contract.cache import Cached, mark_name
from ingest_contract.failures import Reason
from ingest_contract.receipt import Receipt, decode, encode
from ingest_contract.stages import STAGE_VERSION, Stage
from ingest_worker.cache.entries import LEFTOVER_SECONDS, Cache, digest_of
from ingest_worker.cache.folder import FolderStorage
from ingest_worker.cache.manifest import Manifest, decoder_version, sound_of, tracks_in
from ingest_worker.cache.storage import Storage
from ingest_worker.domain import SAMPLE_RATE, Sound
from ingest_worker.errors import StageError
from tests.worker.cache.conftest import Place

KEY, OTHER = "a" * 40, "b" * 40
RECORDING = "youtube:CNxH0rHS320"
SOUND = Sound(
    3,
    2,
    "1 is silent",
    7,
    1.2345678901234567,
    0.12345678901234568,
    clock_jumps=2,
    open_ended=True,
    language="de",
)


def nobody(_: float) -> None:
    pass


def audio(folder: Path, content: bytes = b"fLaC and so on") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audio.flac").write_bytes(content)
    return folder / "audio.flac"


def manifest_of(path: Path, **changed: object) -> Manifest:
    size, digest = digest_of(path)
    return Manifest(
        recording=RECORDING,
        decoder=decoder_version(),
        samples=16_000,
        bytes=size,
        sha256=digest,
        title="A title — with a dash",
        announced_seconds=1.0000000000000002,
        sound=tracks_in(SOUND),
        fetch_seconds=12.5,
        decode_seconds=0.5,
    ).model_copy(update=changed)


def put(cache: Cache, path: Path, key: str = KEY, **changed: object) -> Manifest:
    manifest = manifest_of(path, **changed)
    cache.put(key, manifest, path, nobody)
    return manifest


def names(storage: Storage) -> list[str]:
    return sorted(each.name for each in storage.stored())


def refusal(cache: Cache, tmp_path: Path, recording: str = RECORDING) -> str:
    """Why an entry cannot be used: told by the run that ingests; the run that fetches takes it for absent."""
    assert cache.find(KEY, recording, nobody) is None
    with pytest.raises(StageError) as caught:
        cache.copy(KEY, cache.get(KEY, recording), tmp_path / "copy", nobody)
    assert caught.value.reason is Reason.NOT_IN_CACHE
    return str(caught.value)


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "cache")


def test_an_entry_comes_back_as_it_was_put(place: Place, tmp_path: Path) -> None:
    cache, path = Cache(place.storage), audio(tmp_path, os.urandom(9 << 20))
    manifest = put(cache, path)
    assert cache.get(KEY, RECORDING) == cache.find(KEY, RECORDING, nobody) == manifest
    assert sound_of(manifest.sound) == SOUND
    cache.copy(KEY, manifest, tmp_path / "copy", nobody)
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_every_fact_of_a_sound_survives() -> None:
    assert all(getattr(SOUND, field.name) != field.default for field in fields(Sound))
    assert sound_of(tracks_in(SOUND)) == SOUND


def test_the_longest_recording_fits_a_receipt() -> None:
    whole = 360_000 * SAMPLE_RATE * 2  # noise: FLAC makes nothing smaller of it
    receipt = Receipt(result="Succeeded", seconds=1.0, cached=Cached(bytes=whole))
    assert decode(encode(receipt)).cached == Cached(bytes=whole)


@pytest.mark.parametrize("damage", ["cut", "flipped", "grown", "gone", "manifest gone", "no manifest"])
def test_what_was_damaged_counts_as_absent_and_is_replaced(
    damage: str, storage: FolderStorage, tmp_path: Path
) -> None:
    cache, path = Cache(storage), audio(tmp_path)
    put(cache, path)
    sound, facts = sorted((tmp_path / "cache").iterdir())
    if sound.suffix != ".flac":
        sound, facts = facts, sound
    content = sound.read_bytes()
    spoil: dict[str, Callable[[], object]] = {
        "cut": lambda: sound.write_bytes(content[:-1]),
        "flipped": lambda: sound.write_bytes(b"x" + content[1:]),
        "grown": lambda: sound.write_bytes(content + b"x"),
        "gone": sound.unlink,
        "manifest gone": facts.unlink,
        "no manifest": lambda: facts.write_bytes(facts.read_bytes()[:-9]),
    }
    spoil[damage]()
    refusal(cache, tmp_path)
    manifest = put(cache, path)
    assert cache.find(KEY, RECORDING, nobody) == manifest


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"recording": "youtube:another"}, "is of youtube:another"),
        ({"decoder": "0" * 16}, "different images"),
        ({"version": 2}, "not one of this version"),
        ({"samples": 0}, "not one of this version"),
        ({"title": "x" * 70_000}, "too long"),
        ({"sha256": "0" * 64}, "no audio"),
        ({"bytes": 15}, "14 bytes of audio"),
    ],
)
def test_an_entry_that_says_something_else_counts_as_absent(
    changed: dict[str, object], why: str, storage: FolderStorage, tmp_path: Path
) -> None:
    cache, path = Cache(storage), audio(tmp_path)
    put(cache, path)
    storage.write(f"{KEY}.json", [manifest_of(path, **changed).model_dump_json().encode()])
    assert why in refusal(cache, tmp_path)


def test_another_version_of_the_decoder_decodes_again(
    storage: FolderStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, path = Cache(storage), audio(tmp_path)
    put(cache, path)
    raised = {**STAGE_VERSION, Stage.DECODE: STAGE_VERSION[Stage.DECODE] + 1}
    monkeypatch.setattr("ingest_contract.stages.STAGE_VERSION", raised)
    assert "another version" in refusal(cache, tmp_path)


def test_two_writers_of_different_audio_leave_an_entry_that_fits(
    storage: FolderStorage, tmp_path: Path
) -> None:
    """In every order of their four writes: a site may serve another file the second time."""
    writes = [
        [(f"{KEY}.{manifest.audio}.flac", path.read_bytes()), (f"{KEY}.json", manifest.to_json().encode())]
        for path in (audio(tmp_path / "1", b"one"), audio(tmp_path / "2", b"two, longer"))
        for manifest in [manifest_of(path)]
    ]
    for order in sorted(set(itertools.permutations([0, 0, 1, 1]))):
        waiting = [list(each) for each in writes]
        for writer in order:
            name, content = waiting[writer].pop(0)
            storage.write(name, [content])
        assert Cache(storage).find(KEY, RECORDING, nobody) is not None, order
        Cache(storage).remove(KEY)
        assert names(storage) == []


def test_two_real_writers_at_once_are_harmless(place: Place, tmp_path: Path) -> None:
    paths = [audio(tmp_path / str(number), bytes([number]) * (1 << 20)) for number in range(4)]
    writers = [threading.Thread(target=put, args=(Cache(place.storage), path)) for path in paths]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(180)
    found = Cache(place.storage).find(KEY, RECORDING, nobody)
    assert found in [manifest_of(path) for path in paths]


def test_the_manifest_is_written_last_and_removed_first(tmp_path: Path) -> None:
    noted: list[str] = []

    class Noting(FolderStorage):
        def write(self, name: str, blocks: object, /) -> None:
            noted.append(f"write {name.rpartition('.')[2]}")
            super().write(name, blocks)  # type: ignore[arg-type]  # passed on

        def remove(self, name: str, /) -> None:
            noted.append(f"remove {name.rpartition('.')[2]}")
            super().remove(name)

    cache = Cache(Noting(tmp_path / "cache"))
    put(cache, audio(tmp_path))
    cache.remove(KEY)
    assert noted == ["write flac", "write json", "remove json", "remove flac"]


def test_an_entry_is_removed_whole_and_no_other_with_it(place: Place, tmp_path: Path) -> None:
    cache = Cache(place.storage)
    for number, key in enumerate((KEY, KEY, OTHER)):
        put(cache, audio(tmp_path, f"fLaC {number}".encode()), key)
    cache.remove(KEY)
    assert {name.partition(".")[0] for name in names(place.storage)} == {OTHER}
    cache.remove(KEY)


def test_an_entry_goes_with_the_last_who_wants_it(place: Place, tmp_path: Path) -> None:
    cache, other = Cache(place.storage), put(Cache(place.storage), audio(tmp_path, b"other"), OTHER)
    one, two = (mark_name(KEY, batch, 7) for batch in ("team/one", "team/two"))
    cache.want(one)
    manifest = put(cache, audio(tmp_path))
    cache.want(two)
    for mark in (one, one):  # a run that is repeated says it again
        cache.leave(KEY, mark)
        assert cache.find(KEY, RECORDING, nobody) == manifest
    cache.leave(KEY, two)
    assert {name.partition(".")[0] for name in names(place.storage)} == {OTHER}
    assert cache.find(OTHER, RECORDING, nobody) == other


def test_an_entry_that_is_of_no_use_goes_and_who_wants_it_still_does(
    storage: FolderStorage, tmp_path: Path
) -> None:
    cache, mark = Cache(storage), mark_name(KEY, "team/one", 7)
    cache.want(mark)
    put(cache, audio(tmp_path))
    cache.remove(KEY)
    assert names(storage) == [mark]


def test_a_batch_that_is_gone_wants_nothing_after_a_week(storage: FolderStorage, tmp_path: Path) -> None:
    cache = Cache(storage)
    gone, late = (mark_name(KEY, batch, 7) for batch in ("team/gone", "team/late"))
    for mark in (gone, late):
        cache.want(mark)
    put(cache, audio(tmp_path))
    os.utime(tmp_path / "cache" / gone, (time.time() - LEFTOVER_SECONDS - 60,) * 2)
    cache.leave(KEY, late)
    assert names(storage) == []


def test_what_a_killed_writer_left_goes_with_its_entry_and_what_is_being_written_stays(
    storage: FolderStorage, tmp_path: Path
) -> None:
    cache = Cache(storage)
    put(cache, audio(tmp_path))
    old, new = (f".{KEY}.json.{digit * 32}.part" for digit in "de")
    for name in (old, new):
        (tmp_path / "cache" / name).write_bytes(b"half")
    os.utime(tmp_path / "cache" / old, (time.time() - 3600,) * 2)
    cache.remove(KEY)
    assert names(storage) == [new]


def test_leftovers_go_by_age_but_not_the_one_in_use_nor_what_is_not_ours(
    storage: FolderStorage, tmp_path: Path
) -> None:
    cache, root = Cache(storage), tmp_path / "cache"
    for key in (KEY, OTHER, "c" * 40):
        put(cache, audio(tmp_path), key)
    draft = f".{OTHER}.json.{'d' * 32}.part"
    for name in (
        draft,
        mark_name(OTHER, "team/one", 7),
        f"{'e' * 32}.try",
        "README",
        f"{OTHER}.txt",
        f"{'f' * 41}.json",
    ):
        (root / name).write_bytes(b"x")
    old = time.time() - LEFTOVER_SECONDS - 60
    for path in root.iterdir():
        if not path.name.startswith("c" * 40):
            os.utime(path, (old, old))
    assert cache.sweep(KEY) == 5
    assert sorted({name.partition(".")[0] for name in names(storage)}) == sorted(
        ["README", KEY, OTHER, "c" * 40, "f" * 41]
    )
    assert (root / f"{OTHER}.txt").exists()
    assert cache.sweep(KEY) == 0


def test_a_place_that_is_away_is_reported_before_anything_is_downloaded(place: Place, tmp_path: Path) -> None:
    Cache(place.storage).rehearse()
    assert names(place.storage) == []
    away = Cache(place.away())
    tries: list[Callable[[], object]] = [
        away.rehearse,
        lambda: away.find(KEY, RECORDING, nobody),
        lambda: put(away, audio(tmp_path)),
    ]
    for work in tries:
        with pytest.raises(StageError) as caught:
            work()
        assert caught.value.reason is Reason.CACHE_UNAVAILABLE


def test_a_full_scratch_disk_is_not_the_caches_fault(storage: FolderStorage, tmp_path: Path) -> None:
    cache = Cache(storage)
    manifest = put(cache, audio(tmp_path))
    with pytest.raises(StageError) as caught:
        cache.copy(KEY, manifest, tmp_path / "missing" / "copy", nobody)
    assert caught.value.reason is Reason.SCRATCH_FULL
