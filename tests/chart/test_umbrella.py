"""A chart of somebody's that depends on ours: what Helm hands down to us from it is taken."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.chart import CHART, helm, objects_in, of_kind

PARENT = """apiVersion: v2
name: platform
version: 1.0.0
dependencies:
  - name: video-ingest-operator
    version: ">=0.0.0-0"
    condition: video-ingest-operator.enabled
"""


def rendered(folder: Path, **ours: Any) -> str:
    """The manifest of the parent with values for us."""
    (folder / "charts").mkdir()
    (folder / "Chart.yaml").write_text(PARENT, encoding="utf-8")
    (folder / "charts" / CHART.name).symlink_to(CHART)
    (folder / "values.yaml").write_text(
        json.dumps({CHART.name: ours, "global": {"region": "here"}}), encoding="utf-8"
    )
    run = helm("template", "platform", str(folder), "--namespace=media")
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize("operators", [0, 1])
def test_it_may_switch_us_on_and_off_by_the_condition_that_everybody_uses(
    tmp_path: Path, operators: int
) -> None:
    assert len(of_kind(objects_in(rendered(tmp_path, enabled=operators == 1)), "Deployment")) == operators
