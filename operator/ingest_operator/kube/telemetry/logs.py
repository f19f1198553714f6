"""The operator's log, in the form of `ingest_contract.logs`, and the subject of its records.

`about` adds the batch and its trace to every record of a reconcile, so that the core need not know which
batch it works for.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

from ingest_contract import logs

OURS: Final = "ingest_operator"

_subject: ContextVar[Mapping[str, str]] = ContextVar("subject", default=MappingProxyType({}))


@contextlib.contextmanager
def about(batch: str, trace_id: str) -> Iterator[None]:
    """Every record of this task, and of the tasks that it starts, is about a batch (`namespace/name`)."""
    token = _subject.set({"batch": batch, "traceId": trace_id})
    try:
        yield
    finally:
        _subject.reset(token)


def formatter() -> logs.JsonLines:
    """The formatter of the operator's records."""
    return logs.JsonLines(OURS, _subject.get, _object_of)


def start() -> None:
    """Start logging. Kopf logs every handler, aiohttp every request:
    from other loggers only warnings are kept."""
    logs.start(formatter(), OURS)


def _object_of(record: logging.LogRecord) -> Mapping[str, str]:
    """The object that kopf names in its record."""
    reference = getattr(record, "k8s_ref", None)
    if not isinstance(reference, Mapping):
        return {}
    place = "/".join(str(reference[part]) for part in ("namespace", "name") if reference.get(part))
    return {"object": f"{reference.get('kind')} {place}"}
