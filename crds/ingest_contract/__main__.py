"""`python -m ingest_contract`: write every generated file below the current folder, or with `--check` say which ones have drifted."""

import argparse
import sys
from pathlib import Path

from ingest_contract.generated import files


def main() -> int:
    """0 when everything is written, or when nothing has drifted."""
    parser = argparse.ArgumentParser(prog="python -m ingest_contract", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a generated file is not what it should be")
    check = parser.parse_args().check
    drifted = [path for path, text in files().items() if not Path(path).exists() or Path(path).read_text(encoding="utf-8") != text]
    for path in drifted:
        print(f"{path}: {'has drifted; run `make generate`' if check else 'written'}")
        if not check:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(files()[path], encoding="utf-8")
    return 1 if check and drifted else 0


if __name__ == "__main__":
    sys.exit(main())
