"""What can be read of an object that the API server accepts and this version knows only in part, and what
cannot, by place. Pure.

The definitions in a cluster may be of another version than the operator: after a rollback, or with two
releases. An unknown field may mean anything, so a caller that reads an object this way reports what was
ignored, and starts nothing based on it.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import ValidationError

from ingest_contract.base import ContractModel
from ingest_contract.mistakes import mistakes_of
from ingest_operator.kube.api.resources import Object

ROUNDS: Final = 8
"""How often unreadable parts are removed before the object counts as unreadable: a mistake below another one
shows only after that one is removed."""

SHOWN_MISTAKES: Final = 3
"""The most mistakes that a message names."""

MISTAKE_CHARACTERS: Final = 240
"""Characters of each mistake: the list of known fields may be long."""

M = TypeVar("M", bound=ContractModel)

Place = tuple[int | str, ...]
"""Keys and positions from the root of a document."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[M]):
    """An object, as far as it can be read."""

    value: M | None
    """None where nothing useful is left."""
    mistakes: tuple[str, ...] = ()
    """What was ignored, each with its place."""
    unknown: bool = False
    """Whether something was ignored that is there and may mean anything; False where things are only missing,
    as definitions of another version drop them."""

    @property
    def text(self) -> str:
        """The mistakes as one line for the user."""
        more = len(self.mistakes) - SHOWN_MISTAKES
        return "; ".join(each[:MISTAKE_CHARACTERS] for each in self.mistakes[:SHOWN_MISTAKES]) + (
            f" (and {more} more)" if more > 0 else ""
        )


def reading(model: type[M], content: Object) -> Reading[M]:
    """The content without what the model rejects."""
    left, mistakes, unknown = content, list[str](), False
    for _ in range(ROUNDS):
        try:
            return Reading(model.from_object(left), tuple(mistakes), unknown)
        except ValidationError as error:
            mistakes += mistakes_of(error, model)
            found = error.errors(include_url=False)
            unknown = unknown or any(details["type"] != "missing" for details in found)
            left = _without(left, (details["loc"] for details in found))
    return Reading(None, tuple(mistakes), unknown=True)


def _without(content: Object, places: Iterable[Place]) -> Object:
    """A copy without what is at these places; for a missing field, without the object that lacks it."""
    left = copy.deepcopy(content)
    for place in sorted(set(places), key=_from_the_end, reverse=True):
        _remove(left, place)
    return left


def _from_the_end(place: Place) -> list[tuple[int, str]]:
    """Sort key, used in reverse: later entries of a list are removed first,
    so that the others keep their positions."""
    return [(part, "") if isinstance(part, int) else (-1, part) for part in place]


def _remove(thing: Any, place: Place) -> None:
    above: tuple[Any, int | str] | None = None
    for part in place:
        known = isinstance(thing, dict) and part in thing
        if not known and not (isinstance(thing, list) and isinstance(part, int) and part < len(thing)):
            break
        above, thing = (thing, part), thing[part]
    if above is not None:
        del above[0][above[1]]
