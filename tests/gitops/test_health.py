"""What GitOps tools make of batches, schedules, profiles and voices in every state, each asked by its own
library.

The table in docs/gitops.md says the same.
"""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.cluster.binaries import program
from testkit.tools.judges import RefusedByJudge, argocd, flux, kstatus
from tests.gitops.states import BATCHES, PROFILES, SCHEDULES, SPEAKERS

HOUSE = Path(__file__).parents[2]
GITOPS = HOUSE / "examples" / "gitops"
EXPRESSIONS: dict[str, dict[str, str]] = {
    each["kind"]: {name: each[name] for name in ("inProgress", "failed", "current")}
    for each in yaml.safe_load((GITOPS / "flux" / "batches.yaml").read_text(encoding="utf-8"))["spec"][
        "healthCheckExprs"
    ]
}
SCRIPTS = {
    kind: (GITOPS / "argocd" / "health" / kind / "health.lua").read_text(encoding="utf-8")
    for kind in ("IngestBatch", "IngestSchedule", "IngestProfile", "SpeakerProfile")
}
OBJECTS = [*BATCHES.items(), *SCHEDULES.items(), *PROFILES.items(), *SPEAKERS.items()]
NAMES = [f"{thing['kind']}: {state}" for state, thing in OBJECTS]


def table() -> dict[tuple[str, str], tuple[str, str, str]]:
    """(kstatus, Flux, Argo CD) by kind and state, as the page has it."""
    found = {}
    for line in (HOUSE / "docs" / "gitops.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0] in EXPRESSIONS:
            found[cells[0], cells[1]] = (cells[2], cells[3], cells[4])
    return found


@pytest.mark.parametrize(("state", "thing"), OBJECTS, ids=NAMES)
def test_the_judges_say_of_a_state_what_the_page_says(state: str, thing: dict[str, Any]) -> None:
    kind = thing["kind"]
    said = kstatus(thing)[0], flux(thing, EXPRESSIONS[kind])[0], argocd(thing, SCRIPTS[kind])[0]
    assert said == table()[kind, state]


def test_the_page_has_a_row_for_every_state_and_no_others() -> None:
    assert set(table()) == {(thing["kind"], state) for state, thing in OBJECTS}


def test_argo_cd_shows_why() -> None:
    def why(state: str) -> str:
        return argocd(BATCHES[state], SCRIPTS["IngestBatch"])[1]

    assert why("too many failures").startswith("TooManyFailures: 1 of 10 failed")
    assert why("planning, and its profile is missing").startswith(
        "ProfileMissing: There is no IngestProfile gpus"
    )
    assert why("complete with failures") == "WithFailures: 9 succeeded, 0 skipped, 1 failed of 10"
    assert why("running") == "Running: 0 %"
    assert (
        argocd(SCHEDULES["the last batch has failed"], SCRIPTS["IngestSchedule"])[1]
        == "nightly-202701150230: Failed"
    )


@pytest.mark.parametrize("kind", SCRIPTS)
def test_an_object_without_any_status_is_waited_for(kind: str) -> None:
    bare = {
        "apiVersion": "video-ingest.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "talks", "generation": 1},
        "spec": {},
    }
    assert argocd(bare, SCRIPTS[kind]) == ("Progressing", "Waiting for the operator")


def test_a_wait_for_a_batch_never_lasts_as_long_as_its_work() -> None:
    running = BATCHES["running"]
    assert kstatus(running)[0] == flux(running, EXPRESSIONS["IngestBatch"])[0] == "Current"
    assert argocd(running, SCRIPTS["IngestBatch"])[0] == "Healthy"


def test_a_mistake_in_an_expression_or_a_script_would_be_reported() -> None:
    with pytest.raises(RefusedByJudge, match="condition"):
        flux(
            BATCHES["running"],
            EXPRESSIONS["IngestBatch"] | {"current": "status.condition.exists(c, c.type == 'Ready')"},
        )
    with pytest.raises(RefusedByJudge, match="nil"):
        # Argo CD gives scripts no strings
        argocd(BATCHES["running"], "return {status = string.upper('healthy')}")


def test_argo_cd_is_taught_with_the_scripts_that_are_tested() -> None:
    built = subprocess.run(
        [program("kubectl"), "kustomize", str(GITOPS / "argocd")], capture_output=True, text=True, check=True
    ).stdout
    data = yaml.safe_load(built)["data"]
    assert data == {
        f"resource.customizations.health.video-ingest.dev_{kind}": script for kind, script in SCRIPTS.items()
    }
