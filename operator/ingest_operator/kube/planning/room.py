"""How much memory plans may take, together and per namespace. Pure.

A plan is kept in memory as long as something of its batch runs or may start: a batch that is done, suspended
or failed takes no room. When room runs out, the namespace that takes most of it gives way: one namespace with
many large plans stalls its own batches and no others.
"""

from collections import Counter
from typing import Final

from ingest_operator.kube.watch.cache import Key

TOTAL_BYTES: Final = 160 * 1024 * 1024
"""Bytes of all plans: what an operator with the chart's 512 MiB has besides what it needs for 10,000 Jobs.
Ten batches at their largest with titles and addresses of usual length."""

NAMESPACE_BYTES: Final = TOTAL_BYTES // 2
"""Bytes of the plans of one namespace."""


class NoRoomError(Exception):
    """A plan cannot be kept beside the others; the message says whose they are."""


class PlanRoom:
    """How much memory the plans of each batch take."""

    def __init__(self, total: int = TOTAL_BYTES, share: int = NAMESPACE_BYTES) -> None:
        self._total, self._share = total, share
        self._weights: dict[Key, int] = {}

    def take(self, key: Key, weight: int) -> tuple[Key, ...]:
        """Make room for the plans of a batch;
        returns the batches whose plans give way. Raises `NoRoomError`."""
        kept = {other: each for other, each in self._weights.items() if other != key}
        used = Counter[str]()
        for (namespace, _), each in kept.items():
            used[namespace] += each
        used[key[0]] += weight
        if used[key[0]] > self._share:
            raise self._refusal(key, used)
        gone: list[Key] = []
        while used.total() > self._total:
            largest = max(used, key=lambda namespace: (used[namespace], namespace == key[0]))
            if largest == key[0]:
                raise self._refusal(key, used)
            gone.append(max((each for each in kept if each[0] == largest), key=lambda each: kept[each]))
            used[largest] -= kept.pop(gone[-1])
        self._weights = kept | {key: weight}
        return tuple(gone)

    def release(self, key: Key) -> None:
        """Release the room of a batch."""
        self._weights.pop(key, None)

    def _refusal(self, key: Key, used: Counter[str]) -> NoRoomError:
        self.release(key)
        here, everywhere = used[key[0]] >> 20, used.total() >> 20
        return NoRoomError(
            f"The plans of the batches in {key[0]} "
            f"that are at work would take {here} MiB of the operator's memory, and all plans {everywhere}; "
            f"it keeps {self._share >> 20} of one namespace and {self._total >> 20} of all. "
            "This batch goes on when others are done or suspended. "
            "Put fewer recordings into a batch, or run fewer batches at once"
        )
