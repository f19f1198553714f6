"""`python -m ingest_reader`: the reader as a service of a cluster, over the store in `INGEST_DSN`.

The chart's Deployment runs it. On a machine of one's own it is `ingestctl serve`.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import start_http_server

from ingest_contract.failures import Reason
from ingest_reader.app import PrefixError, application
from ingest_reader.metrics import Measured, MeasuredCorpus, Metrics, ServicePool
from ingest_reader.questions import TextModels, embedding
from ingest_reader.serving import Door, ListeningError, access_of, ended_by_signals, said_of, serve
from ingest_worker.command import carried_out, store_address
from ingest_worker.errors import StageError

GRACE_SECONDS: Final = 20
"""Longer than the store lets a statement last (`pool.STATEMENT_TIMEOUT_SECONDS`); with the pause before it
(`preStop`) shorter than the pod's terminationGracePeriodSeconds. A test of the chart compares them."""

_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def main() -> int:
    """The exit code: 0 after SIGTERM, or the failure table's."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest_reader",
        description="Serve the store in INGEST_DSN: pages, JSON under /api/v1, MCP under /mcp. Reads only.",
    )
    parser.add_argument("--host", required=True, help="the address to listen on")
    parser.add_argument("--port", required=True, type=int, help="the port of pages, API and MCP")
    parser.add_argument("--metrics-port", required=True, type=int, help="the port of /metrics")
    parser.add_argument("--models", required=True, type=Path, help="where sets of models lie")
    parser.add_argument("--model", help="the text model's name, if the store has vectors of several")
    parser.add_argument(
        "--prefix", default="", type=_prefix, help="the path below which people see it, as /corpus"
    )
    parser.add_argument(
        "--no-youtube", action="store_true", help="no frame of YouTube's on pages: times link to it"
    )
    access = parser.add_mutually_exclusive_group(required=True)
    access.add_argument("--token-file", type=Path, help="a file with the token that everybody shows")
    access.add_argument(
        "--behind-ingress", action="store_true", help="what is in front of it asks who people are"
    )
    chosen = parser.parse_args()
    return carried_out(lambda: _served(chosen))


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no prefix: write it as /corpus")
    return text


def _served(chosen: argparse.Namespace) -> Iterator[str]:
    door = Door(chosen.host, chosen.port, chosen.token_file, chosen.behind_ingress, GRACE_SECONDS)
    metrics = Metrics()
    pool = ServicePool(store_address(), metrics)
    corpus = MeasuredCorpus(pool, embedding(pool, TextModels(chosen.models, name=chosen.model)), metrics)
    try:
        access = access_of(door)
        app = Measured(application(corpus, access, chosen.prefix, youtube=not chosen.no_youtube), metrics)
    except (ListeningError, PrefixError) as error:
        raise StageError(Reason.ORDER_INVALID, str(error)) from error
    with ended_by_signals(), pool:
        server, thread = start_http_server(chosen.metrics_port, chosen.host, metrics.registry)
        try:
            if not serve(app, door, lambda at: print(said_of(at, access), flush=True)):
                raise StageError(Reason.ORDER_INVALID, f"{door.host}:{door.port} cannot be listened on.")
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
    yield "ended"


if __name__ == "__main__":
    sys.exit(main())
