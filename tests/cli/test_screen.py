"""What a person reads while a batch runs: a line for a change, whatever a site put into a title."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.status import ItemState, VideoStatus
from ingestctl.screen import change_of, table_of, title_of
from tests.support.statuses import a_status

FORGED = "A talk\n100%  done      every other talk\r\x0b\x0c\x1c\x85\u2028\u2029  RTF 0.1"


def an_item(title: str, url: str = "https://media.example/talk.mp4") -> Item:
    return Item(index=0, id="test:one", url=url, title=title)


def a_row(state: ItemState, message: str = "") -> VideoStatus:
    return VideoStatus(index=0, id="test:one", state=state, number=1, reason=Reason.UNKNOWN, message=message)


@pytest.mark.parametrize("state", ItemState)
def test_a_change_of_one_recording_is_one_line_whatever_its_title_and_reason_hold(state: ItemState) -> None:
    line = change_of(a_row(state, message=FORGED), an_item(FORGED))
    assert len(line.splitlines()) == 1
    assert "A talk 100% done every other talk RTF 0.1" in line


def test_a_row_of_the_table_is_one_line_too() -> None:
    status = a_status(count=1)
    out = io.StringIO()
    rows = (a_row(ItemState.FAILED, message=FORGED),)
    Console(file=out, width=300).print(table_of(status.model_copy(update={"videos": rows}), (an_item(FORGED),)))
    assert len(out.getvalue().splitlines()) == 2, "the head and the row"


@pytest.mark.parametrize(("title", "shown"), [("東" * 30, "東" * 21 + "…"), ("กี่" * 44, "กี่" * 44), ("a" * 45, "a" * 43 + "…")])
def test_a_title_is_cut_where_it_is_as_wide_as_there_is_room(title: str, shown: str) -> None:
    assert title_of(an_item(title)) == shown
    assert cell_len(shown) <= 44


def test_a_title_of_nothing_but_line_ends_gives_way_to_the_address() -> None:
    assert title_of(an_item("\n \r\n")) == "talk.mp4"
