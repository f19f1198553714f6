"""How many examples a property is tried with: as many as it needs in `make test`, and the same share of them
in `make quick`. Under `CI` the same code gets the same examples: what is refused there is a change and no
chance. Everywhere else they are new ones each time."""

import os
from typing import Any, Final

from hypothesis import settings

WHOLE: Final = 100
"""Examples of a property that says nothing else, in `make test`."""

QUICK: Final = 15
"""The same in `make quick`: most mistakes show in the first few."""


def register() -> None:
    """The profiles `house`, which is loaded, and `quick` (`pytest --hypothesis-profile=quick`)."""
    # a busy machine is no fault of the code
    repeatable = bool(os.environ.get("CI"))
    settings.register_profile(
        "house", deadline=None, print_blob=True, max_examples=WHOLE, derandomize=repeatable
    )
    settings.register_profile("quick", settings.get_profile("house"), max_examples=QUICK)
    settings.load_profile("house")


def examples(number: int, **more: Any) -> settings:
    """For a property that needs another number of examples than most."""
    return settings(max_examples=max(5, number * settings().max_examples // WHOLE), **more)
