"""An entry of the cache, where a fetch leaves the audio of a recording for its ingest: its name, who still
wants it, and what a Receipt says of it. Pure.

Worker and local backend make the same names from the same facts, so neither has to be told. The namespace is
part of it: what one team may fetch with its cookies is no gift to all others that share the cache.
"""

import hashlib
import json
from typing import Final

from ingest_contract.base import BatchName, ContractModel, ItemId, SumOfMany
from ingest_contract.captions import CaptionsWish

MARK: Final = "wanted"
"""How the name of such a file ends."""


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


def mark_name(key: str, batch: BatchName, index: int) -> str:
    """The file that says that a recording of a batch still wants the entry `key`. It has nothing in it."""
    return f"{key}.{hashlib.sha256(f'{batch}#{index}'.encode()).hexdigest()[:16]}.{MARK}"


def is_mark(name: str) -> bool:
    """Whether a file of an entry says that somebody wants it."""
    return name.endswith(f".{MARK}") and not name.startswith(".")
