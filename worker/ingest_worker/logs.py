"""The worker's log, in the form of `ingest_contract.logs`:
every line has the batch's trace, and none a secret of this process. Called once by `__main__`."""

import logging
from typing import Final

from typing_extensions import override

from ingest_contract import logs
from ingest_worker.hiding import hidden

OURS: Final = "ingest_worker"


class _WithoutSecrets(logs.JsonLines):
    """Takes them out of the whole line, with its extras and its traceback."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        return hidden(super().format(record))


def formatter(trace_id: str) -> logs.JsonLines:
    """The formatter of a run's records."""
    return _WithoutSecrets(OURS, lambda: {"traceId": trace_id})


def start(trace_id: str) -> None:
    """Start logging."""
    logs.start(formatter(trace_id), OURS)
