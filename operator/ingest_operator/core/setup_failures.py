"""What a batch need not wait for any more once someone has fixed its setup. Pure.

On a workstation a new run of the command means this, in a cluster a changed profile. Neither fixes a site
that asked us to slow down, so the breaker of that stays.
"""

from dataclasses import replace

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_operator.core.ledger import Ledger, OpenItem
from ingest_operator.core.phases import Phase


def without_setup_failures(ledger: Ledger) -> Ledger:
    """The ledger without the breaker, the waits, the window of outcomes and the suspect nodes that a broken
    setup left."""
    open_item = {index: _at_once(item) for index, item in ledger.open_items.items()}
    ledger = replace(ledger, nodes={}, open_items=open_item)
    for phase in Phase:
        held = ledger.breaker_of(phase)
        stays = held is not None and FAILURES[held.reason].verdict is Verdict.RETRY_LATER
        ledger = ledger.with_gate(phase, (), held if stays else None)
    return ledger


def of_setup(reason: Reason | None) -> bool:
    """Whether a reason means that the setup is broken, for every recording alike."""
    return reason is not None and FAILURES[reason].verdict is Verdict.STOP_BATCH


def _at_once(item: OpenItem) -> OpenItem:
    return replace(item, not_before=0.0) if of_setup(item.reason) and not item.running else item
