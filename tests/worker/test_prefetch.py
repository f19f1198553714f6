"""Fetching ahead: what a Fetch order leaves in the cache, what it reports, and how it ends."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest_contract.cache import Cached, cache_key, is_mark, mark_name
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import FetchOrder, Item
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.stages import Stage
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.cache.entries import LEFTOVER_SECONDS, Cache
from ingest_worker.cache.opening import cache_at
from ingest_worker.cache.recording import CachedRecording
from ingest_worker.domain import SAMPLE_RATE, Media, Sound
from ingest_worker.errors import StageError
from ingest_worker.interruption import Control, Interruption
from ingest_worker.ports import Report
from ingest_worker.prefetch import Prefetching, prefetch
from ingest_worker.session import Session
from ingest_worker.stopwatch import Timing
from testkit.media.server import serving
from testkit.media.tones import FORMATS, make, silent_film
from tests.support.ports import Studio
from tests.support.worker import NOTING, TRACE, Ended, Worker, imported, place_in
from tests.worker.audio.heard import tone, wave

ID = "url:0123456789abcdef"
KEY = cache_key("default/test", ID)


def nobody(_: float) -> None:
    pass


def order_for(url: str, folder: Path, **fetch: Any) -> FetchOrder:
    folder.mkdir(parents=True, exist_ok=True)
    place = place_in(folder, folder / "no-models")
    allow = AllowedSources(private_addresses=True, folders=(str(folder.parent),))
    return FetchOrder(
        trace_id=TRACE,
        batch="default/test",
        item=Item(index=0, id=ID, url=url),
        run=1,
        fetch=FetchProfile(allow=allow, **fetch),
        place=place.model_copy(update={"cache": str(folder.parent / "cache")}),
    )


class Run:
    """One run in this process, with a studio for source and decoder."""

    def __init__(self, tmp_path: Path, studio: Studio) -> None:
        self.order = order_for("https://example.org/talk", tmp_path / "run")
        self.cache, self.control = cache_at(self.order.place), Control()
        self.session, self.studio = Session(None, self.control, born=0.0), studio

    def go(self) -> Cached:
        with self.session.shown(self.order.place) as observer:
            work = Prefetching(self.order, self.cache, self.studio, self.studio, observer)
            self.session.audio = work
            self.session.cached = work.run()
        return self.session.cached


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path, Studio(sound=Sound(2, 1, "2 is silent", gain=0.123456789)))


@pytest.fixture
def media(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which it is served."""
    (tmp_path / "site").mkdir()
    with serving(tmp_path / "site") as url:
        yield tmp_path / "site", url


def left(run: FetchOrder) -> list[str]:
    """Names of entries in the cache."""
    return [name for name in everything(run) if not is_mark(name)]


def everything(run: FetchOrder) -> list[str]:
    assert run.place.cache is not None
    cache = Path(run.place.cache)
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def ingest_of(order: FetchOrder) -> CachedRecording:
    """What the ingest of the same recording and batch has of the cache."""
    mark = mark_name(KEY, order.batch, order.item.index)
    return CachedRecording(cache_at(order.place), KEY, mark, order.fetch)


def fetched(order: FetchOrder, folder: Path, **how: Any) -> Ended:
    """The worker as a process, without the address of a store."""
    return Worker(order, "", folder, **how).end()


def test_a_recording_is_fetched_decoded_and_left_for_its_ingest(
    media: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = media
    path = make(folder / "film.mp4", **FORMATS["film.mp4"])  # type: ignore[arg-type]  # a table of keyword arguments
    order = order_for(f"{url}/film.mp4", tmp_path / "run")
    ended = fetched(order, tmp_path / "run")
    assert ended.code == 0, ended.log
    receipt = ended.receipt
    assert receipt is not None
    assert set(receipt.stages) == {Stage.FETCH, Stage.DECODE}
    assert receipt.tracks is not None
    assert receipt.media_seconds == pytest.approx(6.0, abs=0.06)
    assert receipt.cached is not None
    sizes = {name.rpartition(".")[2]: (tmp_path / "cache" / name).stat().st_size for name in left(order)}
    assert receipt.cached == Cached(bytes=sizes["flac"], found=False)
    assert not Path(order.place.scratch).exists()

    inline = LimitedDecoder(order.fetch).decode(Media(path, "film", None), tmp_path / "inline", nobody)
    again = ingest_of(order)
    ahead = again.decode(again.fetch(order.item, tmp_path / "b", nobody), tmp_path / "b", nobody)
    assert ahead.path.read_bytes() == inline.path.read_bytes()
    assert (ahead.samples, ahead.sound) == (inline.samples, inline.sound)


def test_what_is_there_already_is_not_fetched_again(media: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = media
    make(folder / "talk.mp3", **FORMATS["talk.mp3"])  # type: ignore[arg-type]  # a table of keyword arguments
    order = order_for(f"{url}/talk.mp3", tmp_path / "run")
    first = fetched(order, tmp_path / "run")
    (folder / "talk.mp3").unlink()
    second = fetched(order, tmp_path / "run")
    assert (first.code, second.code) == (0, 0), second.log
    assert first.receipt is not None
    assert first.receipt.cached is not None
    assert second.receipt is not None
    assert second.receipt.cached == Cached(bytes=first.receipt.cached.bytes, found=True)
    assert second.receipt.media_seconds == first.receipt.media_seconds
    assert second.receipt.tracks == first.receipt.tracks
    assert set(second.receipt.stages) == {Stage.FETCH}


def test_no_engine_no_site_and_no_database_is_imported(tmp_path: Path) -> None:
    wave(tmp_path / "talk.wav", [tone(1, rate=SAMPLE_RATE)])
    ended = fetched(
        order_for(str(tmp_path / "talk.wav"), tmp_path / "run"), tmp_path / "run", program=("-c", NOTING)
    )
    assert ended.code == 0, ended.log
    packages = {name.partition(".")[0] for name in imported(tmp_path / "run")}
    assert "ingest_worker" in packages
    assert not packages & {
        "torch", "ctranslate2", "faster_whisper", "pyannote", "sentence_transformers", "transformers",
        "psycopg", "yt_dlp", "av",
    }  # fmt: skip


def test_a_recording_without_sound_ends_here_with_its_reason(tmp_path: Path) -> None:
    order = order_for(str(silent_film(tmp_path / "silent.mp4")), tmp_path / "run")
    ended = fetched(order, tmp_path / "run")
    assert ended.code == FAILURES[Reason.NO_AUDIO_TRACK].exit_code
    assert ended.receipt is not None
    assert (ended.receipt.reason, ended.receipt.stage) == (Reason.NO_AUDIO_TRACK, Stage.DECODE)
    assert ended.receipt.cached is None
    assert left(order) == []


def test_a_recording_that_is_gone_ends_here_with_its_reason(media: tuple[Path, str], tmp_path: Path) -> None:
    order = order_for(f"{media[1]}/gone.mp3", tmp_path / "run")
    ended = fetched(order, tmp_path / "run")
    assert ended.code == FAILURES[Reason.NOT_FOUND].exit_code
    assert ended.receipt is not None
    assert (ended.receipt.reason, ended.receipt.stage) == (Reason.NOT_FOUND, Stage.FETCH)
    assert left(order) == []


def test_a_worker_that_is_asked_to_end_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(0, 0.2, 1200 * SAMPLE_RATE).astype(np.float32)
    wave(tmp_path / "long.wav", [samples])
    order = order_for(str(tmp_path / "long.wav"), tmp_path / "run")
    worker = Worker(order, "", tmp_path / "run")
    worker.signal_in("decode", signal.SIGTERM)
    ended = worker.end()
    assert ended.code == FAILURES[Reason.INTERRUPTED].exit_code
    assert ended.receipt is not None
    assert ended.receipt.reason is Reason.INTERRUPTED
    assert left(order) == []


@pytest.mark.parametrize("stage", ["fetch", "decode"])
@pytest.mark.parametrize("reason", [Reason.PRIVATE, Reason.DRM_PROTECTED, Reason.BOT_CHECK])
def test_whatever_a_source_says_is_the_end_of_the_run_and_nothing_is_left(
    stage: str, reason: Reason, run: Run
) -> None:
    run.studio.fails[stage] = StageError(reason, "as the site says", retry_after_seconds=77)
    with pytest.raises(StageError) as caught:
        run.go()
    assert caught.value.reason is reason
    assert run.session.receipt(caught.value).retry_after_seconds == 77
    assert left(run.order) == []


@pytest.mark.parametrize("stage", ["fetch", "decode"])
def test_a_run_that_must_end_ends_at_its_next_report(stage: str, run: Run) -> None:
    run.studio.meets[stage] = lambda: run.control.stop(StageError(Reason.INTERRUPTED))
    with pytest.raises(Interruption):
        run.go()
    assert left(run.order) == []


def test_media_that_changed_meanwhile_are_not_left_in_the_cache(run: Run) -> None:
    run.studio.fails["confirm"] = StageError(Reason.SOURCE_CHANGED)
    with pytest.raises(StageError) as caught:
        run.go()
    assert caught.value.reason is Reason.SOURCE_CHANGED
    assert left(run.order) == []


def test_a_cache_that_cannot_be_written_is_reported_before_anything_is_downloaded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(StageError, match="Read-only file system") as caught:
        run.cache.rehearse()
    monkeypatch.undo()
    monkeypatch.setattr(Cache, "rehearse", lambda _: (_ for _ in ()).throw(caught.value))
    with pytest.raises(StageError) as again:
        run.go()
    assert again.value.reason is Reason.CACHE_UNAVAILABLE
    assert run.studio.asked == []


def test_a_cache_that_fills_up_meanwhile_is_reported_and_nothing_is_left(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = Path.replace

    def full(path: Path, target: Path) -> Path:
        if target.suffix == ".json" and "cache" in str(target.parent):
            raise OSError(28, "No space left on device")
        return replaced(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StageError, match="No space left on device") as caught:
        run.go()
    assert caught.value.reason is Reason.CACHE_UNAVAILABLE
    assert left(run.order) == []


def test_a_damaged_entry_is_fetched_again(run: Run, tmp_path: Path) -> None:
    run.go()
    (sound,) = (tmp_path / "cache").glob("*.flac")
    sound.write_bytes(sound.read_bytes()[:-1] + b"?")
    assert run.go().found is False
    assert run.go().found is True
    assert run.studio.asked == ["fetch", "decode"] * 2


def test_what_two_batches_want_is_fetched_once_and_stays_until_both_are_done(
    run: Run, tmp_path: Path
) -> None:
    first = run.order
    run.go()
    run.order = second = first.model_copy(update={"batch": "default/other"})
    assert run.go().found is True
    ingest_of(first).discard()
    ingest = ingest_of(second)
    ingest.decode(ingest.fetch(second.item, tmp_path / "b", nobody), tmp_path / "b", nobody)
    ingest.discard()
    assert everything(first) == []
    assert run.studio.asked == ["fetch", "decode"]


def test_a_batch_that_is_done_while_another_one_fetches_takes_nothing_away(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run.order
    run.go()
    run.order = first.model_copy(update={"batch": "default/other"})
    found = run.cache.find

    def after_the_other_is_done(*what: Any) -> Any:
        ingest_of(first).discard()
        return found(*what)

    monkeypatch.setattr(run.cache, "find", after_the_other_is_done)  # the worst moment for it
    assert run.go().found is True
    assert len(left(first)) == 2


def test_a_fetch_that_fails_wants_nothing_any_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> Media:
        raise StageError(Reason.PRIVATE, "private")

    monkeypatch.setattr(run.studio, "fetch", gone)
    with pytest.raises(StageError, match="private"):
        run.go()
    assert everything(run.order) == []


def test_an_entry_of_another_namespace_is_not_found(run: Run) -> None:
    run.go()
    run.order = run.order.model_copy(update={"batch": "other/test"})
    assert run.go().found is False
    assert len(left(run.order)) == 4


def test_progress_never_goes_back(run: Run) -> None:
    shares: list[tuple[Stage, float]] = []
    with run.session.shown(run.order.place) as shown:

        class Noting:
            @contextmanager
            def stage(self, stage: Stage) -> Iterator[tuple[Timing, Report]]:
                with shown.stage(stage) as (timing, _):
                    yield timing, lambda share: shares.append((stage, share))

        Prefetching(run.order, run.cache, run.studio, run.studio, Noting()).run()  # type: ignore[arg-type]  # as much of an observer as it needs
    for stage in (Stage.FETCH, Stage.DECODE):
        told = [share for where, share in shares if where is stage]
        assert told == sorted(told)
        assert told[-1] == 1.0


def test_leftovers_go_after_a_week_and_one_that_cannot_go_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave(tmp_path / "talk.wav", [tone(1, rate=SAMPLE_RATE)])
    order = order_for(str(tmp_path / "talk.wav"), tmp_path / "run")
    (tmp_path / "cache").mkdir()
    leftover = tmp_path / "cache" / f"{'c' * 40}.json"
    leftover.write_text("{}")
    os.utime(leftover, (old := time.time() - LEFTOVER_SECONDS - 60, old))
    assert fetched(order, tmp_path / "run").code == 0
    assert len(left(order)) == 2

    def away(*_: object) -> int:
        raise StageError(Reason.CACHE_UNAVAILABLE, "away")

    monkeypatch.setattr(Cache, "sweep", away)
    session = Session(None, Control(), born=0.0)
    prefetch(order, "", session)
    assert session.cached is not None
    assert session.cached.found
