"""A release from one version to the next, back, away and here again,
while workers run: none of them notices."""

import shutil
from pathlib import Path
from typing import Any

from testkit.release.batches import Batch, batch
from testkit.release.installed import INSTALL
from testkit.release.place import CHART, NAMESPACE, RELEASE, Place

FILES = ["talk.mp4", "call.webm"]
COLUMNS = "    additionalPrinterColumns:\n"
TITLE = f"{COLUMNS}    - {{name: Title, type: string, jsonPath: .metadata.annotations.title}}\n"


def test_an_upgrade_with_other_values_and_other_definitions_restarts_no_worker_and_can_be_taken_back(
    here: Place,
) -> None:
    upgraded = batch(here, "upgraded", FILES)
    _next_version(here)
    with here.transcript.phase("upgrade and rollback"):
        working = upgraded.until_working()
        before = here.read("pods", working)["metadata"]["uid"]
        here.helm(
            f"upgrade {INSTALL.replace('charts/', 'next/')} --set "
            "operator.sweepSeconds=120 --set worker.cpus=2"
        )
        assert "TITLE" in here.kubectl("get ib upgraded", shown=False)
        assert here.read("ingestprofiles", "default")["spec"]["pods"]["cpus"] == 2
        here.helm(f"rollback {RELEASE} 1 --namespace {NAMESPACE} --wait")
        assert "TITLE" not in here.kubectl("get ib upgraded", shown=False)
        assert here.read("ingestprofiles", "default")["spec"]["pods"]["cpus"] == 1
        done = upgraded.done()
    _nobody_noticed(here, upgraded, done)
    assert here.read("pods", working)["metadata"]["uid"] == before


def test_what_is_uninstalled_leaves_batches_workers_and_rows_and_goes_on_when_it_is_back(here: Place) -> None:
    left = batch(here, "left", FILES)
    with here.transcript.phase("uninstall and reinstall"):
        working = left.until_working()
        here.helm(f"uninstall {RELEASE} --namespace {NAMESPACE} --wait --timeout 5m")
        here.until(
            lambda: here.read("pods", working)["status"]["phase"] in ("Succeeded", "Failed"),
            "the worker ends by itself",
        )
        assert left.status["counts"]["succeeded"] == 0, "nobody counts while there is no operator"
        assert here.queried("select count(*) from ingest.run where batch = %s", f"{NAMESPACE}/left") == [(1,)]
        here.helm(f"install {INSTALL}")
        done = left.done()
    _nobody_noticed(here, left, done)


def _next_version(here: Place) -> None:
    """The chart with one more column in a definition."""
    there = here.folder / "next" / CHART.name
    shutil.copytree(CHART, there)
    definition = there / "files" / "crds" / "ingestbatches.yaml"
    text = definition.read_text(encoding="utf-8")
    _write(definition, text.replace(COLUMNS, TITLE), text)
    chart = there / "Chart.yaml"
    text = chart.read_text(encoding="utf-8")
    _write(chart, text.replace("\nversion: 0.1.0", "\nversion: 0.1.1"), text)


def _write(path: Path, text: str, before: str) -> None:
    assert text != before
    path.write_text(text, encoding="utf-8")


def _nobody_noticed(here: Place, batch: Batch, done: dict[str, Any]) -> None:
    """Each recording was done by one process that nobody disturbed."""
    assert done["counts"]["succeeded"] == len(FILES), here.trouble()
    assert {(row["run"], row["chargedAttempts"]) for row in done["recordings"]} == {(1, 0)}
    ends = [pod["status"]["containerStatuses"][0] for pod in batch.workers()]
    assert [(end["restartCount"], end["state"]["terminated"]["exitCode"]) for end in ends] == [(0, 0)] * len(
        FILES
    )
