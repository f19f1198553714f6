"""Fetched ahead beside fetched inline, as processes with real models and a real Postgres: the same result,
word for word, from a run that meets no source."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import LiteralString

import av
import numpy as np
import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import FetchOrder, IngestOrder, Item
from ingest_contract.receipt import Receipt
from ingest_contract.stages import KEPT, Stage
from ingest_worker.cache.manifest import decoder_version
from ingest_worker.store.connect import connect
from ingest_worker.store.reads import stored
from testkit.media.server import serving
from testkit.media.tones import silent_film
from testkit.models.demo_set import models
from tests.support.demo_store import demo_store
from tests.support.worker import NOTING, TRACE, Ended, Worker, imported, order_for, place_in
from tests.worker.test_pipeline_process import sample

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(900)]


SECONDS = 13
"""Of the call that are heard: both women speak."""


@dataclass(frozen=True)
class Both:
    """A recording ingested in each way, and what is left of it."""

    inline: Ended
    fetch: Ended
    ahead: Ended
    order: IngestOrder
    """Of the run ahead."""
    folder: Path
    store: str

    def stored(self, query: LiteralString) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        """What the store has of each."""
        with connect(self.store, application="test") as connection:
            inline, ahead = (
                connection.execute(query, [name]).fetchall() for name in ("url:inline", "url:ahead")
            )
        return inline, ahead


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with demo_store() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def both(store: str, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("ahead")
    (folder / "site").mkdir()
    hot_film(folder / "site" / "call.mkv")
    with serving(folder / "site") as url:
        inline = order_of("url:inline", f"{url}/call.mkv", folder / "inline")
        ahead = order_of("url:ahead", f"{url}/call.mkv", folder / "ahead", cache=folder / "cache")
        ended = Worker(inline, store, folder / "inline").end()
        fetch = Worker(fetch_of(ahead, folder / "fetch"), "", folder / "fetch").end()
    # the site is gone now
    last = Worker(ahead, store, folder / "ahead", ("-c", NOTING)).end()
    return Both(ended, fetch, last, ahead, folder, store)


def hot_film(path: Path) -> None:
    """The call as floats far beyond full scale at another rate, on two channels: what comes out of it depends
    on everything that decoding does."""
    with av.open(str(sample())) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("pcm_f32le", rate=44_100, layout="stereo")
        resampler = av.AudioResampler("flt", "stereo", 44_100)
        for frame in (*takewhile(lambda frame: frame.time < SECONDS, source.decode(audio=0)), None):
            for each in resampler.resample(frame):
                loud = av.AudioFrame.from_ndarray(each.to_ndarray() * np.float32(40), "flt", "stereo")
                loud.sample_rate, loud.pts = each.sample_rate, each.pts
                target.mux(stream.encode(loud))
        target.mux(stream.encode(None))


def order_of(name: str, url: str, folder: Path, cache: Path | None = None) -> IngestOrder:
    folder.mkdir()
    place = place_in(folder, models()).model_copy(update={"cache": str(cache) if cache else None})
    order = order_for(folder / "x", place, item=Item(index=0, id=name, url=url))
    allow = order.fetch.allow.model_copy(update={"private_addresses": True})
    return order.model_copy(update={"fetch": order.fetch.model_copy(update={"allow": allow})})


def fetch_of(order: IngestOrder, folder: Path) -> FetchOrder:
    folder.mkdir()
    place = place_in(folder, folder / "no-models").model_copy(update={"cache": order.place.cache})
    return FetchOrder(
        trace_id=TRACE, batch=order.batch, item=order.item, run=1, fetch=order.fetch, place=place
    )


def receipt_of(ended: Ended) -> Receipt:
    assert ended.code == 0, ended.log
    assert ended.receipt is not None
    return ended.receipt


def test_the_same_is_stored_word_for_word(both: Both) -> None:
    receipts = [receipt_of(each) for each in (both.inline, both.fetch, both.ahead)]
    assert receipts[0].tracks is not None
    assert receipts[0].tracks.gain < 1
    assert receipts[0].tracks == receipts[1].tracks == receipts[2].tracks
    assert receipts[0].media_seconds == receipts[1].media_seconds == receipts[2].media_seconds
    assert (receipts[0].coverage, receipts[0].quality) == (receipts[2].coverage, receipts[2].quality)
    for query in (
        "select title, duration_seconds from ingest.recording where id = %s",
        "select pipeline_hash from ingest.run where recording = %s",
        "select start_seconds, end_seconds, text from current_segments where recording = %s order by seq",
        "select stage, stage_hash, content from ingest.artifact where recording = %s order by stage",
    ):
        inline, ahead = both.stored(query)
        assert inline == ahead
        assert inline


def test_a_run_from_the_cache_meets_no_source(both: Both) -> None:
    found = imported(both.folder / "ahead")
    assert "torch" in found
    assert not [name for name in found if name.startswith(("yt_dlp", "ingest_worker.sources"))]


def test_the_audio_is_gone_from_the_cache_when_the_result_is_stored(both: Both) -> None:
    assert receipt_of(both.fetch).cached is not None
    assert list((both.folder / "cache").iterdir()) == []


def test_a_resumed_run_that_needs_no_audio_does_not_ask_the_cache(both: Both) -> None:
    receipt = receipt_of(Worker(both.order, both.store, both.folder / "ahead").end())
    assert {stage for stage, figures in receipt.stages.items() if figures.resumed} == set(KEPT)
    assert Stage.FETCH not in receipt.stages


def test_a_recording_that_is_not_in_the_cache_is_reported_as_that(both: Both, tmp_path: Path) -> None:
    order = order_of("url:absent", both.order.item.url, tmp_path / "run", cache=tmp_path / "cache")
    ended = Worker(order, both.store, tmp_path / "run").end()
    assert ended.code == FAILURES[Reason.NOT_IN_CACHE].exit_code
    assert ended.receipt is not None
    assert (ended.receipt.reason, ended.receipt.stage) == (Reason.NOT_IN_CACHE, Stage.FETCH)


def test_a_later_plan_leaves_out_what_a_fetch_has_found_to_have_no_sound(store: str, tmp_path: Path) -> None:
    film = silent_film(tmp_path / "silent.mp4")
    order = order_of("url:silent", str(film), tmp_path / "order", cache=tmp_path / "cache")
    allow = order.fetch.allow.model_copy(update={"folders": (str(tmp_path),)})
    fetching = order.model_copy(update={"fetch": order.fetch.model_copy(update={"allow": allow})})
    fetch = fetch_of(fetching, tmp_path / "run")
    ended = Worker(fetch, store, tmp_path / "run").end()
    assert ended.code == FAILURES[Reason.NO_AUDIO_TRACK].exit_code
    with connect(store, application="test") as connection:
        found = stored(connection, ["url:silent"])["url:silent"]
        claims = connection.execute("select count(*) from ingest.claim").fetchone()
    assert (found.reason, found.reason_pipeline_hash) == (Reason.NO_AUDIO_TRACK, decoder_version())
    assert claims == (0,)
