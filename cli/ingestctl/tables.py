"""A table where it fits; on a narrow terminal a paragraph a row, instead of columns of three letters."""

from typing import Final

from rich.console import Console
from rich.table import Table

NARROW_COLUMNS: Final = 90
"""Columns of a terminal below which a table that does not fit is told in paragraphs."""

_UNBOUND_COLUMNS: Final = 100_000


def show_table(table: Table, to: Console) -> None:
    """Print a table whose cells are text."""
    whole = to.measure(table, options=to.options.update(max_width=_UNBOUND_COLUMNS)).maximum
    if to.width >= NARROW_COLUMNS or whole <= to.width:
        to.print(table)
        return
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        named = zip((str(column.header) for column in table.columns), map(str, cells), strict=True)
        to.print(", ".join(f"{name} {cell}" for name, cell in named if cell))
