"""Figures about the structure of a checkout: `python -m scripts.structure [CHECKOUT]`, this one by default.

Files per folder of the operator, import arrows inside its cluster side, between files and between folders,
and lines of the product over 110 columns. It reads files and imports nothing of them, so any version can be
measured by this one.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

COLUMNS: Final = 110
"""The longest line."""

PRODUCT: Final = (
    "crds/ingest_contract",
    "operator/ingest_operator",
    "worker/ingest_worker",
    "reader/ingest_reader",
    "cli/ingestctl",
)
"""Folders of the packages."""

KUBE: Final = "ingest_operator.kube"


def modules(root: Path) -> dict[str, Path]:
    """Every module of the operator, by its dotted name."""
    top = root / "operator"
    found = {
        path: path.relative_to(top).with_suffix("").parts for path in (top / "ingest_operator").rglob("*.py")
    }
    return {".".join(parts).removesuffix(".__init__"): path for path, parts in found.items()}


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of the operator that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found = inner if inner in known else node.module
                if found in known:
                    yield found


def folder_of(module: str) -> str:
    """The folder of the cluster side in which a module lies, or the module itself where it lies in none."""
    return ".".join(module.split(".")[:3])


def main(root: Path) -> None:
    """Print the figures."""
    known = modules(root)
    folders = Counter(str(path.parent.relative_to(root)) for path in known.values())
    for folder, count in sorted(folders.items()):
        print(f"{count:3} files in {folder}")
    arrows = {
        (module, other)
        for module, path in known.items()
        for other in imports(path, known)
        if module.startswith(KUBE) and other.startswith(KUBE) and module != other
    }
    between = {(folder_of(one), folder_of(other)) for one, other in arrows}
    between = {(one, other) for one, other in between if one != other}
    print(f"{len(arrows):3} arrows between files of kube/")
    circles = sum((other, one) in between for one, other in between)
    print(f"{len(between):3} arrows between its folders, {circles} of them in circles")
    lines: list[str] = []
    for package in PRODUCT:
        for path in (root / package).rglob("*.py"):
            lines += path.read_text(encoding="utf-8").splitlines()
    print(f"{sum(len(line) > COLUMNS for line in lines):3} of {len(lines)} lines over {COLUMNS} columns")


if __name__ == "__main__":
    main(Path(*sys.argv[1:]))
