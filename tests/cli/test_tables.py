"""Tables on terminals of any width: no word is cut or broken into columns of three letters."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from ingestctl.tables import show_table

CELLS = ("1", "Fetch", "", "2026-11-30T10:35:43Z", "The media end before their announced duration")


def shown(width: int, *, rows: int = 2) -> str:
    table = Table("RUN", "PHASE", "NODE", "ENDED", "MESSAGE", box=None, pad_edge=False)
    for _ in range(rows):
        table.add_row(*CELLS)
    out = io.StringIO()
    show_table(table, Console(file=out, width=width, markup=False, highlight=False, emoji=False))
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80])
def test_what_does_not_fit_is_printed_in_paragraphs_whose_lines_fit_and_lose_no_word(width: int) -> None:
    said = shown(width)
    assert max(map(len, said.splitlines())) <= width
    told = f"RUN 1, PHASE Fetch, ENDED {CELLS[3]}, MESSAGE {CELLS[4]}"
    assert " ".join(said.split()) == f"{told} {told}"


@pytest.mark.parametrize("width", [90, 180])
def test_a_wide_terminal_gets_columns(width: int) -> None:
    assert shown(width).splitlines()[0].split() == ["RUN", "PHASE", "NODE", "ENDED", "MESSAGE"]


def test_a_table_that_fits_stays_one_on_a_narrow_terminal() -> None:
    table = Table("KIND", "AT", box=None, pad_edge=False)
    table.add_row("a", "b")
    out = io.StringIO()
    show_table(table, Console(file=out, width=40))
    assert out.getvalue().splitlines()[0].split() == ["KIND", "AT"]
