"""Reads YAML from outside as plain values: every file that a user, a site or a package brings.

Two features of YAML are refused, because nothing needs them: aliases, by which one value appears in many
places, so that 509 bytes become 2 GiB when written out as JSON (the "billion laughs"); and nesting without a
limit.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml

MAX_LEVELS: Final = 50
"""Nesting depth. A batch has about 12 levels;
PyYAML takes three calls for each, of the thousand that Python allows."""


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
        if self._depth == MAX_LEVELS:
            raise yaml.composer.ComposerError(
                None, None, f"more than {MAX_LEVELS} values inside one another", place
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
