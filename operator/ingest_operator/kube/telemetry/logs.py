"""The operator's log, in the form of `ingest_contract.logs`, and what its records are about.

`about` adds the batch and its trace to every record of a look, so that the core need not know what it is
working for.
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
    """Every record of this task, and of those that it starts, is about a batch (`namespace/name`)."""
    token = _subject.set({"batch": batch, "traceId": trace_id})
    try:
        yield
    finally:
        _subject.reset(token)


def formatter() -> logs.JsonLines:
    """Of the operator's records."""
    return logs.JsonLines(OURS, _subject.get, _object_of)


def start() -> None:
    """Log from now on. Kopf tells of every handler, aiohttp of every request: of others, warnings count."""
    logs.start(formatter(), OURS)


def _object_of(record: logging.LogRecord) -> Mapping[str, str]:
    """The object that kopf names."""
    reference = getattr(record, "k8s_ref", None)
    if not isinstance(reference, Mapping):
        return {}
    place = "/".join(str(reference[part]) for part in ("namespace", "name") if reference.get(part))
    return {"object": f"{reference.get('kind')} {place}"}
