"""Batches that somebody has deleted and that are still there, because a finalizer holds them up: for seconds,
or for ever.

Nothing of such a batch is wanted any more. What runs is ended as by `suspendMode: Kill`, nothing starts, and
its status goes on being told. Of one without a finalizer nothing is seen: it is gone at once, and what it
owns goes by its owner references. Pure.
"""

from math import inf
from typing import Final

from ingest_operator.core.blocker import Hindrance
from ingest_operator.kube.api.resources import Object

ORPHAN: Final = "orphan"
"""The garbage collector's finalizer of an object that is deleted with `--cascade=orphan`: what it owns is to
stay as it is."""


def is_deleted(thing: Object) -> bool:
    """Whether somebody has deleted it."""
    return "deletionTimestamp" in thing["metadata"]


def leaves_all_behind(thing: Object) -> bool:
    """Whether it goes, and whoever deleted it wants what it owns to go on without it."""
    return is_deleted(thing) and ORPHAN in (thing["metadata"].get("finalizers") or ())


def being_deleted(batch: Object) -> tuple[Hindrance, ...]:
    """What is told of a batch that is being deleted; nothing of any other."""
    if not is_deleted(batch):
        return ()
    message = (
        f"The batch is being deleted{held_up_by(batch)}. What ran is ended, uncharged, and nothing starts."
    )
    return (Hindrance("BeingDeleted", message, inf),)


def held_up_by(thing: Object) -> str:
    """Half a sentence on what keeps something that is being deleted from going."""
    waits = thing["metadata"].get("finalizers")
    return f", which {' and '.join(waits)} {'holds' if len(waits) == 1 else 'hold'} up" if waits else ""
