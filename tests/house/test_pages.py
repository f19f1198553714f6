"""What is written beside the code agrees with it: generated files, examples, and pages that name things."""

import re
from pathlib import Path

import pytest

from ingest_contract.documents import read
from ingest_contract.failures import Reason
from ingest_contract.stalls import STALLS, STATES
from ingest_operator.core.conditions import TOO_MANY_FAILURES
from ingest_operator.core.profile_readiness import POD_NOT_CREATED
from ingest_operator.core.vanished import JOB_VANISHED
from ingest_operator.kube.api.refusals import ANSWERS, NAME_TAKEN
from ingest_operator.kube.manifests.sources import MissingClaimError, MissingSourceError

HOUSE = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((HOUSE / "examples").glob("*.yaml"))
PAGES = [*sorted(HOUSE.glob("*.md")), *sorted((HOUSE / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid(path: Path) -> None:
    assert read(path)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_on_the_failure_page(reason: Reason) -> None:
    assert f"| `{reason.value}` |" in (HOUSE / "docs/failures.md").read_text(encoding="utf-8")


def holds() -> set[str]:
    """Every reason for which the operator can say that a batch is held up,
    beside those of the failure table."""
    code = "".join(path.read_text(encoding="utf-8") for path in (HOUSE / "operator").rglob("*.py"))
    literal = set(re.findall(r'Blocker\(\s*"([A-Za-z]+)"', code))
    literal |= {MissingSourceError.reason, MissingClaimError.reason}
    return (
        literal | {reason for reason, _, _ in ANSWERS.values()} | {JOB_VANISHED, NAME_TAKEN, POD_NOT_CREATED}
    )


def test_every_reason_for_which_a_batch_is_held_up_is_explained_and_no_other() -> None:
    of_plans = {"PlanningFailed", "SourcesInvalid"}
    assert set(STALLS) == holds() | of_plans | {TOO_MANY_FAILURES}
    assert not (set(STALLS) | set(STATES)) & {reason.value for reason in Reason}
    assert not set(STALLS) & set(STATES)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [target for target in LINK.findall(text) if not (path.parent / target).exists()] == []


def test_every_plot_stands_in_a_page_with_words_for_who_does_not_see_it() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    plots = {path.stem for path in (HOUSE / "docs/plots").glob("*.svg")}
    assert plots
    assert set(re.findall(r"!\[[^\]]{40,}\]\(plots/([\w-]+)\.svg\)", pages)) == plots


def test_every_module_that_the_architecture_page_names_exists() -> None:
    page = (HOUSE / "docs/architecture.md").read_text(encoding="utf-8")
    folders = ("crds", "operator", "worker", "cli", "reader", "scripts", "testkit", "charts")
    there = ["/" + str(path.relative_to(HOUSE)) for each in folders for path in (HOUSE / each).rglob("*.*")]
    named = set(re.findall(r"`([\w/.-]+\.(?:py|yaml))`", page))
    assert named
    assert sorted(name for name in named if not any(path.endswith(f"/{name}") for path in there)) == []
