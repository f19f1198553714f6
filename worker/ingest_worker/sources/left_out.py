"""Entries of a batch's sources that a plan leaves out, because a person must mend something first: a Secret,
a right, an address. Called by `listed` and `apart`.

What passes by itself, such as a site that is down, still fails the plan, which is made again: the selection,
its order and its limit, is over all sources.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from ingest_contract.failures import Verdict
from ingest_contract.order import PlannedSource, PlanOrder
from ingest_contract.plan_document import PlanDocument
from ingest_worker.errors import StageError
from ingest_worker.sources.credentials import check_secrets

_FINAL: Final = frozenset({Verdict.GIVE_UP, Verdict.SKIP})


def by_entry(sources: Iterable[PlannedSource]) -> Iterator[tuple[int | None, list[PlannedSource]]]:
    """The sources of each entry, in order. One of which nobody says the entry stands alone."""
    for entry, group in groupby(sources, key=lambda each: each.entry):
        if entry is None:
            yield from ((None, [each]) for each in group)
        else:
            yield entry, list(group)


def is_left_out(entry: int | None, error: StageError) -> bool:
    """Whether this error keeps only its entry from being planned."""
    return entry is not None and error.failure.verdict in {*_FINAL, Verdict.STOP_BATCH}


def worth_telling(errors: Iterable[StageError]) -> StageError:
    """The error of a plan of which nothing is left: the first that another plan might not meet."""
    found = list(errors)
    return next((each for each in found if each.failure.verdict not in _FINAL), found[0])


def without_missing(order: PlanOrder) -> tuple[PlanOrder, dict[int, StageError]]:
    """The order without the entries for which a Secret is missing, and why, by entry. Raises `StageError` if
    nothing else is left."""
    missing = dict[int, StageError]()
    for source in order.sources:
        try:
            check_secrets(source.url)
        except StageError as error:
            if source.entry is None or not is_left_out(source.entry, error):
                raise
            missing.setdefault(source.entry, error)
    left = tuple(each for each in order.sources if each.entry not in missing)
    if not left:
        raise worth_telling(missing.values())
    return order.model_copy(update={"sources": left}), missing


def leaving_out(document: PlanDocument, entries: Iterable[int]) -> PlanDocument:
    """The plan, which says that these entries are left out besides."""
    waiting = tuple(sorted({*entries, *(document.waiting or ())}))
    return document.model_copy(update={"waiting": waiting or None})
