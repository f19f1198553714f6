"""Figures about the house, measured: `python -m scripts.house`.

What one reconcile of a batch in a cluster does: how often the ledger is restored from a status, how often
each Job is classified, and through how many files the control goes. One recording runs, one has ended, one
waits for its next attempt and one is new.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

import ingest_operator
from testkit.cluster.one_batch import OneBatch
from testkit.objects import kube_objects as kube

PACKAGE: Final = Path(ingest_operator.__file__).parent


@dataclass
class Trace:
    """The functions of the operator that were called, and the files that the control went through."""

    calls: Counter[str] = field(default_factory=Counter)
    """By `<file>:<function>`."""
    classified: Counter[str] = field(default_factory=Counter)
    """How often each Job was asked whether and how it ended, by its name."""
    stays: list[str] = field(default_factory=list)
    """Files in the order in which control came into them."""

    @property
    def files(self) -> int:
        """How many different files."""
        return len(set(self.stays))

    @property
    def returns(self) -> int:
        """How often control came back into a file that it had left."""
        return len(self.stays) - self.files

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """What `sys.setprofile` wants."""
        code = frame.f_code
        if event == "call" and (file := _file(frame)):
            name = f"{file}:{code.co_name}"
            self.calls[name] += 1
            if name == "kube/observe/end_rules.py:end_of":
                self.classified[frame.f_locals["facts"].job["metadata"]["name"]] += 1
            self._enter(file)
        elif event == "return" and frame.f_back is not None and (file := _file(frame.f_back)):
            self._enter(file)

    def _enter(self, file: str) -> None:
        if not self.stays or self.stays[-1] != file:
            self.stays.append(file)


def _file(frame: FrameType) -> str:
    """The file of the operator in which a frame is; empty for any other."""
    path = Path(frame.f_code.co_filename)
    return str(path.relative_to(PACKAGE)) if PACKAGE in path.parents else ""


def traced(work: Callable[[], Coroutine[Any, Any, object]]) -> Trace:
    """Do the work, watched."""
    trace = Trace()

    async def watched() -> None:
        sys.setprofile(trace)
        try:
            await work()
        finally:
            sys.setprofile(None)

    asyncio.run(watched())
    return trace


def one_reconcile() -> Trace:
    """The second reconcile of a batch: at the first its plan is read and its first status written."""
    batch = OneBatch(6)
    operator = batch.operator()
    for index, pod in enumerate((kube.running_pod(), kube.running_pod(), kube.running_pod())):
        batch.job(index, pod=pod)
    asyncio.run(batch.reconcile(operator))
    batch.job(1, pod=kube.ended_pod(0, kube.RECEIPT))
    batch.job(2, pod=kube.ended_pod(137, reason="OOMKilled"))
    batch.clock += 60
    return traced(lambda: batch.reconcile(operator))


def main() -> None:
    """Print the figures."""
    trace = one_reconcile()
    print(f"ledgers restored in one reconcile     {trace.calls['core/ledger.py:restore']}")
    print(
        f"classifications of a Job, at most     {max(trace.classified.values())} "
        f"({len(trace.classified)} Jobs)"
    )
    print(f"files that a reconcile passes through {trace.files}")
    print(f"returns to a file that was left       {trace.returns}")


if __name__ == "__main__":
    main()
