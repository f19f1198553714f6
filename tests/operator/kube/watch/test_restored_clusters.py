"""An API server whose etcd was restored from a backup shows versions that it has shown before: what the
operator knows is newer, so it ends, and the next process sees what there is."""

import asyncio
import time
from typing import Any

import pytest

from ingest_operator.kube import operator as module
from ingest_operator.kube.operator import Operator, Options
from ingest_operator.kube.telemetry.health import Health
from ingest_operator.kube.telemetry.metrics import Metrics
from ingest_operator.kube.telemetry.telemetry import Instruments
from ingest_operator.kube.watch.lists import ClusterRestoredError


class Lists:
    """An API server whose lists are of these versions, one after another; the operator ends after the
    last."""

    def __init__(self, *versions: int) -> None:
        self._versions = list(versions)
        self.stop = asyncio.Event()

    async def served(self, *_: object) -> frozenset[str]:
        return frozenset({"ingestbatches", "ingestschedules", "ingestprofiles", "speakerprofiles"})

    async def list(self, *_: object, **__: Any) -> tuple[list[dict[str, Any]], str]:
        if len(self._versions) == 1:
            self.stop.set()
            return [], str(self._versions[0])
        return [], str(self._versions.pop(0))


async def operated(lists: Lists) -> None:
    instruments = Instruments(Metrics(), Health(time.monotonic), None)
    operator = Operator(lists, None, instruments, Options(("media",), 0, sweep_seconds=0.01))
    async with asyncio.timeout(180):
        await operator.run(lists.stop)


@pytest.fixture(autouse=True)
def without_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    async def watch(*_: object) -> None:
        stop = _[-1]
        assert isinstance(stop, asyncio.Event)
        await stop.wait()

    monkeypatch.setattr(module, "watch", watch)


def test_an_operator_whose_cluster_is_restored_to_an_earlier_time_ends() -> None:
    with pytest.raises(ClusterRestoredError, match="is of version 40 and was of 4"):
        asyncio.run(operated(Lists(*range(41, 52), 40, 40)))


def test_one_whose_lists_stand_still_goes_on() -> None:
    asyncio.run(operated(Lists(*[41] * 15)))
