"""A recording from the cache: `ports.Fetcher` and `ports.Decoder` of a run whose audio was fetched ahead.

Called by the pipeline through its ports. Reaches no source. An entry that is not what a fetch left is removed
here, so that it is fetched again.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from typing_extensions import override

from ingest_contract.captions import CaptionsProblem
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile import FetchProfile
from ingest_worker.audio.flac import unpack
from ingest_worker.cache.entries import Cache
from ingest_worker.cache.manifest import Manifest, sound_of
from ingest_worker.captions.form import decoded
from ingest_worker.captions.values import Captions, NoCaptions
from ingest_worker.domain import Audio, Media
from ingest_worker.errors import StageError
from ingest_worker.ports import Decoder, Fetcher, Report

_FLAC: Final = "cached.flac"

log = logging.getLogger(__name__)


class CachedRecording(Fetcher, Decoder):
    """One recording of one cache."""

    def __init__(self, cache: Cache, key: str, mark: str, fetch: FetchProfile) -> None:
        """`key` is the entry's, `mark` says that this batch wants it; `fetch` says how long a recording may
        be."""
        self._cache, self._key, self._mark, self._fetch = cache, key, mark, fetch
        self._manifest: Manifest | None = None

    @override
    def fetch(self, item: Item, into: Path, report: Report, /) -> Media:
        """The entry's FLAC file, copied below `into` and checked.

        Raises:
            StageError: `NOT_IN_CACHE`, `CACHE_UNAVAILABLE`, `SCRATCH_FULL`, `TOO_LONG`.
        """
        into.mkdir(parents=True, exist_ok=True)
        target = into / _FLAC
        try:
            self._manifest = manifest = self._cache.get(self._key, item.id)
            self._require_permitted(manifest)
            captions = self._captions(manifest)
            self._cache.copy(self._key, manifest, target, report)
        except StageError as error:
            target.unlink(missing_ok=True)
            if error.reason is Reason.NOT_IN_CACHE:
                self._tidied(self._cache.remove, self._key)
            raise
        report(1.0)
        return Media(target, manifest.title, manifest.announced_seconds, captions, manifest.language)

    def _captions(self, manifest: Manifest) -> Captions | NoCaptions | None:
        """The captions that were fetched with it. Raises `StageError(NOT_IN_CACHE)`."""
        said = manifest.captions
        if said is None:
            return None
        content = self._cache.captions(self._key, manifest)
        if content is None:
            return NoCaptions(said.problem or CaptionsProblem.NOT_OFFERED, said.message)
        try:
            return decoded(content)
        except ValueError as error:
            raise StageError(Reason.NOT_IN_CACHE, f"the captions in the cache are none: {error}") from error

    def _require_permitted(self, manifest: Manifest) -> None:
        """Another batch may have fetched it, for which longer recordings are allowed."""
        most = self._fetch.max_duration_seconds
        if manifest.seconds > most:
            raise StageError(
                Reason.TOO_LONG, f"the audio is longer than the {most} s that the profile allows"
            )

    @override
    def confirm(self, item: Item, media: Media, /) -> None:
        """Our own copy cannot have changed."""

    @override
    def decode(self, media: Media, into: Path, report: Report, /) -> Audio:
        """The PCM that the run that fetched decoded, byte for byte, as `into/audio.pcm`.

        Raises:
            StageError: `NOT_IN_CACHE` for a file of which no such audio comes, `SCRATCH_FULL`,
                `HOST_OUT_OF_MEMORY`, `INTERRUPTED`.
        """
        manifest = self._manifest
        assert manifest is not None  # noqa: S101 -- the pipeline fetches first
        target, part = into / "audio.pcm", into / "audio.pcm.part"
        target.with_suffix(".json").unlink(missing_ok=True)  # of what another run on this disk decoded itself
        try:
            unpack(media.path, manifest.samples, part, report)
        except StageError as error:
            part.unlink(missing_ok=True)
            if error.reason is not Reason.UNDECODABLE:
                raise
            self._tidied(self._cache.remove, self._key)
            raise StageError(Reason.NOT_IN_CACHE, str(error)) from error
        finally:
            media.path.unlink(missing_ok=True)
        part.replace(target)
        report(1.0)
        return Audio(target, manifest.samples, sound_of(manifest.sound))

    def discard(self) -> None:
        """Leave the entry: it goes, unless another batch wants it."""
        self._tidied(self._cache.leave, self._key, self._mark)

    def _tidied(self, tidy: Callable[..., None], *what: str) -> None:
        """An entry that stays costs room for some days, and is no failure of the run."""
        try:
            tidy(*what)
        except StageError as error:
            log.warning(
                "the recording stays in the cache: %s",
                error,
                extra={"action": "leave-in-cache", "reason": error.reason.value},
            )
