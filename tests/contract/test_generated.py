"""Generated files are what the models say, and drift is told."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.generated import HEADER, files
from ingest_contract.stalls import cause_and_step
from tests.contract.made import CRDS
from tests.contract.made import FILES as MADE


@pytest.fixture(scope="module")
def again() -> dict[str, str]:
    return files()


def generate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ingest_contract", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_drift_is_reported_by_name_and_fixed_by_generating(tmp_path: Path) -> None:
    assert generate(tmp_path).returncode == 0
    (tmp_path / "docs/failures.md").write_text("edited by hand", encoding="utf-8")
    (tmp_path / "crds/ingestprofiles.yaml").unlink()
    checked = generate(tmp_path, "--check")
    assert (checked.returncode, checked.stdout.splitlines()) == (
        1,
        [
            "crds/ingestprofiles.yaml: has drifted; run `make generate`",
            "docs/failures.md: has drifted; run `make generate`",
        ],
    )
    assert (tmp_path / "docs/failures.md").read_text(encoding="utf-8") == "edited by hand"
    assert generate(tmp_path).returncode == 0
    assert generate(tmp_path, "--check").returncode == 0


@pytest.mark.parametrize("path", MADE)
def test_a_generated_file_says_so_and_is_made_the_same_twice(path: str, again: dict[str, str]) -> None:
    assert any(HEADER in line for line in MADE[path].splitlines()[:3])
    assert again[path] == MADE[path]


@pytest.mark.parametrize("name", CRDS)
def test_a_definition_reads_back_as_it_was_made(name: str) -> None:
    assert yaml.safe_load(MADE[f"crds/{name}"]) == CRDS[name]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_on_the_failure_page_with_its_sentence(reason: Reason) -> None:
    (row,) = [
        line for line in MADE["docs/failures.md"].splitlines() if line.startswith(f"| `{reason.value}` |")
    ]
    assert FAILURES[reason].sentence in row


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_on_the_page_of_why_with_its_next_step(reason: Reason) -> None:
    cause, step = cause_and_step(FAILURES[reason].next_step)
    assert f"| `{reason.value}` | {cause} | {step} |\n" in MADE["docs/why.md"]


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_explained_there(verdict: Verdict) -> None:
    assert f"\n| {verdict.value} |" in MADE["docs/failures.md"]


def test_every_table_on_a_page_has_rows_of_one_width() -> None:
    for path in ("docs/failures.md", "docs/why.md", "docs/reference.md"):
        for table in MADE[path].split("\n\n"):
            widths = {
                line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("|")
            }
            assert len(widths) <= 1, path
