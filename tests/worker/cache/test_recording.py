"""A recording from the cache, as the pipeline gets it: the same sound, or the reason why it must be fetched
again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.cache import cache_key, mark_name
from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.order import IngestOrder, Item
from ingest_contract.profile import FetchProfile
from ingest_worker import ingest as roles
from ingest_worker.audio.flac import pack
from ingest_worker.cache.entries import Cache, digest_of
from ingest_worker.cache.folder import FolderStorage
from ingest_worker.cache.manifest import Manifest, decoder_version, tracks_in
from ingest_worker.cache.recording import CachedRecording
from ingest_worker.domain import Sound
from ingest_worker.errors import StageError
from ingest_worker.interruption import Control, Interruption
from ingest_worker.session import Session
from tests.support.worker import order_for, place_in

ID = "url:0123456789abcdef"
KEY = cache_key("default/test", ID)
MARK = mark_name(KEY, "default/test", 0)
ITEM = Item(index=0, id=ID, url="https://example.org/talk", title="as planned")
SAMPLES = np.random.default_rng(0).integers(-9000, 9000, 20_001).astype("<i2")
SOUND = Sound(2, 1, "2 is silent", 3, 0.5, 0.125)


def nobody(_: float) -> None:
    pass


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "cache")


def put(
    storage: FolderStorage, folder: Path, samples: int = len(SAMPLES), content: bytes | None = None
) -> None:
    """Leave an entry that says so many samples, and whose FLAC file may be anything."""
    if content is None:
        SAMPLES.tofile(folder / "a.pcm")
        pack(folder / "a.pcm", len(SAMPLES), folder / "a.flac", nobody)
    else:
        (folder / "a.flac").write_bytes(content)
    size, digest = digest_of(folder / "a.flac")
    manifest = Manifest(
        recording=ID, decoder=decoder_version(), samples=samples, bytes=size, sha256=digest,
        title="as its source says", announced_seconds=1.25, language="de", sound=tracks_in(SOUND),
        fetch_seconds=1.0, decode_seconds=1.0,
    )  # fmt: skip
    Cache(storage).put(KEY, manifest, folder / "a.flac", nobody)


def left(storage: FolderStorage) -> int:
    return len(list(storage.stored()))


def cached(storage: FolderStorage, most_seconds: int = 3600) -> CachedRecording:
    return CachedRecording(Cache(storage), KEY, MARK, FetchProfile(max_duration_seconds=most_seconds))


def test_sound_title_and_length_are_those_that_the_fetch_found(
    storage: FolderStorage, tmp_path: Path
) -> None:
    put(storage, tmp_path)
    recording, scratch = cached(storage), tmp_path / "scratch"
    media = recording.fetch(ITEM, scratch, nobody)
    assert (media.title, media.duration_seconds) == ("as its source says", 1.25)
    assert media.language == "de"
    audio = recording.decode(media, scratch, nobody)
    assert (audio.samples, audio.sound) == (len(SAMPLES), SOUND)
    assert np.array_equal(audio.pcm(), SAMPLES)
    assert sorted(path.name for path in scratch.iterdir()) == ["audio.pcm"]
    assert left(storage) == 2  # it goes when the recording is final, and not before


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _, __: None, id="nothing was ever there"),
        pytest.param(lambda storage, folder: put(storage, folder, content=b"RIFF..."), id="no FLAC"),
        pytest.param(lambda storage, folder: put(storage, folder, len(SAMPLES) + 1), id="fewer samples"),
        pytest.param(lambda storage, folder: put(storage, folder, len(SAMPLES) - 1), id="more samples"),
        pytest.param(lambda storage, _: storage.write(f"{KEY}.json", [b"{}"]), id="no manifest"),
    ],
)
def test_an_entry_of_which_no_such_sound_comes_is_removed_and_fetched_again(
    spoil: Callable[[FolderStorage, Path], object], storage: FolderStorage, tmp_path: Path
) -> None:
    spoil(storage, tmp_path)
    recording, scratch = cached(storage), tmp_path / "scratch"
    with pytest.raises(StageError) as caught:
        recording.decode(recording.fetch(ITEM, scratch, nobody), scratch, nobody)
    assert caught.value.reason is Reason.NOT_IN_CACHE
    assert left(storage) == 0
    assert list(scratch.iterdir()) == []


def test_a_recording_that_is_too_long_for_this_batch_is_that(storage: FolderStorage, tmp_path: Path) -> None:
    put(storage, tmp_path)
    with pytest.raises(StageError) as caught:
        cached(storage, most_seconds=1).fetch(ITEM, tmp_path / "scratch", nobody)
    assert caught.value.reason is Reason.TOO_LONG


def order_from_cache(tmp_path: Path, *, is_last: bool = False) -> IngestOrder:
    place = place_in(tmp_path, tmp_path / "models").model_copy(update={"cache": str(tmp_path / "cache")})
    return order_for(tmp_path / "x.wav", place, item=ITEM, is_last=is_last)


def ended(order: IngestOrder, error: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends so; up to its end, its entry is in the cache."""

    def carry_out(*_: object) -> None:
        assert left(FolderStorage(Path(str(order.place.cache)))) == 2
        if error is not None:
            raise error

    monkeypatch.setattr(roles, "_ingest", carry_out)
    try:
        roles.ingest(order, "", Session(None, Control(), born=0.0))
    except (StageError, Interruption, MemoryError) as raised:
        assert raised is error  # noqa: PT017 -- a run that succeeds raises nothing


ENDS = {
    Verdict.SKIP: (0, 0),
    Verdict.GIVE_UP: (0, 0),
    Verdict.RETRY: (2, 0),
    Verdict.RETRY_ELSEWHERE: (2, 0),
    Verdict.RETRY_SMALLER: (2, 0),
    Verdict.RETRY_LATER: (2, 2),
    Verdict.STOP_BATCH: (2, 2),
    Verdict.FORGIVE: (2, 2),
}
"""Files that stay in the cache after a run, and after the last run."""


@pytest.mark.parametrize("is_last", [False, True], ids=["others may follow", "the last"])
def test_what_lies_in_the_cache_goes_when_the_recording_is_final_and_stays_for_its_next_run(
    storage: FolderStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_last: bool
) -> None:
    order = order_from_cache(tmp_path, is_last=is_last)
    for verdict, stays in ENDS.items():
        reason = next(each for each, row in FAILURES.items() if row.verdict is verdict and row.exit_code)
        put(storage, tmp_path, content=b"fLaC")
        ended(order, StageError(reason), monkeypatch)
        assert left(storage) == stays[is_last], reason
    put(storage, tmp_path, content=b"fLaC")
    ended(order, Interruption(StageError(Reason.INTERRUPTED)), monkeypatch)
    assert left(storage) == 2
    ended(order, MemoryError(), monkeypatch)  # typed where the process ends
    assert left(storage) == (0 if is_last else 2)
    put(storage, tmp_path, content=b"fLaC")
    ended(order, None, monkeypatch)
    assert left(storage) == 0


def test_a_removal_that_fails_is_no_failure_of_the_run(
    storage: FolderStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise StageError(Reason.CACHE_UNAVAILABLE, "the server is away")

    put(storage, tmp_path, content=b"fLaC")
    monkeypatch.setattr(Cache, "remove", away)
    with caplog.at_level("WARNING", "ingest_worker"):
        ended(order_from_cache(tmp_path), None, monkeypatch)
    assert [record.action for record in caplog.records] == ["leave-in-cache"]  # type: ignore[attr-defined]  # of our own
    assert "the server is away" in caplog.text


def test_an_order_without_a_cache_has_none(tmp_path: Path) -> None:
    order = order_from_cache(tmp_path)
    assert roles.cached_recording(order) is not None
    inline = order.model_copy(update={"place": order.place.model_copy(update={"cache": None})})
    assert roles.cached_recording(inline) is None
