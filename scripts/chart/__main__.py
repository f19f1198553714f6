"""`python -m scripts.chart`: write every generated file of the chart,
or with `--check` say which ones have drifted."""

import sys
from pathlib import Path
from typing import Final

from ingest_contract.drift import written_or_checked
from scripts.chart.defaults import defaults_template
from scripts.chart.readme import readme
from scripts.chart.rules import rules_template
from scripts.chart.schema import values_schema
from scripts.chart.values import values_in

CHART: Final = Path("charts/video-ingest-operator")
WRITTEN_SCHEMA: Final = Path(__file__).with_name("values.schema.yaml")


def files(checkout: Path) -> dict[str, str]:
    """Path below the checkout to content."""
    values = values_in((checkout / CHART / "values.yaml").read_text(encoding="utf-8"))
    made = {
        "templates/_defaults.tpl": defaults_template(values),
        "templates/_rules.tpl": rules_template(),
        "values.schema.json": values_schema(WRITTEN_SCHEMA.read_text(encoding="utf-8")),
        "README.md": readme(values),
    }
    return {str(CHART / name): text for name, text in made.items()}


if __name__ == "__main__":
    sys.exit(written_or_checked("python -m scripts.chart", __doc__, files(Path())))
