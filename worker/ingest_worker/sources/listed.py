"""What all sources of a plan list. Called by `plan`."""

import logging
from collections.abc import Mapping, Sequence

from ingest_contract.order import PlannedSource
from ingest_worker.errors import StageError
from ingest_worker.planning import Candidate
from ingest_worker.sources.addresses import NotAnAddressError
from ingest_worker.sources.left_out import by_entry, is_left_out, worth_telling
from ingest_worker.sources.placeholders import unusable
from ingest_worker.sources.resolve import Resolver

LOG = logging.getLogger("ingest_worker.sources")


def listed(
    resolver: Resolver, sources: Sequence[PlannedSource]
) -> tuple[list[Candidate], Mapping[int, StageError]]:
    """Every recording of every source, and the entries that are left out (`left_out`). A source that is not
    an address, or a list of which its site says that there is none, is left out by itself. If nothing else is
    there, the plan fails, with the source's own message. Raises `StageError`."""
    found, waiting = list[Candidate](), dict[int, StageError]()
    empty, others = list[StageError](), False
    for entry, group in by_entry(sources):
        try:
            each_of = [_found_at(resolver, source, alone=len(sources) == 1) for source in group]
        except StageError as error:
            if entry is None or not is_left_out(entry, error):
                raise
            LOG.warning("spec.sources[%d] is left out: %s", entry, error)
            waiting[entry] = error
            continue
        for recordings in each_of:
            found += recordings
            nothing = [StageError(each.empty, each.unreadable) for each in recordings if each.empty]
            others = others or not recordings or len(nothing) < len(recordings)
            empty += nothing
    if not others and (waiting or empty):
        raise worth_telling([*waiting.values(), *empty])
    return found, waiting


def _found_at(resolver: Resolver, source: PlannedSource, *, alone: bool) -> list[Candidate]:
    try:
        return list(resolver.candidates(source))
    except NotAnAddressError as error:
        if alone:
            raise
        return [unusable(source.url, "", str(error))]
