"""A table where it fits; where it does not, a paragraph a row, instead of columns of three letters and of
links in pieces."""

from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

NARROW_COLUMNS: Final = 90
"""Columns of a terminal below which a table that does not fit is told in paragraphs."""

_UNBOUND_COLUMNS: Final = 100_000


def show_table(table: Table, to: Console) -> None:
    """Print a table whose cells are text."""
    whole = to.measure(table, options=to.options.update(max_width=_UNBOUND_COLUMNS)).maximum
    if whole <= to.width or (to.width >= NARROW_COLUMNS and not _has_links(table)):
        print_rows(table, to)
        return
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        named = zip((str(column.header) for column in table.columns), map(str, cells), strict=True)
        to.print(
            _lines(", ".join(f"{name} {cell}" for name, cell in named if cell), to.width), soft_wrap=True
        )


def print_rows(table: Table, to: Console) -> None:
    """Print a table in columns. In a pipe no row has spaces at its end: one long cell would bring them to
    every row."""
    if to.is_terminal:
        to.print(table)
        return
    for line in to.render_lines(table, pad=False):
        to.print("".join(segment.text for segment in line).rstrip(), soft_wrap=True)


def _lines(text: str, columns: int) -> str:
    """Words in lines. A link that is longer than a line stays whole: the terminal breaks it, and copies it
    unbroken."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(longer) <= columns:
            lines[-1] = longer
        else:
            lines += [word] if lines[-1] else []
            lines[-1] = word
    return "\n".join(lines)


def _has_links(table: Table) -> bool:
    cells = (str(cell) for column in table.columns for cell in column.cells)
    return any(cell.startswith(("http://", "https://")) for cell in cells)
