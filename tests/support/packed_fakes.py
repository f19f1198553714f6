"""`python -m tests.support.packed_fakes`: a pod of several orders, as `python -m ingest_worker` carries them
out, except that nothing is imported and that each process does what the title of its recording says."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order_variables import ORDER_VARIABLE
from ingest_contract.receipt import Receipt, encode
from ingest_worker import __main__ as worker
from ingest_worker import pack
from testkit.objects.builders import a_failure, a_receipt


def fake(order: Mapping[str, Any], streams: Sequence[int]) -> NoReturn:
    """In the place of `forking.become_run`."""
    del streams
    code = 1
    try:
        os.setsid()
        os.chdir(order["folder"])
        wanted = json.loads(order["environment"][ORDER_VARIABLE])
        Path(wanted["place"]["scratch"]).mkdir(parents=True)
        place = Path(wanted["place"]["receipt"])
        code = DEEDS[wanted["item"]["title"]](lambda receipt: place.write_bytes(encode(receipt)))
    finally:
        os._exit(code)


Tell = Callable[[Receipt], object]


def succeed(tell: Tell) -> int:
    tell(a_receipt())
    return 0


def fail(reason: Reason) -> Callable[[Tell], int]:
    def failing(tell: Tell) -> int:
        tell(a_failure(reason))
        return FAILURES[reason].exit_code or 1

    return failing


def die(tell: Tell) -> int:
    del tell
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hang(tell: Tell) -> int:
    """Until it is asked to end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    (Path.cwd() / "hangs").touch()
    signal.sigwait([signal.SIGTERM])
    return fail(Reason.INTERRUPTED)(tell)


def leave_one_behind(tell: Tell) -> int:
    """A process of its own is still there when it ends."""
    if (pid := os.fork()) == 0:
        time.sleep(3600)
    (Path.cwd() / "left").write_text(str(pid))
    return succeed(tell)


DEEDS: Mapping[str, Callable[[Tell], int]] = {
    "succeed": succeed,
    "say nothing": lambda _: 0,
    "die": die,
    "hang": hang,
    "leave one behind": leave_one_behind,
    "removed": fail(Reason.REMOVED),
    "store": fail(Reason.DATABASE_UNAVAILABLE),
    "gpu": fail(Reason.GPU_BROKEN),
}


def main() -> None:
    pack.become_run = fake
    pack.imported = lambda: ""
    sys.argv[:] = sys.argv[:1]
    worker.main()


if __name__ == "__main__":
    main()
