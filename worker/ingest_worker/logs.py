"""The worker's log, in the form of `ingest_contract.logs`:
every line has the batch's trace. Called once by `__main__`."""

from typing import Final

from ingest_contract import logs

OURS: Final = "ingest_worker"


def formatter(trace_id: str) -> logs.JsonLines:
    """The formatter of a run's records."""
    return logs.JsonLines(OURS, lambda: {"traceId": trace_id})


def start(trace_id: str) -> None:
    """Start logging."""
    logs.start(formatter(trace_id), OURS)
