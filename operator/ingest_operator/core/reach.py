"""What a batch waits for, at most as far ahead as a wait that begins now. Pure.

A clock that was days ahead for one reconcile would else keep a batch waiting for days. The ledger holds what
comes of it, so the wait has an end.
"""

from dataclasses import replace
from typing import Final

from ingest_operator.core.breaker import LONGEST_WAIT_SECONDS
from ingest_operator.core.ledger import Ledger, OpenItem
from ingest_operator.core.nodes import latest as latest_of
from ingest_operator.core.phases import Phase

SKEW_SECONDS: Final = 60.0
"""Seconds by which a node's clock, which says when a run ended, may be ahead of ours."""


def within_reach(ledger: Ledger, now: float) -> Ledger:
    """The ledger without a retry, a probe or a suspect node that is due later than one could be made due
    now, and without time in which runs were under way that is still to come."""
    latest = round(now + LONGEST_WAIT_SECONDS, 3)
    early = {
        index: replace(item, not_before=latest)
        for index, item in ledger.open_items.items()
        if _waits_longer(item, latest)
    }
    if early:
        ledger = replace(ledger, open_items={**ledger.open_items, **early})
    for phase in Phase:
        held = ledger.breaker_of(phase)
        if held is not None and held.until > latest:
            ledger = ledger.with_gate(phase, ledger.outcomes_of(phase), replace(held, until=latest))
    if ledger.active_until > now + SKEW_SECONDS:
        ledger = replace(ledger, active_until=round(now, 3))
    nodes = {
        name: node if node.until <= latest_of(node, now) else replace(node, until=latest_of(node, now))
        for name, node in ledger.nodes.items()
    }
    return ledger if nodes == ledger.nodes else replace(ledger, nodes=nodes)


def _waits_longer(item: OpenItem, latest: float) -> bool:
    return not item.running and item.not_before > latest
