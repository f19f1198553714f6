"""`python -m ingest_operator`: watch batches, run their Jobs, report their outcomes. Stops cleanly on SIGTERM
and Ctrl-C."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path

from ingest_operator.kube.operator import SWEEP_EVERY_SECONDS, Options, made
from ingest_operator.kube.telemetry.logs import start as start_logs
from ingest_operator.kube.watch.lists import ClusterRestoredError
from ingest_operator.kube.watch.watches import WatchesEndedError

LOG = logging.getLogger(__name__)


def main() -> None:
    """Read the command line and serve until asked to stop."""
    options = _options()
    start_logs()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options))


async def _serve(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with made(options) as operator:
        try:
            await operator.run(stop)
        except (ClusterRestoredError, WatchesEndedError):
            LOG.exception("the operator ends, to be started again", extra={"action": "end"})
            os._exit(
                1
                # an orderly end would wait for tasks that never end; the next process works out what was not
                # written yet
            )


def _options() -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m ingest_operator",
        description="Serves IngestBatch and IngestSchedule resources. Credentials: "
        "the pod's service account, else $KUBECONFIG.",
    )
    parser.add_argument(
        "--namespace",
        action="append",
        default=[],
        metavar="NAME",
        help="serve this namespace only; may be repeated (default: all of them)",
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="port of /healthz, /readyz and /metrics (default: %(default)s)"
    )
    parser.add_argument(
        "--sweep-seconds",
        type=float,
        default=SWEEP_EVERY_SECONDS,
        help="seconds between two lists of everything (default: %(default)s)",
    )
    parser.add_argument(
        "--webhook",
        type=Path,
        metavar="FOLDER",
        help="tell the address in FOLDER/url, signed with the key in FOLDER/key, when a batch is complete, "
        "stalled or failed (default: nobody is told)",
    )
    chosen = parser.parse_args()
    return Options(tuple(chosen.namespace), chosen.port, chosen.sweep_seconds, chosen.webhook)


if __name__ == "__main__":
    main()
