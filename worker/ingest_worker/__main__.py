"""`python -m ingest_worker`: takes one order, gives one exit code and one Receipt. See
`ingest_contract.order` and `ingest_contract.receipt`.

Nothing heavy may be imported at the top: the number of threads is set in the environment first, because BLAS
and OpenMP read it when they are loaded.
"""

import faulthandler
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import IngestOrder, WorkOrder, read_order
from ingest_contract.order_variables import (
    DSN_VARIABLE,
    FURTHER,
    ORDER_DIGEST_VARIABLE,
    ORDER_FILE_VARIABLE,
    ORDER_VARIABLE,
    order_digest,
)
from ingest_contract.pack import MAX_PACK_RECORDINGS
from ingest_contract.receipt import MAX_MESSAGE_CHARACTERS, Receipt, encode
from ingest_contract.voice_orders import EnrolOrder
from ingest_worker import logs
from ingest_worker.sandbox.kernel import undumpable
from ingest_worker.surroundings import settle

log = logging.getLogger("ingest_worker")


def main() -> NoReturn:
    """Read the order, carry it out, and end with the failure table's code.

    It ends without Python's own clean-up: tearing down torch and CTranslate2 takes seconds and can crash, and
    the kernel frees everything.
    """
    undumpable()  # before the first secret is taken: nothing that reads hostile content may read it here
    faulthandler.enable()
    # out of the environment, like the order, so that no child inherits them
    text, dsn = (
        "",
        os.environ.pop(DSN_VARIABLE, ""),
    )
    try:
        text = order_text()
        order = read_order(text)
        more = further_orders()
    except (OSError, ValueError) as error:
        code = refuse(text, error)
    else:
        logs.start(order.trace_id)
        settle(order.runtime.threads if isinstance(order, EnrolOrder | IngestOrder) else None)
        code = carried_out(order, more, dsn)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def carried_out(order: WorkOrder, more: Sequence[IngestOrder], dsn: str) -> int:
    """Carry out one order in this process, or each of several in one of its own. Returns the exit code."""
    if more and isinstance(order, IngestOrder):
        from ingest_worker.pack import Pack

        return Pack((order, *more), dsn).run()
    from ingest_worker.process import Process

    return Process(order, dsn).run()


def further_orders() -> tuple[IngestOrder, ...]:
    """The orders behind the first, where this pod has several. Raises `OSError` and `ValueError`."""
    orders = list[IngestOrder]()
    for place in range(1, MAX_PACK_RECORDINGS):
        if (text := order_text(FURTHER.format(place))) == "":
            break
        order = read_order(text)
        if not isinstance(order, IngestOrder):
            raise ValueError("only ingest orders share a pod")  # noqa: TRY004 -- what an order says is a value
        orders.append(order)
    return tuple(orders)


def order_text(further: str = "") -> str:
    """The order's text: from its variable, or from the file that another variable names. `further` is the end
    of their names.
    Raises `OSError` and `ValueError`."""
    text = os.environ.pop(ORDER_VARIABLE + further, "")
    file = "" if further else os.environ.pop(ORDER_FILE_VARIABLE, "")
    text = text or (Path(file).read_text(encoding="utf-8") if file else "")
    written = os.environ.pop(ORDER_DIGEST_VARIABLE + further, "")
    if written and written != order_digest(text):
        raise ValueError(
            "the order is not the one that the operator wrote: "
            "somebody has replaced the ConfigMap that it lies in"
        )
    return text


def refuse(text: str, error: OSError | ValueError) -> int:
    """Report that the order is invalid, in the Receipt file that it names,
    if it names one. Returns the exit code."""
    logs.start("")
    message = mistakes(error) if isinstance(error, ValidationError) else f"the order cannot be read: {error}"
    log.error("the order is refused: %s", message, extra={"action": "refuse-order"})
    receipt = Receipt(
        result="Failed", reason=Reason.ORDER_INVALID, message=message[:MAX_MESSAGE_CHARACTERS], seconds=0.0
    )
    try:
        Path(json.loads(text)["place"]["receipt"]).write_bytes(encode(receipt))
    except (ValueError, KeyError, TypeError, OSError):
        log.warning(
            "the order names no place for a Receipt that can be written", extra={"action": "leave-no-receipt"}
        )
    return FAILURES[Reason.ORDER_INVALID].exit_code or 1


def mistakes(error: ValidationError) -> str:
    """The first mistake in an order, and how many there are.
    Without the wrong value, which may be anything."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']} ({error.error_count()} mistakes in the order)"


if __name__ == "__main__":
    main()
