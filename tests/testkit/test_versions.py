"""What the test kit makes is kept in the cache by a version that its maker says, not by its source: so a
maker that changes must say another one, or old speech goes on being heard."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

KIT = Path(__file__).parents[2] / "testkit"
MAKERS = {
    "dialogue": ("speech/dialogue.py", "speech/phonemes.py", "speech/voices.py", "speech/audio.py"),
    "clips": ("speech/catalogue.py", "speech/audio.py"),
    "media": ("media/packing.py", "speech/audio.py"),
    "foreign": ("speech/foreign.py", "speech/dialogue.py", "speech/voices.py", "speech/audio.py"),
    "sentences": ("speech/sentences.py", "speech/dialogue.py", "speech/voices.py", "speech/audio.py"),
    "languages": ("speech/languages.py", "speech/dialogue.py", "speech/voices.py", "speech/audio.py"),
    "community1": ("models/community1.py", "models/elf.py", "models/ort.py", "models/pyannote_weights.py"),
}
"""What is made: the file that says its version, and the others that make it."""

RECORDED = {
    "dialogue": (1, "8b186fca27b16b50"),
    "clips": (1, "825987c67877f5ba"),
    "media": (2, "1979d3da67586d64"),
    "foreign": (1, "c292a827417681b5"),
    "sentences": (1, "c354a250d07d8eda"),
    "languages": (1, "0414567f73cb170e"),
    "community1": (1, "a0a3f5bdaaa08493"),
}
"""(version, digest of the makers). Where a test finds another digest: if anything is made otherwise than
before, raise the module's `VERSION`; write both down here."""


def said(node: object) -> Iterator[str]:
    """A syntax tree without imports, docstrings and annotations: formatting changes nothing of it, nor does
    another Python."""
    if isinstance(node, list):
        for each in node:
            if not isinstance(each, ast.Import | ast.ImportFrom) and not is_text(each):
                yield from said(each)
    elif isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in sorted(ast.iter_fields(node)):
            if name not in ("kind", "type_comment", "type_params", "annotation", "returns"):
                yield name
                yield from said(value)
    elif node is not None:
        yield repr(node)


def is_text(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def version(tree: ast.Module) -> object:
    return next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "VERSION" and node.value
    )


@pytest.mark.parametrize("name", MAKERS)
def test_a_maker_that_changes_says_another_version(name: str) -> None:
    trees = [ast.parse((KIT / file).read_text(encoding="utf-8")) for file in MAKERS[name]]
    parts = "\n".join(part for tree in trees for part in said(tree.body))
    assert (version(trees[0]), hashlib.sha256(parts.encode()).hexdigest()[:16]) == RECORDED[name]
