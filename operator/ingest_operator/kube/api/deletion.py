"""Batches that are being deleted and are still there, because a finalizer holds them up: for seconds, or
forever.

Nothing of such a batch is wanted any more. Runs are ended as by `suspendMode: Kill`, nothing starts, and its
status is still reported. A batch without a finalizer is never seen in this state: it is gone at once, and the
garbage collector removes what it owns by its owner references. Pure.
"""

from math import inf
from typing import Final

from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.resources import Object

ORPHAN: Final = "orphan"
"""The garbage collector's finalizer of an object that is deleted with `--cascade=orphan`: what it owns must
stay as it is."""


def is_deleted(thing: Object) -> bool:
    """Whether it has been deleted by a user or a controller."""
    return "deletionTimestamp" in thing["metadata"]


def leaves_all_behind(thing: Object) -> bool:
    """Whether it is being deleted, and what it owns must go on without it."""
    return is_deleted(thing) and ORPHAN in (thing["metadata"].get("finalizers") or ())


def being_deleted(batch: Object) -> tuple[Blocker, ...]:
    """The blocker of a batch that is being deleted; none for any other batch."""
    if not is_deleted(batch):
        return ()
    message = (
        f"The batch is being deleted{held_up_by(batch)}. What ran is ended, uncharged, and nothing starts."
    )
    return (Blocker("BeingDeleted", message, inf),)


def held_up_by(thing: Object) -> str:
    """Half a sentence on what holds up the deletion of an object."""
    waits = thing["metadata"].get("finalizers")
    return f", which {' and '.join(waits)} {'holds' if len(waits) == 1 else 'hold'} up" if waits else ""
