"""What programs read of the command: names as in the resources, and characters as they are."""

import ast
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml

import ingestctl
from ingest_contract.status import PlanStatus, ReasonCount
from ingest_worker import store
from ingest_worker.store.verification import Severity
from ingestctl import programs
from ingestctl.options import Output
from ingestctl.planning import Planned, document

SOURCE = Path(ingestctl.__file__).parent
STORE = Path(store.__file__).parent
FILES = {
    "bulk.py": "formats of files",
    "running.py": "a file of our own",
    "programs.py": "what is tested here",
}


@dataclass(frozen=True, slots=True)
class Inner:
    media_seconds: float
    kinds: dict[str, int]


@dataclass(frozen=True, slots=True)
class Outer:
    made_at: datetime
    severity: Severity
    inner: tuple[Inner, ...]


ROW = Outer(datetime(2026, 1, 2, tzinfo=UTC), Severity.ERROR, (Inner(1.5, {"shown_run": 2}),))


def keys_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys if isinstance(key, ast.Constant))


def test_fields_have_the_names_that_a_resource_would_give_them_and_values_keep_theirs() -> None:
    assert programs.record(ROW) == {
        "madeAt": "2026-01-02T00:00:00Z",
        "severity": "error",
        "inner": [{"mediaSeconds": 1.5, "kinds": {"shown_run": 2}}],
    }


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_of_the_command_makes_names_or_json_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name in FILES:
        return
    assert "json.dumps(" not in text
    assert "asdict(" not in text
    assert [key for key in keys_in(ast.parse(text)) if "_" in str(key) and key not in PYTHON_NAMES] == []


PYTHON_NAMES = {"dry_run", "retry_failed", "retry_recordings"}
"""Fields that a model is copied with."""


@pytest.mark.parametrize("path", sorted([*SOURCE.rglob("*.py"), *STORE.rglob("*.py")]), ids=str)
def test_no_time_that_may_be_printed_is_a_number(path: Path) -> None:
    fields = [
        each for each in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(each, ast.AnnAssign)
    ]
    times = {ast.unparse(each.target): ast.unparse(each.annotation) for each in fields}
    assert [name for name, kind in times.items() if name.endswith("_at") and "float" in kind] == []


@pytest.mark.parametrize("output", [Output.JSON, Output.YAML])
def test_a_time_is_printed_in_utc_wherever_it_comes_from(
    output: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = datetime(2026, 1, 2, 3, 4, 5, 678_901, timezone(timedelta(hours=9)))
    programs.show({"at": elsewhere}, output)
    assert yaml.safe_load(capsys.readouterr().out) == {"at": "2026-01-01T18:04:05.678Z"}


@pytest.mark.parametrize(("output", "read"), [(Output.JSON, json.loads), (Output.YAML, yaml.safe_load)])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_characters_are_printed_as_they_are_where_standard_output_can(
    output: Output, read: object, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, write_through=True))
    programs.show({"title": "Zoë 東京"}, output)
    text = written.getvalue().decode(encoding)
    assert callable(read)
    assert read(text) == {"title": "Zoë 東京"}
    assert ("Zoë 東京" in text) is (encoding == "utf-8")


def test_what_a_plan_leaves_out_has_the_form_of_the_status() -> None:
    left_out = (ReasonCount(reason="Duplicate", count=2), ReasonCount(reason="TooShort", count=1))
    plan = PlanStatus(sources=1, recordings=0, media_seconds=0, left_out=left_out)
    assert document(Planned((), plan, 0.1))["leftOut"] == json.loads(plan.to_json())["leftOut"]


@pytest.mark.parametrize("output", [Output.JSON, Output.YAML])
def test_what_a_terminal_would_obey_is_escaped(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    programs.show({"title": "evil \u202egnp.exe\x9b2J"}, output)
    said = capsys.readouterr().out
    assert "\u202e" not in said
    assert "\x9b" not in said
    assert yaml.safe_load(said) == {"title": "evil \u202egnp.exe\x9b2J"}
