"""The import contract `pure`: a module whose docstring says that it is pure imports nothing that acts,
whatever lies between the two.

import-linter calls it (`pyproject.toml`). The docstring is the declaration, so no list of modules can fall
behind.
"""

import ast
import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from grimp import ImportGraph
from importlinter import ContractCheck, fields
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.domain.imports import ModuleExpression
from typing_extensions import override

SAYS_SO: Final = re.compile(r"(?:^|[.:]\s|\n)Pure\b")
"""At the beginning of a sentence of a module's docstring."""


class PureContract(ForbiddenContract):
    """`forbidden`, for every module of the graph that says it is pure."""

    type_name = "pure"
    source_modules = fields.SetField(subfield=fields.ModuleExpressionField(), required=False)

    @override
    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        ours = [name for name in graph.modules if not graph.is_module_squashed(name)]
        said = {ModuleExpression(name) for name in pure_among(ours)}
        self.source_modules = said  # type: ignore[assignment]  # the class has the field's type, the contract its value
        return super().check(graph, verbose)


def pure_among(modules: Iterable[str]) -> list[str]:
    """Those that say so."""
    return [
        name
        for name in sorted(modules)
        if SAYS_SO.search(ast.get_docstring(ast.parse(_source_of(name))) or "")
    ]


def _source_of(module: str) -> str:
    """Found without importing anything but what the interpreter must to find a top package."""
    root, *rest = module.split(".")
    spec = find_spec(root)
    if spec is None or not spec.submodule_search_locations:
        return ""
    path = Path(spec.submodule_search_locations[0], *rest)
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text(encoding="utf-8")
