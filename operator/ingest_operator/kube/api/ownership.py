"""Which objects are ours, decided in one place that all code uses. Pure.

Anyone can set names and labels, and a uid is no secret. An object belongs to a batch by its controller: the
one owner reference with `controller: true`, in the owner's own namespace, to exactly that object's uid.
Whoever can write that in a batch's namespace may make its Jobs anyhow; from another namespace it means
nothing, to the garbage collector as to us. Labels are an index and a wake-up, no evidence.
"""

from typing import NamedTuple

from ingest_operator.kube.api.resources import Object


class Identity(NamedTuple):
    """Identifies one object, and no later object of the same name."""

    namespace: str
    uid: str


def identity_of(thing: Object) -> Identity:
    """The identity of an object as the API server shows it."""
    return Identity(thing["metadata"]["namespace"], thing["metadata"]["uid"])


def controller_of(thing: Object) -> Identity | None:
    """The object that controls this one; None if it has no controller."""
    metadata = thing.get("metadata") or {}
    references = metadata.get("ownerReferences") or ()
    uid = next((each.get("uid") for each in references if each.get("controller") is True), None)
    return None if uid is None else Identity(metadata.get("namespace") or "", uid)


def is_controlled(thing: Object, by: Identity) -> bool:
    """Whether an object is controlled by exactly that one."""
    return controller_of(thing) == by
