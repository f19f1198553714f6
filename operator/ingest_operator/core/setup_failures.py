"""What a batch need not wait for any more once somebody has mended its setup. Pure.

A new run of the command says so on a workstation, a changed profile in a cluster. A site that asked us to
slow down has not been mended by either, so its breaker stays.
"""

from dataclasses import replace

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_operator.core.ledger import Ledger, Trying


def mended(ledger: Ledger) -> Ledger:
    """The ledger without the breaker, the waits, the window of outcomes and the suspicions that a broken
    setup left."""
    held = (
        ledger.breaker
        if ledger.breaker and FAILURES[ledger.breaker.reason].verdict is Verdict.RETRY_LATER
        else None
    )
    trying = {index: _at_once(item) for index, item in ledger.trying.items()}
    return replace(ledger, breaker=held, recent=(), nodes={}, trying=trying)


def of_setup(reason: Reason | None) -> bool:
    """Whether a reason says that the setup is broken, for every item alike."""
    return reason is not None and FAILURES[reason].verdict is Verdict.STOP_BATCH


def _at_once(item: Trying) -> Trying:
    return replace(item, not_before=0.0) if of_setup(item.reason) and not item.running else item
