"""Tables on terminals of any width: no word is cut or broken into columns of three letters."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from ingestctl.consoles import results
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


@pytest.mark.parametrize("width", [40, 89, 90, 120])
def test_a_link_is_never_in_pieces(width: int) -> None:
    link = f"https://media.example/{'a-long-name/' * 9}#t=20"
    table = Table("VOICE", "LISTEN", "OPEN", box=None, pad_edge=False)
    table.add_row("Ann", link, "2")
    out = io.StringIO()
    show_table(table, Console(file=out, width=width, markup=False, highlight=False, emoji=False))
    assert f"{link}, OPEN 2" in " ".join(out.getvalue().split())


def test_in_a_pipe_a_row_is_a_line_however_long_and_ends_with_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = Table("NODE", "MESSAGE", box=None, pad_edge=False)
    for message in ("short", "a word " * 200):
        table.add_row("one", message)
    show_table(table, results())
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["NODE  MESSAGE", "one   short", f"one   {'a word ' * 200}".rstrip()]


def test_a_table_that_fits_stays_one_on_a_narrow_terminal() -> None:
    table = Table("KIND", "AT", box=None, pad_edge=False)
    table.add_row("a", "b")
    out = io.StringIO()
    show_table(table, Console(file=out, width=40))
    assert out.getvalue().splitlines()[0].split() == ["KIND", "AT"]
