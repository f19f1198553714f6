"""Carries out one order in this process: the work in a thread, signals in the main one, and exactly one
Receipt.

Called by `__main__`. Python runs signal handlers in the main thread, between two of its own instructions; an
engine may compute for minutes within one. So the main thread only waits, and can always react. The kernel may
deliver a signal to any thread, which does not wake the main one: the C handler's byte in a pipe does
(`signal.set_wakeup_fd`).
"""

import logging
import os
import select
import signal
import threading
import time
from pathlib import Path
from typing import Final

from ingest_contract.failures import FAILURES, OK_EXIT, Reason
from ingest_contract.order import FetchOrder, IngestOrder, WorkOrder
from ingest_contract.receipt import Receipt
from ingest_contract.voice_orders import EnrolOrder, ForgetOrder, RenameOrder, RetainOrder
from ingest_worker.errors import StageError
from ingest_worker.gpu.nvml import find_gpu
from ingest_worker.interruption import Control, Interruption
from ingest_worker.receipts import ReceiptFile
from ingest_worker.session import Session, named
from ingest_worker.stopwatch import process_birth

GRACE_SECONDS: Final = 5.0
"""Seconds in which a run that was asked to end must end by itself;
a kubelet allows 30 (`terminationGracePeriodSeconds`)."""

LAST_WORD_SECONDS: Final = 3.0
"""Seconds to release the claim without the run's help."""

_OVER: Final = b"\0"
"""The byte that the work writes into the pipe when it ends; a signal writes its number, which is never 0."""

log = logging.getLogger(__name__)


class Process:
    """One order."""

    def __init__(self, order: WorkOrder, dsn: str) -> None:
        self._order, self._dsn = order, dsn
        self._born = process_birth()
        self._control = Control()
        self._receipts = ReceiptFile(Path(order.place.receipt))
        self._bell, self._ringer = os.pipe()
        os.set_blocking(self._ringer, False)
        self._session: Session | None = None
        self._code: int | None = None

    def run(self) -> int:
        """Carry out the order and write the Receipt. Returns the exit code.
        Must be called in the main thread."""
        signal.set_wakeup_fd(self._ringer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)
        threading.Thread(target=self._work, name="work", daemon=True).start()
        if os.read(self._bell, 1) != _OVER:
            self._wait_for_the_end()
        return self._code if self._code is not None else self._abandon()

    def _asked(self, number: int, _: object) -> None:
        """The signal handler: takes no lock, because the main thread may hold one."""
        self._control.stop(
            StageError(Reason.INTERRUPTED, f"The process was asked to end ({signal.Signals(number).name}).")
        )

    def _wait_for_the_end(self) -> None:
        """Give a run that was asked to end some time; further signals change nothing."""
        until = time.monotonic() + GRACE_SECONDS
        while self._code is None and (left := until - time.monotonic()) > 0:
            if select.select([self._bell], [], [], left)[0] and os.read(self._bell, 1) == _OVER:
                return

    def _abandon(self) -> int:
        """End a run that does not stop: its engine continues to compute, its transaction dies with the
        connection.

        The claim is released first. A commit in progress holds the claim's row, so one of two things happens:
        it wins, and the run succeeds after all; or it finds the claim gone, and nothing is stored.
        """
        if self._session is not None and self._session.give_up is not None:
            last = threading.Thread(target=self._session.give_up, daemon=True)
            last.start()
            last.join(LAST_WORD_SECONDS)
        self._end(
            StageError(
                Reason.INTERRUPTED,
                "The process was asked to end while an engine was busy; nothing was stored.",
            )
        )
        return self._code if self._code is not None else FAILURES[Reason.UNKNOWN].exit_code or 1

    def _work(self) -> None:
        error: StageError | None = None
        try:
            self._carry_out()
        except Interruption as interruption:
            error = interruption.why
        except Exception as foreign:
            error = named(foreign)
            level = logging.ERROR if error.reason is Reason.UNKNOWN else logging.INFO
            log.log(
                level,
                "the run failed: %s",
                foreign,
                exc_info=foreign,
                extra={"action": "fail", "reason": error.reason.value},
            )
        try:
            self._end(error)
        finally:
            os.write(self._ringer, _OVER)

    def _carry_out(self) -> None:
        on_gpu = isinstance(self._order, EnrolOrder | IngestOrder) and self._order.runtime.device == "cuda"
        if not self._dsn and not isinstance(self._order, FetchOrder):
            raise StageError(Reason.ORDER_INVALID, "The order came without the address of a store.")
        self._session = Session(find_gpu() if on_gpu else None, self._control, self._born)
        if isinstance(self._order, IngestOrder):
            from ingest_worker.ingest import ingest

            ingest(self._order, self._dsn, self._session)
        elif isinstance(self._order, FetchOrder):
            from ingest_worker.prefetch import prefetch

            prefetch(self._order, self._dsn, self._session)
        elif isinstance(self._order, EnrolOrder):
            from ingest_worker.enrolment import enrol

            enrol(self._order, self._dsn, self._session)
        elif isinstance(self._order, ForgetOrder):
            from ingest_worker.forgetting import forget

            forget(self._order, self._dsn, self._session)
        elif isinstance(self._order, RenameOrder):
            from ingest_worker.forgetting import rename

            rename(self._order, self._dsn, self._session)
        elif isinstance(self._order, RetainOrder):
            from ingest_worker.forgetting import retain

            retain(self._order, self._dsn, self._session)
        else:
            from ingest_worker.planner import plan

            plan(self._order, self._dsn, self._session)

    def _end(self, error: StageError | None) -> None:
        """Write the Receipt and set the exit code, unless the other thread has done so."""
        receipt = self._session.receipt(error) if self._session is not None else _bare(error)
        code = OK_EXIT if error is None else error.failure.exit_code or 1
        try:
            first = self._receipts.write(receipt)
        except OSError as foreign:
            first = True
            log.warning(
                "no Receipt can be written: %s", foreign.strerror, extra={"action": "leave-no-receipt"}
            )
        if first:
            reason = receipt.reason.value if receipt.reason else None
            log.info(
                "the run is over",
                extra={"action": "end", "exit": code, "reason": reason, "seconds": round(receipt.seconds, 1)},
            )
            self._code = code


def _bare(error: StageError | None) -> Receipt:
    """The Receipt of a run that failed before anything could be measured."""
    return Receipt(
        result="Failed",
        reason=error.reason if error else Reason.UNKNOWN,
        message=str(error or ""),
        seconds=0.0,
    )
