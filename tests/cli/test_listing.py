"""The table and the JSON of `ingestctl list`: of batches in every state, on any width, in a pipe."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from ingest_contract.status import Counts
from ingestctl.backends.port import Found, moment_of
from ingestctl.listing import age, show_list
from ingestctl.options import Output
from tests.cli.test_causes import OF_STATES

NOW = 1_800_000_000.0
COUNTS = Counts(total=1300, succeeded=1200, skipped=7, failed=3)


def found(state: str = "Running", name: str = "my-channel") -> Found:
    batch = OF_STATES[state]
    assert batch.status is not None
    status = batch.status.model_copy(update={"counts": COUNTS, "state": state, "progress_percent": 93})
    return Found("talks", name, batch.model_copy(update={"status": status}), moment_of(NOW - 7300))


def shown(*batches: Found, width: int = 180, terminal: bool = False) -> list[str]:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=terminal, no_color=True, markup=False, emoji=False
    )
    show_list(batches, Output.TABLE, NOW, console)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_batch_is_a_line_with_its_counts_progress_and_age() -> None:
    head, line = shown(found())
    assert head.split() == [
        *("NAMESPACE", "NAME", "STATE", "PROGRESS", "DONE"),
        *("SKIPPED", "FAILED", "TOTAL", "ETA", "AGE"),
    ]
    assert line.split() == ["talks", "my-channel", "Running", "93%", "1200", "7", "3", "1300", "-", "2h"]


def test_a_narrow_terminal_gets_what_is_needed_most_and_no_line_is_longer() -> None:
    head, line = shown(found(), width=60)
    assert head.split() == ["NAME", "STATE", "DONE", "FAILED", "TOTAL", "AGE"]
    assert line.split() == ["my-channel", "Running", "1200", "3", "1300", "2h"]
    assert all(len(each) <= 30 for each in shown(found("CompleteWithFailures", "x" * 63), width=30))


@pytest.mark.parametrize("state", OF_STATES)
def test_json_has_the_state_and_the_next_step_of_every_batch(
    state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_list([found(state)], Output.JSON, NOW, Console())
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["reason"], record["counts"]["failed"], record["ageSeconds"]) == (state, 3, 7300)
    assert ": " in record["nextStep"]
    assert record["createdAt"] == "2027-01-15T05:58:20Z"


def test_json_says_of_a_batch_of_this_machine_how_it_goes_on_here(capsys: pytest.CaptureFixture[str]) -> None:
    show_list([replace(found("Suspended"), is_here=True)], Output.JSON, NOW, Console())
    (record,) = json.loads(capsys.readouterr().out)
    assert record["nextStep"] == "The batch is suspended: run `ingestctl run FILE` when it may go on."


def test_a_batch_of_another_version_has_its_line_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    strange = Found("talks", "later", None, None, "spec.colour: no such field")
    assert shown(strange)[1].split()[:3] == ["talks", "later", "Unreadable"]
    show_list([strange], Output.JSON, NOW, Console())
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["state"], record["nextStep"]) == ("Unreadable", "spec.colour: no such field")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (7199, "1h"),
        (7200, "2h"),
        (86_400, "1d"),
        (9e6, "104d"),
    ],
)
def test_an_age_is_short(seconds: float, text: str) -> None:
    assert age(seconds) == text
