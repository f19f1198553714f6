"""An entry of the cache, where a fetch leaves the audio of a recording for its ingest: its name, and what a
Receipt says of it. Pure.

Worker and local backend make the same name from the same facts, so neither has to be told. The namespace is
part of it: what one team may fetch with its cookies is no gift to all others that share the cache.
"""

import hashlib
import json

from ingest_contract.base import BatchName, ContractModel, ItemId, SumOfMany
from ingest_contract.captions import CaptionsWish


class Cached(ContractModel):
    """What a fetch left in the cache."""

    bytes: SumOfMany
    """Size of the audio: of twelve hours more than a billion."""

    found: bool = False
    """Whether it was there already, whole: nothing was downloaded."""


def cache_key(batch: BatchName, item_id: ItemId, captions: CaptionsWish | None = None) -> str:
    """The name of the entry, 40 hex digits: the same for every batch of a namespace that wants the same
    captions with it."""
    facts = [batch.partition("/")[0], item_id]
    if captions is not None:
        facts.append(captions.to_json())
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:40]
