"""The cache that an order names. Called by the two roles that use it: `prefetch` and `ingest`."""

from pathlib import Path
from typing import Final

from ingest_contract.failures import Reason
from ingest_contract.place import Place
from ingest_worker.cache.entries import Cache
from ingest_worker.cache.folder import FolderStorage
from ingest_worker.cache.objects import ObjectStorage, s3
from ingest_worker.errors import StageError

_SCHEME: Final = "s3://"


def cache_at(place: Place) -> Cache:
    """The cache, which is neither asked nor written to yet. Raises `StageError(ORDER_INVALID)` where the
    order names none."""
    if place.cache is None:
        raise StageError(Reason.ORDER_INVALID, "The order names no cache.")
    if place.cache.startswith(_SCHEME):
        return Cache(ObjectStorage(s3(place.cache_endpoint), place.cache.removeprefix(_SCHEME)))
    return Cache(FolderStorage(Path(place.cache)))
