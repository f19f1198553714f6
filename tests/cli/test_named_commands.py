"""A command that is named is imported alone: the others cost more time than most of them take."""

import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from ingestctl.commands import MODULES
from ingestctl.commands.every import app

_IMPORTED = """
import sys
from ingestctl.__main__ import _app
from ingestctl.commands import MODULES
from typer.main import get_command
names = list(getattr(get_command(_app({arguments})), "commands"))
imported = {{each for each in MODULES.values() if f"ingestctl.commands.{{each}}" in sys.modules}}
print(sorted(imported), names)
"""


def _commands() -> dict[str, Any]:
    return dict(getattr(get_command(app), "commands"))  # noqa: B009  typer does not say that it is a group


def _module(command: Any) -> str:
    """Where a command is, or the first one of a group."""
    first = next(iter(getattr(command, "commands", {"": command}).values()))
    return str(first.callback.__module__)


def test_every_command_but_search_is_in_the_module_that_is_imported_for_it() -> None:
    found = {name: _module(command) for name, command in _commands().items()}
    assert found == {name: f"ingestctl.commands.{module}" for name, module in MODULES.items()} | {
        "search": "ingestctl.asking.command"
    }


@pytest.mark.parametrize(
    ("arguments", "modules", "some"),
    [
        (["list", "--output", "json"], ["following"], ["list", "status", "watch", "why"]),
        (["voices", "list"], ["voices"], ["voices"]),
        (["--version"], [], ["search"]),
    ],
)
def test_a_command_that_is_named_imports_no_other(
    arguments: list[str], modules: list[str], some: list[str]
) -> None:
    program = _IMPORTED.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == f"{modules} {some}"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["lits"]])
def test_where_none_is_named_all_are_there(arguments: list[str]) -> None:
    program = _IMPORTED.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip().endswith(f"{list(_commands())}")
