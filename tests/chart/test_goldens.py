"""What each set of values renders, against what it rendered when somebody last looked.

`pytest tests/chart --rewrite-goldens` writes it anew.
"""

from pathlib import Path

import pytest
import yaml

from tests.support.chart import CASES, Json, case

GOLDENS = Path(__file__).parents[1] / "goldens" / "chart"


def shown(objects: list[Json]) -> str:
    """The objects as a person compares them:
    sorted, and without what lies in files of the chart word by word."""
    ordered = sorted(
        objects,
        key=lambda each: (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]),
    )
    return yaml.safe_dump_all([short(each) for each in ordered], sort_keys=True, width=140)


def short(thing: Json) -> Json:
    if thing["kind"] == "CustomResourceDefinition":
        return {part: thing[part] for part in ("apiVersion", "kind", "metadata")}
    if "video-ingest.json" in thing.get("data", {}):
        return thing | {"data": sorted(thing["data"])}
    return thing


@pytest.mark.parametrize("name", CASES)
def test_a_set_of_values_renders_what_it_did(name: str, request: pytest.FixtureRequest) -> None:
    golden = GOLDENS / f"{name}.yaml"
    if request.config.getoption("--rewrite-goldens", default=False):
        golden.write_text(shown(case(name)), encoding="utf-8")
    assert shown(case(name)) == golden.read_text(encoding="utf-8")


def test_no_golden_is_left_of_a_set_that_is_gone() -> None:
    assert sorted(path.stem for path in GOLDENS.glob("*.yaml")) == list(CASES)
