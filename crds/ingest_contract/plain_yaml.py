"""YAML from outside as plain values: every file that a person, a site or a package brings is read here.

Two things that YAML can do are refused, because nothing needs them: an alias is a value that is written once
and stands in many places, so that 509 bytes become 2 GiB when the value is written out as JSON (the "billion
laughs"); and values nested without end.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml

DEEPEST: Final = 50
"""Values inside one another. A batch has about 12; PyYAML takes three calls for each, of the thousand that
Python has."""


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader without aliases. Anchors that nothing refers to are harmless."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """One value. Raises `yaml.composer.ComposerError`."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it open
        place = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                None, None, f"`*{event.anchor}` repeats a value from elsewhere; write it out", place
            )
        if self._depth == DEEPEST:
            raise yaml.composer.ComposerError(
                None, None, f"more than {DEEPEST} values inside one another", place
            )
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def load(text: str) -> Any:
    """The one document of a text. Raises `yaml.YAMLError`."""
    return yaml.load(text, PlainLoader)  # noqa: S506 -- a safe loader


def load_all(text: str, loader: type[PlainLoader] = PlainLoader) -> Iterator[Any]:
    """The documents of a text. Raises `yaml.YAMLError` while they are read."""
    return yaml.load_all(text, loader)
