"""An order that is too long for a variable comes in a file that a variable names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import PlannedSource, PlanOrder
from ingest_contract.order_variables import (
    ORDER_DIGEST_VARIABLE,
    ORDER_FILE_VARIABLE,
    ORDER_VARIABLE,
    order_digest,
)
from ingest_contract.selection import Reprocess, Select
from ingest_worker.__main__ import order_text
from tests.support.worker import SETTINGS, TRACE, Worker, order_for, place_in

MOST_OF_A_VARIABLE = 131_072
"""Linux refuses to start a program with a longer one (MAX_ARG_STRLEN)."""


def a_long_plan(folder: Path, source: Path) -> PlanOrder:
    return PlanOrder(
        trace_id=TRACE,
        batch="default/test",
        sources=(PlannedSource(url=source.as_uri()),),
        select=Select(),
        reprocess=Reprocess.NEVER,
        known=tuple(f"youtube:{number:020d}" for number in range(10_000)),
        settings=SETTINGS,
        fetch=order_for(folder / "media" / "x", place_in(folder, folder)).fetch,
        place=place_in(folder, folder),
    )


def test_a_plan_that_knows_ten_thousand_recordings_is_read_from_a_file_and_carried_out(
    tmp_path: Path,
) -> None:
    file = tmp_path / "order.json"
    file.write_text(a_long_plan(tmp_path, Path("/elsewhere/talk.wav")).to_json(), encoding="utf-8")
    assert file.stat().st_size > MOST_OF_A_VARIABLE
    ended = Worker(file, "postgresql://127.0.0.1:9/none", tmp_path).end()
    assert ended.receipt is not None, ended.log
    assert ended.receipt.reason is Reason.SOURCE_REFUSED
    assert "/elsewhere/talk.wav" in ended.receipt.message
    assert {line["traceId"] for line in ended.log} == {TRACE}


def test_a_mistake_in_the_file_is_reported_in_the_place_that_the_order_names(tmp_path: Path) -> None:
    file = tmp_path / "order.json"
    order = a_long_plan(tmp_path, tmp_path)
    file.write_text(
        order.to_json().replace('"kind":"Plan"', '"kind":"Plan","colour":"red"'), encoding="utf-8"
    )
    ended = Worker(file, "", tmp_path).end()
    assert ended.code == FAILURES[Reason.ORDER_INVALID].exit_code
    assert ended.receipt is not None
    assert "colour" in ended.receipt.message


def test_a_file_that_is_not_there_is_an_order_that_cannot_be_read(tmp_path: Path) -> None:
    ended = Worker(tmp_path / "nothing.json", "", tmp_path).end()
    assert ended.code == FAILURES[Reason.ORDER_INVALID].exit_code
    assert any(
        "the order cannot be read" in line["message"] and "nothing.json" in line["message"]
        for line in ended.log
    )


@pytest.mark.parametrize("variable", [ORDER_VARIABLE, ORDER_FILE_VARIABLE])
def test_an_order_that_somebody_has_replaced_is_not_taken(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "order.json"
    file.write_text("what lies there")
    monkeypatch.setenv(variable, "what lies there" if variable == ORDER_VARIABLE else str(file))
    monkeypatch.setenv(ORDER_DIGEST_VARIABLE, order_digest("what was written"))
    with pytest.raises(ValueError, match="not the one that the operator wrote"):
        order_text()
    assert not {ORDER_VARIABLE, ORDER_FILE_VARIABLE, ORDER_DIGEST_VARIABLE} & os.environ.keys()


def test_an_order_that_is_as_it_was_written_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ORDER_VARIABLE, "as it was written")
    monkeypatch.setenv(ORDER_DIGEST_VARIABLE, order_digest("as it was written"))
    assert order_text() == "as it was written"


def test_a_worker_that_was_given_another_order_writes_nothing_where_that_one_says(tmp_path: Path) -> None:
    order = a_long_plan(tmp_path, tmp_path).model_copy(update={"known": ()})
    environment = {ORDER_VARIABLE: order.to_json(), ORDER_DIGEST_VARIABLE: order_digest("another")}
    ended = subprocess.run(
        [sys.executable, "-m", "ingest_worker"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == FAILURES[Reason.ORDER_INVALID].exit_code
    assert "somebody has replaced the ConfigMap" in ended.stderr
    assert not Path(order.place.receipt).exists()
