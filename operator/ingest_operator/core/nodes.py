"""Nodes that end runs for reasons of their own: learned from the ends, avoided for a while, forgotten, never
all of them. Pure.

A node that fails fast is always free, so a scheduler gives it more work than any other. A column of the
failure table says which ends count against a node. An avoided node gets no run of the batch. When its time is
over it is tried again with one run at a time; one more such end doubles the time. Where no other node takes a
run, it is tried again sooner: a bad node is better than none.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from ingest_contract.failures import FAILURES, Kind, Reason, Verdict
from ingest_contract.obstacles import MAX_NODES, is_undecided
from ingest_operator.core.actions import Action, Start
from ingest_operator.core.backoff import doubled
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.ledger import Ledger, Suspect
from ingest_operator.core.outcome import Run
from ingest_operator.core.phases import Phase
from ingest_operator.core.timestamps import to_rfc3339

AVOIDED_SECONDS: Final = 1800.0
"""Seconds for which a node is avoided the first time: a reboot, or a driver fix, takes less."""

LONGEST_AVOIDED_SECONDS: Final = 4 * 3600.0
"""Longest time in seconds for which a node is avoided: someone may have fixed it."""

ONLY_NODE_ENDS: Final = 4
"""Ends after which a batch avoids the only node that it knows: there, waiting for another node costs more
than a retry."""

NO_OTHER_SECONDS: Final = 60.0
"""Seconds for which no node takes a run of the batch before avoided nodes are tried again; doubled with each
time in a row."""

LONGEST_WITHOUT_SECONDS: Final = 3600.0
"""Upper limit of that wait, in seconds."""

SETUP_PROBES: Final = 5
"""The breaker has opened this often in a row by a reason of the setup: so many nodes do not fail alike, and
the reason says nothing about nodes any more. The waits before these probes add up to a quarter of an hour."""

SETTLED_SECONDS: Final = 15.0
"""Seconds that a scheduler has to place a pod before the lack of a node is reported,
or another pod is created."""


def avoided(ledger: Ledger) -> tuple[str, ...]:
    """The nodes that get no run of the batch."""
    return tuple(sorted(name for name, node in ledger.nodes.items() if node.avoided))


def named(ledger: Ledger) -> tuple[str, ...]:
    """The avoided nodes that people are told: not those that failed by the setup's reason while that holds
    the whole batch."""
    undecided = {
        name
        for name, node in ledger.nodes.items()
        if any(is_undecided(node.reason, held.reason) for held in ledger.breakers)
    }
    return tuple(name for name in avoided(ledger) if name not in undecided)


def sent(ledger: Ledger, runs: Iterable[Run], actions: Iterable[Action]) -> tuple[Action, ...]:
    """The actions, with starts kept from avoided nodes, and with all but one start kept from each node that
    is tried again."""
    seen = tuple(runs)
    closed = {*avoided(ledger), *(name for name in _tried(ledger) if _is_being_tried(name, seen))}
    result: list[Action] = []
    for action in actions:
        if isinstance(action, Start):
            result.append(replace(action, avoid=tuple(sorted(closed))))
            closed |= _tried(ledger)
        else:
            result.append(action)
    return tuple(result)


def is_to_blame(ledger: Ledger, run: Run) -> bool:
    """Whether the node of a failed run has failed other recordings as well: then the run is not charged for
    what the node did."""
    node = ledger.nodes.get(run.node or "")
    return node is not None and (node.others or node.first != run.index)


def is_alone(ledger: Ledger, run: Run, runs: Iterable[Run]) -> bool:
    """Whether no other node is known to take a run of the batch."""
    bad = {*avoided(ledger), run.node, None}
    return all(each.node in bad for each in runs)


def blamed(
    ledger: Ledger, run: Run, reason: Reason, now: float, *, alone: bool = False, probe: bool = False
) -> Ledger:
    """The ledger after a run that ended so: the failure table decides whether that counts against its node.

    Where no other node is known it takes more ends to avoid one, unless the table wants the recording
    elsewhere, or the run was a probe: the next one asks another node.
    """
    row = FAILURES[reason]
    if not row.against_node or run.node is None:
        return ledger
    limit = row.against_node
    if probe and row.verdict is Verdict.STOP_BATCH:
        limit = 1
    elif alone and row.verdict is not Verdict.RETRY_ELSEWHERE:
        limit = max(row.against_node, ONLY_NODE_ENDS)
    before = ledger.nodes.get(run.node)
    node = before or Suspect(
        reason, 0, run.index, others=False, avoided=False, times=0, until=now + AVOIDED_SECONDS
    )
    node = replace(node, reason=reason, runs=node.runs + 1, others=node.others or node.first != run.index)
    if not node.avoided and (node.times or node.runs >= limit):
        node = replace(node, avoided=True, times=node.times + 1, until=now + _seconds(node.times + 1))
    elif not node.avoided:
        node = replace(node, until=now + AVOIDED_SECONDS)
    return replace(ledger, nodes=_at_most(dict(ledger.nodes) | {run.node: node}, run.node))


def cleared(ledger: Ledger, run: Run) -> Ledger:
    """The ledger after a run that succeeded: nothing is held against its node any more, unless the run began
    before the node was avoided. A fetch only shows that the node takes pods and stays: it has met no GPU, no
    model, and another image."""
    node = ledger.nodes.get(run.node or "")
    if node is None or node.avoided:
        return ledger
    if run.phase is Phase.FETCH and FAILURES[node.reason].kind is not Kind.LIFECYCLE:
        return ledger
    return replace(ledger, nodes={name: each for name, each in ledger.nodes.items() if name != run.node})


def without_the_innocent(ledger: Ledger) -> Ledger:
    """The ledger without the nodes that failed by a reason of the setup which as many probes met
    elsewhere."""
    probed = [held.reason for held in ledger.breakers if held.opened >= SETUP_PROBES]
    nodes = {
        name: node
        for name, node in ledger.nodes.items()
        if not any(is_undecided(node.reason, reason) for reason in probed)
    }
    return replace(ledger, nodes=nodes) if len(nodes) < len(ledger.nodes) else ledger


def as_time_goes(ledger: Ledger, now: float) -> Ledger:
    """A node that was avoided for long enough is tried again;
    one that has been good for as long is forgotten."""
    nodes = {name: node for name, each in ledger.nodes.items() if (node := _later(each, now)) is not None}
    return ledger if nodes == ledger.nodes else replace(ledger, nodes=nodes)


def latest(node: Suspect, now: float) -> float:
    """Until when a node that is met like this one would be avoided, or remembered, from now on."""
    return round(now + _seconds(max(1, node.times)), 3)


def tried_again(ledger: Ledger, runs: Sequence[Run], now: float) -> Ledger:
    """The ledger with every node open again, where only avoided nodes would take a run of the batch."""
    held = [node for node in ledger.nodes.values() if node.avoided]
    waiting = _without_a_place(runs)
    if not held or not waiting:
        return ledger
    patience = doubled(NO_OTHER_SECONDS, max(node.times for node in held), LONGEST_WITHOUT_SECONDS)
    since = max(min(waiting), *(node.until - _seconds(node.times) for node in held))
    if since + patience > now:
        return ledger
    return replace(
        ledger,
        nodes={name: _open(node, now) if node.avoided else node for name, node in ledger.nodes.items()},
    )


def stranded(ledger: Ledger, runs: Sequence[Run], now: float) -> tuple[Run, ...]:
    """Runs that wait for a node and start again, uncharged: a pod's affinity cannot be changed later to allow
    a node.

    These are runs kept from a node that has proved good since; and, where nothing runs anywhere, one run, to
    try a node that may be tried again.
    """
    waiting = sorted(
        (run for run in runs if _waits(run) and (run.unplaced_since or 0.0) + SETTLED_SECONDS <= now),
        key=_by_item,
    )
    suspects = {*avoided(ledger), *_tried(ledger)}
    freed = tuple(run for run in waiting if not suspects.issuperset(run.avoids))
    if freed or not _without_a_place(runs):
        return freed
    untried = {name for name in _tried(ledger) if not _is_being_tried(name, runs)}
    return tuple(run for run in waiting if not untried.isdisjoint(run.avoids))[:1]


def none_left(ledger: Ledger, runs: Sequence[Run], now: float) -> Iterator[Blocker]:
    """What the user should know while only avoided nodes would take the batch."""
    waiting = _without_a_place(runs)
    if named(ledger) and waiting and min(waiting) + SETTLED_SECONDS <= now:
        yield Blocker(
            "NoOtherNode", f"No node takes the batch but those that it avoids: {avoided_message(ledger)}", now
        )


def avoided_message(ledger: Ledger) -> str:
    """The avoided nodes as text, the worst first."""
    held = sorted(
        ((name, ledger.nodes[name]) for name in named(ledger)),
        key=lambda each: (-each[1].runs, each[0]),
    )
    return "; ".join(
        f"{name} ({node.runs} {node.reason.value}, until {to_rfc3339(int(node.until))})"
        for name, node in held
    )


def _tried(ledger: Ledger) -> set[str]:
    """Nodes that were avoided and may be tried again."""
    return {name for name, node in ledger.nodes.items() if node.times and not node.avoided}


def _is_being_tried(name: str, runs: Iterable[Run]) -> bool:
    """Whether a live run may go to this node, or is there: a node is tried by one run at a time."""
    return any(name not in run.avoids and run.node in (None, name) for run in runs if run.ended is None)


def _waits(run: Run) -> bool:
    """Whether a run waits for a node, and was kept from some."""
    return run.ended is None and run.unplaced_since is not None and bool(run.avoids)


def _by_item(run: Run) -> tuple[int, int]:
    return run.index, run.number


def _without_a_place(runs: Iterable[Run]) -> list[float]:
    """Since when runs that were kept from some nodes wait for one;
    empty while any run of the batch is on a node."""
    live = [run for run in runs if run.ended is None]
    if any(run.node is not None for run in live):
        return []
    return [run.unplaced_since for run in live if run.unplaced_since is not None and run.avoids]


def _seconds(times: int) -> float:
    return doubled(AVOIDED_SECONDS, times, LONGEST_AVOIDED_SECONDS)


def _later(node: Suspect, now: float) -> Suspect | None:
    if node.until > now:
        return node
    return _open(node, now) if node.avoided else None


def _open(node: Suspect, now: float) -> Suspect:
    """Tried again, and remembered for as long as it was avoided."""
    return replace(node, avoided=False, until=round(now + _seconds(node.times), 3))


def _at_most(nodes: dict[str, Suspect], newest: str) -> dict[str, Suspect]:
    """As many nodes as the status has room for: nodes that are not avoided are dropped first, then those
    whose time is over soonest."""
    while len(nodes) > MAX_NODES:
        del nodes[
            min(
                (name for name in nodes if name != newest),
                key=lambda name: (nodes[name].avoided, nodes[name].until, name),
            )
        ]
    return nodes
