"""The finalizer of a SpeakerProfile: as long as it is there, the store may hold a voice that nobody wants any
more. Pure.

It is the only finalizer of this API. Somebody who deletes a person must not be told that it is done before it
is.
"""

from typing import Final

from ingest_contract.names import GROUP
from ingest_operator.kube.api.resources import Object

FORGET: Final = f"{GROUP}/forget"


def has_finalizer(thing: Object) -> bool:
    """Whether the voice is to be forgotten before the object may go."""
    return FORGET in (thing["metadata"].get("finalizers") or ())


def with_finalizer(thing: Object) -> Object:
    """The merge patch that adds it to this version of the object."""
    return _patch(thing, [*(thing["metadata"].get("finalizers") or ()), FORGET])


def without_finalizer(thing: Object) -> Object:
    """The merge patch that takes it from this version of the object."""
    return _patch(thing, [each for each in thing["metadata"].get("finalizers") or () if each != FORGET])


def by_hand(thing: Object) -> str:
    """What somebody can do who does not want to wait."""
    name = thing["metadata"]["name"]
    voice = (thing.get("spec") or {}).get("displayName") or name
    return (
        f"Whoever takes the finalizer {FORGET} from it (kubectl edit speakerprofile {name}) lets it go as it "
        f"is; what the store knows of the voice stays there until `ingestctl forget --voice {voice!r}`."
    )


def _patch(thing: Object, finalizers: list[str]) -> Object:
    known = {key: thing["metadata"][key] for key in ("uid", "resourceVersion")}
    return {"metadata": known | {"finalizers": finalizers}}
