"""A Fetch order from beginning to end: fetch a recording, decode it, and leave its audio in the cache.

Called by `process`. Needs no GPU and no model: it runs where the internet is, and what it leaves is
ingested where the GPU is. An entry that is there already, whole, is not fetched again.
"""

import hashlib
import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from ingest_contract.cache import Cached, cache_key, mark_name
from ingest_contract.order import FetchOrder
from ingest_contract.stages import Stage
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.audio.flac import pack
from ingest_worker.cache.entries import Cache, digest_of
from ingest_worker.cache.manifest import CachedCaptions, Manifest, decoder_version, sound_of, tracks_in
from ingest_worker.cache.opening import cache_at
from ingest_worker.captions.form import encoded
from ingest_worker.captions.values import CaptionFile, Captions, NoCaptions
from ingest_worker.domain import Audio, Media, Sound
from ingest_worker.errors import StageError
from ingest_worker.fetched_audio import decoded
from ingest_worker.pipeline import RunObserver
from ingest_worker.ports import Decoder, Fetcher, Report
from ingest_worker.session import Session

_DECODED_SHARE: Final = 0.8
_PACKED_SHARE: Final = 0.9
"""Of the stage `decode`: how far it is when the audio is decoded, and when it is FLAC."""

log = logging.getLogger(__name__)


def prefetch(order: FetchOrder, dsn: str, session: Session) -> None:
    """Carry out the order. What is known about the run is in the session, however this ends.

    Args:
        order: What to fetch, and which cache to leave it in.
        dsn: The store's address, for recordings whose own address a plan left there, and for those that have
            no sound; empty where there is none.
        session: The run.

    Raises:
        StageError: any reason of the kinds `Input` and `Source`; `CACHE_UNAVAILABLE`, `SCRATCH_FULL`.
        Interruption: the run was asked to end; nothing was left in the cache.
    """
    from ingest_worker.sources.apart import FetcherApart

    cache = cache_at(order.place)
    with session.shown(order.place, order.item.index) as observer:
        fetcher = FetcherApart(order.fetch, order.sites, session.met, order.captions)
        session.audio = prefetching = Prefetching(
            _addressed(order, dsn), cache, fetcher, LimitedDecoder(order.fetch), observer
        )
        try:
            session.cached = prefetching.run()
        except StageError as error:
            if dsn:
                from ingest_worker.claimed import remember_unfetched

                remember_unfetched(dsn, order, error, decoder_version())
            raise
    shutil.rmtree(order.place.scratch, ignore_errors=True)
    _sweep(cache, prefetching.key)


class Prefetching:
    """One recording on its way into the cache."""

    def __init__(
        self, order: FetchOrder, cache: Cache, fetcher: Fetcher, decoder: Decoder, observer: RunObserver
    ) -> None:
        self.key = cache_key(order.batch, order.item.id, order.captions)
        """The entry's name."""
        self._mark = mark_name(self.key, order.batch, order.item.index)
        self.sound: Sound | None = None
        """The decoded sound, once there is any."""
        self.media_seconds = 0.0
        """The recording's length, once it is known."""
        self._item, self._scratch, self._cache = order.item, Path(order.place.scratch), cache
        self._fetcher, self._decoder, self._observer = fetcher, decoder, observer

    def run(self) -> Cached:
        """What is in the cache now, for as long as this batch wants it. Raises as `prefetch`."""
        try:
            return self._fetched()
        except BaseException:
            with suppress(StageError):  # the failure itself is told
                self._cache.leave(self.key, self._mark)
            raise

    def _fetched(self) -> Cached:
        with self._observer.stage(Stage.FETCH) as (fetching, report):
            self._cache.want(self._mark)  # before anybody looks: another batch may be done with it in between
            manifest = self._cache.find(self.key, self._item.id, _part(report, 0.0, 0.0))
            if manifest is not None:
                fetching.resumed = True
                self.sound, self.media_seconds = sound_of(manifest.sound), manifest.seconds
                return Cached(bytes=manifest.bytes, found=True)
            self._cache.rehearse()
            media = self._fetcher.fetch(self._item, self._scratch, report)
        with self._observer.stage(Stage.DECODE) as (_, report):
            begun, tools = time.monotonic(), (self._fetcher, self._decoder)
            audio = decoded(tools, self._item, media, self._scratch, _part(report, 0.0, _DECODED_SHARE))
            self.media_seconds, self.sound = audio.seconds, audio.sound
            return self._put(media, audio, (fetching.seconds, time.monotonic() - begun), report)

    def _put(self, media: Media, audio: Audio, seconds: tuple[float, float], report: Report) -> Cached:
        """The audio as FLAC, in the cache. `seconds` are those of fetching and decoding it."""
        assert audio.sound is not None  # noqa: S101 -- it was decoded from media
        flac = self._scratch / "audio.flac"
        pack(audio.path, audio.samples, flac, _part(report, _DECODED_SHARE, _PACKED_SHARE))
        size, digest = digest_of(flac)
        captions = encoded(media.captions) if isinstance(media.captions, Captions) else None
        manifest = Manifest(
            recording=self._item.id,
            decoder=decoder_version(),
            samples=audio.samples,
            bytes=size,
            sha256=digest,
            title=media.title,
            announced_seconds=media.duration_seconds,
            language=media.language,
            sound=tracks_in(audio.sound),
            captions=_reported(media.captions, captions),
            fetch_seconds=seconds[0],
            decode_seconds=seconds[1],
        )
        self._cache.put(self.key, manifest, flac, _part(report, _PACKED_SHARE, 1.0), captions)
        report(1.0)
        return Cached(bytes=size)


def _reported(
    found: CaptionFile | Captions | NoCaptions | None, content: bytes | None
) -> CachedCaptions | None:
    """What the manifest says of captions; None if none were wanted."""
    if isinstance(found, NoCaptions):
        return CachedCaptions(problem=found.problem, message=found.message)
    if content is None:
        return None
    return CachedCaptions(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _part(report: Report, start: float, end: float) -> Report:
    """A report for a part of a stage's work."""
    return lambda share: report(start + share * (end - start))


def _addressed(order: FetchOrder, dsn: str) -> FetchOrder:
    """The order with the address to fetch from, including credentials, if a plan left one in the store."""
    if not dsn:
        return order
    from ingest_worker.store.addresses import address_of
    from ingest_worker.store.connect import connect

    with connect(dsn, application="fetch") as connection:
        address = address_of(connection, order.batch, order.item.id)
    if address is None:
        return order
    return order.model_copy(update={"item": order.item.model_copy(update={"url": address})})


def _sweep(cache: Cache, keep: str) -> None:
    """Remove what batches that are gone have left. A sweep that fails is the next one's work."""
    try:
        if removed := cache.sweep(keep):
            log.info("leftovers are removed from the cache", extra={"action": "sweep", "files": removed})
    except StageError as error:
        log.warning(
            "leftovers stay in the cache: %s",
            error,
            extra={"action": "leave-in-cache", "reason": error.reason.value},
        )
