"""Several short recordings in one Job: which starts share one, and what the end of a shared Job means for
each of its recordings. Pure.

`decide` chooses starts one by one; here those that are alike are joined. A recording shares a Job once, in a
run that nothing has been charged to: whatever happened to it there, its next run is alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ingest_contract.failures import FAILURES, OK_EXIT, Reason, Verdict
from ingest_contract.order import Item
from ingest_contract.pack import PackEntry, PackReport, read_pack
from ingest_operator.core.actions import Start
from ingest_operator.core.outcome import Ended, Run, outcome_of
from ingest_operator.core.phases import BYTES_PER_SECOND, Packing, Phase, cached_mib

_OF_NOBODY = frozenset({Verdict.FORGIVE, Verdict.STOP_BATCH})
"""Verdicts on what was done to a Job that hold for recordings of it which did nothing: uncharged, and no rung
lower."""


def packed(
    starts: Iterable[Start],
    packing: Packing | None,
    items: Sequence[Item],
    cached: Mapping[int, int],
    may_start: Callable[[Start], bool],
) -> Iterator[Start]:
    """The starts, in their order, each with those that share its Job. `may_start` is asked about one after
    the other, only as far as the caller reads."""
    for group in _groups(starts, packing, items, cached):
        allowed = [each for each in group if may_start(each)]
        if allowed:
            first, *others = sorted(each.index for each in allowed)
            yield replace(allowed[0], index=first, others=tuple(others))


def _groups(
    starts: Iterable[Start], packing: Packing | None, items: Sequence[Item], cached: Mapping[int, int]
) -> Iterable[Sequence[Start]]:
    """Starts that share a Job; a group stands where its first one does."""
    if packing is None:
        return ([start] for start in starts)
    groups: list[list[Start]] = []
    unfilled: dict[Start, list[Start]] = {}
    for start in starts:
        if not _is_taken(packing, start, items[start.index], cached.get(start.index)):
            groups.append([start])
            continue
        alike = replace(start, index=0)
        group = unfilled.setdefault(alike, [])
        if not group:
            groups.append(group)
        group.append(start)
        if len(group) == packing.recordings:
            del unfilled[alike]
    return groups


def _is_taken(packing: Packing, start: Start, item: Item, cached: int | None) -> bool:
    """Whether a start may share a Job; `cached` is the size of its audio in the cache in MiB, 0 if unknown,
    None if it is not there."""
    if start.phase is Phase.FETCH or start.charged_attempts or start.disruptions:
        return False
    if item.duration_seconds is not None:
        return item.duration_seconds <= packing.max_seconds
    return bool(cached) and (cached or 0) <= cached_mib(packing.max_seconds * BYTES_PER_SECOND)


def shared_slots(runs: Iterable[Run]) -> int:
    """How many live runs need no slot, because their Job has one already."""
    packs = [run.pack for run in runs if run.ended is None and run.pack is not None]
    return len(packs) - len(set(packs))


def runs_in(job: Run, indexes: Sequence[int]) -> tuple[Run, ...]:
    """The runs of the recordings of one Job, in the order in which it carries them out. What the Job waited
    for counts once; what it held counts in equal parts.

    A node is blamed once for what it did to the Job, and for each recording that failed there by itself.
    """
    report = None if job.ended is None else read_pack(job.ended.receipt)
    waits, node, runs = job.waits, job.node, list[Run]()
    for index in indexes:
        ended = None if job.ended is None else _end_in(job.ended, report, index)
        failed_itself = report is not None and _speaks(report.ended.get(index))
        run = replace(
            job,
            index=index,
            ended=ended,
            waits=waits,
            node=job.node if ended is None or failed_itself else node,
            gpu_seconds=job.gpu_seconds / len(indexes),
            held_seconds=job.held_seconds / len(indexes),
            pack=indexes[0],
        )
        waits, node = None, node if ended is None or failed_itself else None
        runs.append(run)
    return tuple(runs)


def _end_in(ended: Ended, report: PackReport | None, index: int) -> Ended:
    """How one recording of a Job ended, from how its pod did."""
    if report is None:
        if ended.receipt_gone and ended.exit_code == OK_EXIT:
            return ended  # a pod of several ends well if all of them did
        return _without_a_word(ended, outcome_of(ended).reason)
    entry = report.ended.get(index)
    if entry is not None:
        return _as_reported(ended, entry)
    if index in report.begun:
        return replace(ended, receipt=None)  # it was under way when its pod ended
    return _without_a_word(replace(ended, exit_code=None, receipt=None), ended.seen)


def _speaks(entry: PackEntry | None) -> bool:
    """Whether a recording ended before its pod was told to."""
    return entry is not None and entry.seen is not Reason.INTERRUPTED


def _as_reported(ended: Ended, entry: PackEntry) -> Ended:
    """What the parent of its process saw. If that was asked to end, whatever ended the pod is the reason."""
    receipt = None if entry.receipt is None else entry.receipt.to_json()
    if _speaks(entry):
        return Ended(entry.code, receipt, entry.seen)
    return replace(ended, exit_code=entry.code, receipt=receipt, seen=ended.seen or entry.seen)


def _without_a_word(ended: Ended, reason: Reason | None) -> Ended:
    """The end of a recording that did not begin, or of which nothing is known. `reason` is what ended its
    pod: it holds for the recording if that charges nobody."""
    if ended.on_request:
        return Ended(None, None, on_request=True)
    if reason is not None and FAILURES[reason].verdict in _OF_NOBODY:
        return ended
    return Ended(None, None, Reason.PACK_ENDED, ended.particulars)
