"""Shared by the commands that write generated files:
write them, or with `--check` report which ones have drifted."""

import argparse
from collections.abc import Mapping
from pathlib import Path


def written_or_checked(prog: str, about: str | None, files: Mapping[str, str]) -> int:
    """The command: `files` maps a path below the current folder to its content. Returns 0 if all are written,
    or if nothing has drifted."""
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail if a generated file is not what it should be",
    )
    check = parser.parse_args().check
    drifted = {
        path: text
        for path, text in files.items()
        if not Path(path).exists() or Path(path).read_text(encoding="utf-8") != text
    }
    for path, text in drifted.items():
        print(f"{path}: {'has drifted; run `make generate`' if check else 'written'}")
        if not check:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text, encoding="utf-8")
    return 1 if check and drifted else 0
