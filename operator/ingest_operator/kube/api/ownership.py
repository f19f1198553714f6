"""What counts as ours, in one place that everything passes. Pure.

Names and labels can be anybody's, and a uid is no secret. What makes an object a batch's own is its
controller: the one owner reference with `controller: true`, in the owner's own namespace, to the very
object's uid. Whoever can write that in a batch's namespace may make its Jobs anyhow; from another namespace
it means nothing, to the garbage collector as to us. Labels are an index and a wake-up, no evidence.
"""

from typing import NamedTuple

from ingest_operator.kube.api.resources import Object


class Identity(NamedTuple):
    """One object and no other that will ever have its name."""

    namespace: str
    uid: str


def identity_of(thing: Object) -> Identity:
    """Of an object as the API server shows it."""
    return Identity(thing["metadata"]["namespace"], thing["metadata"]["uid"])


def controller_of(thing: Object) -> Identity | None:
    """The object that controls this one; None for one that nobody does."""
    metadata = thing.get("metadata") or {}
    references = metadata.get("ownerReferences") or ()
    uid = next((each.get("uid") for each in references if each.get("controller") is True), None)
    return None if uid is None else Identity(metadata.get("namespace") or "", uid)


def is_controlled(thing: Object, by: Identity) -> bool:
    """Whether an object belongs to that very one."""
    return controller_of(thing) == by
