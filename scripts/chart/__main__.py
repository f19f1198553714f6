"""`python -m scripts.chart`: write every generated file of the chart, or with `--check` say which ones have drifted."""

import argparse
import sys
from pathlib import Path
from typing import Final

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
        "templates/_rules.tpl": rules_template(),
        "values.schema.json": values_schema(WRITTEN_SCHEMA.read_text(encoding="utf-8")),
        "README.md": readme(values),
    }
    return {str(CHART / name): text for name, text in made.items()}


def main() -> int:
    """0 when everything is written, or when nothing has drifted."""
    parser = argparse.ArgumentParser(prog="python -m scripts.chart", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a generated file is not what it should be")
    check = parser.parse_args().check
    drifted = {path: text for path, text in files(Path()).items() if not Path(path).exists() or Path(path).read_text("utf-8") != text}
    for path, text in drifted.items():
        print(f"{path}: {'has drifted; run `make generate`' if check else 'written'}")
        if not check:
            Path(path).write_text(text, encoding="utf-8")
    return 1 if check and drifted else 0


if __name__ == "__main__":
    sys.exit(main())
