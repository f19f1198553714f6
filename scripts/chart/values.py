"""Reads values.yaml with its prose: every value with its path, its default and what the comment above it
says. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml


@dataclass(frozen=True, slots=True)
class Value:
    """One value that a person may set."""

    path: tuple[str, ...]
    default: object
    said: str
    """The comment above it."""


def values_in(text: str) -> tuple[Value, ...]:
    """Every value of the file, in its order.
    A mapping with keys is a group of values; an empty one is a value."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return tuple(_below(root, (), text.splitlines()))


def _below(node: yaml.Node | None, path: tuple[str, ...], lines: Sequence[str]) -> Iterator[Value]:
    if not isinstance(node, yaml.MappingNode):
        raise TypeError(f"{'.'.join(path) or 'values.yaml'} is no mapping")
    for key, value in node.value:
        here = (*path, str(key.value))
        if (
            isinstance(value, yaml.MappingNode)
            and value.value
            and not value.flow_style
            and not _is_value(key, lines)
        ):
            yield from _below(value, here, lines)
        else:
            yield Value(here, _plain(value), _comment(key, lines))


def _is_value(key: yaml.Node, lines: Sequence[str]) -> bool:
    """A comment right above a mapping says that it is meant as one value: resources, for example."""
    return bool(_comment(key, lines))


def _plain(node: yaml.Node) -> object:
    loader = yaml.SafeLoader("")
    return loader.construct_object(node, deep=True)


def _comment(key: yaml.Node, lines: Sequence[str]) -> str:
    """The lines of comment right above a key, at its own depth, as one text."""
    said: list[str] = []
    margin = " " * key.start_mark.column + "# "
    for line in reversed(lines[: key.start_mark.line]):
        if not line.startswith(margin):
            break
        said.insert(0, line.removeprefix(margin).strip())
    return " ".join(said)
