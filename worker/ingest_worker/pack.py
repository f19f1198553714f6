"""Several ingest orders in one pod, one after the other, each carried out by a process of its own: what a
recording took of either memory comes back when its process ends.

Called by `__main__` in the place of a run. This process imports what every run imports, never touches a GPU,
never computes and opens no file that an order names; it forks each run, as `forking` does on a workstation,
and tells in the termination message when a recording begins and how it ended. Whatever ends the pod, what
was written is read.
"""

import contextlib
import logging
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

from ingest_contract.failures import BREAKERS, FAILURES, OK_EXIT, Reason, Verdict, reason_of_exit
from ingest_contract.order import IngestOrder
from ingest_contract.order_variables import DSN_VARIABLE, ORDER_VARIABLE
from ingest_contract.pack import PackEntry, PackWriter
from ingest_contract.receipt import Receipt, decode
from ingest_worker.cgroup import oom_kills
from ingest_worker.forking import STREAMS, become_run, imported

GRACE_SECONDS: Final = 15.0
"""Seconds in which a run that was asked to end must end: it needs five, and a kubelet allows 30 in all."""

SHELL_SIGNAL: Final = 128
"""Death by signal n is the exit code 128 + n, as a container runtime has it."""

_OF_ALL: Final = frozenset({Verdict.STOP_BATCH, Verdict.RETRY_ELSEWHERE})
"""Verdicts on what the next recording would meet here as well."""

_SIGNALS: Final = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


class ReportFile:
    """The termination message: it grows in place, a line with each write."""

    def __init__(self, path: Path, recordings: int) -> None:
        self._writer = PackWriter(recordings)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self._write(self._writer.header)

    def begun(self, index: int) -> None:
        """A recording begins now."""
        self._write(self._writer.begun(index))

    def ended(self, entry: PackEntry) -> None:
        """A recording has ended."""
        self._write(self._writer.ended(entry))

    def _write(self, line: str) -> None:
        os.write(self._file, line.encode())
        os.fsync(self._file)


@dataclass(frozen=True, slots=True)
class _Child:
    """The process of one recording."""

    pid: int
    until: float
    """When it must have ended, on the monotonic clock."""
    kills: int
    """What the kernel had killed for memory in this pod when it began."""


class Pack:
    """The orders of one pod."""

    def __init__(self, orders: Sequence[IngestOrder], dsn: str) -> None:
        self._orders, self._dsn = orders, dsn
        self._asked = False
        self._why = ""
        """Why nothing can be forked; empty where it can."""
        self._bell, self._ringer = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._ringer, False)

    def run(self) -> int:
        """Carry out the orders, and tell of each. Returns the exit code: success if all succeeded. Must be
        called in the main thread."""
        signal.set_wakeup_fd(self._ringer, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, _heed if number is signal.SIGCHLD else self._stop)
        report = ReportFile(Path(self._orders[0].place.receipt), len(self._orders))
        self._prepare()
        succeeded = 0
        for order in self._orders:
            if self._asked:
                break
            report.begun(order.item.index)
            entry = self._carried_out(order)
            report.ended(entry)
            reason = _reason(entry)
            log.info(
                "a recording is over",
                extra={"action": "end-in-pack", "index": entry.index, "exit": entry.code, "reason": reason},
            )
            succeeded += reason is None
            if reason is not None and (reason in BREAKERS or FAILURES[reason].verdict in _OF_ALL):
                break
        if self._asked:
            return SHELL_SIGNAL + signal.SIGTERM
        return OK_EXIT if succeeded == len(self._orders) else FAILURES[Reason.PACK_ENDED].exit_code or 1

    def _stop(self, *_: object) -> None:
        self._asked = True

    def _prepare(self) -> None:
        """Import what every run imports. Where that leaves something that no fork survives, runs are started,
        which costs their imports and nothing else."""
        try:
            self._why = imported()
        except Exception as error:  # a run says by itself what it lacks
            self._why = f"the imports failed: {error}"
            log.debug("the imports failed", exc_info=error)
        if self._why:
            log.warning("each run imports what it needs: %s", self._why, extra={"action": "start-in-pack"})

    def _carried_out(self, order: IngestOrder) -> PackEntry:
        """One recording, from the start of its process to its end."""
        scratch = Path(f"{order.place.scratch}-{order.item.index}")
        scratch.parent.mkdir(parents=True, exist_ok=True)
        receipt = scratch.with_name(f"receipt-{order.item.index}")
        place = order.place.model_copy(update={"scratch": str(scratch), "receipt": str(receipt)})
        code, seen = self._waited_for(self._start(order.model_copy(update={"place": place})))
        entry = PackEntry(index=order.item.index, ended=True, code=code, seen=seen, receipt=_receipt(receipt))
        receipt.unlink(missing_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
        return entry

    def _start(self, order: IngestOrder) -> _Child:
        environment = {**os.environ, ORDER_VARIABLE: order.to_json(), DSN_VARIABLE: self._dsn}
        kills, until = oom_kills(), time.monotonic() + (order.deadline_seconds or inf)
        if self._why:
            command = [sys.executable, "-m", "ingest_worker"]
            return _Child(os.posix_spawn(command[0], command, environment, setsid=True), until, kills)
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # until the child has its own handlers
        if (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            become_run({"folder": str(Path(order.place.scratch).parent), "environment": environment}, STREAMS)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return _Child(pid, until, kills)

    def _waited_for(self, child: _Child) -> tuple[int, Reason | None]:
        """(exit code, what was done to it). The process gets the signals that this one gets, and has no more
        time than its order says."""
        forwarded, until, seen = False, child.until, None
        while (status := _ended(child.pid)) is None:
            if self._asked and not forwarded:
                forwarded, until = True, min(until, time.monotonic() + GRACE_SECONDS)
                _signal(child.pid, signal.SIGTERM)
            if (left := until - time.monotonic()) <= 0:
                seen = None if forwarded else Reason.DEADLINE_EXCEEDED
                _signal(child.pid, signal.SIGKILL)
                until = inf
            self._wait(left if left > 0 else None)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # whatever it left behind
        _reap()
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGKILL and seen is None and not forwarded and oom_kills() > child.kills:
            seen = Reason.HOST_OUT_OF_MEMORY
        return (SHELL_SIGNAL - code if code < 0 else code), Reason.INTERRUPTED if forwarded else seen

    def _wait(self, seconds: float | None) -> None:
        """Until a signal comes: a child has ended, or this process is asked to end."""
        timeout = None if seconds is None or seconds == inf else seconds
        select.select([self._bell], [], [], timeout)
        with contextlib.suppress(BlockingIOError):
            os.read(self._bell, 64)


def _ended(pid: int) -> int | None:
    """The wait status of a child that has ended."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return status if ended else None


def _signal(pid: int, number: signal.Signals) -> None:
    """To a process and everything in its group; it may not have made one yet."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _heed(*_: object) -> None:
    """A handler that does nothing: the byte in the pipe tells of the signal."""


def _reap() -> None:
    """Wait for what a run left behind: in a pod, orphans become children of its first process."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _receipt(path: Path) -> Receipt | None:
    try:
        return decode(path.read_bytes())
    except (OSError, ValueError):
        return None


def _reason(entry: PackEntry) -> Reason | None:
    """Why a recording did not succeed, as far as its process can tell."""
    if entry.receipt is not None:
        return entry.receipt.reason
    return entry.seen or (
        Reason.RECEIPT_MISSING if entry.code == OK_EXIT else reason_of_exit(entry.code or 1)
    )
