"""What the chart runs is there, and takes what it is given."""

import argparse
import importlib
from collections.abc import Sequence
from typing import NoReturn

import pytest

from tests.support.chart import CASES, case, pods_in

SLEEP = ["python", "-c", "import signal; signal.pause()"]


def commands_of(name: str) -> set[tuple[str, ...]]:
    """(module, arguments) of everything that the chart runs."""
    return {
        (container["command"][2], *container["args"])
        for spec in pods_in(case(name)).values()
        for container in spec["containers"]
        if container.get("command", SLEEP) != SLEEP
    }


class Understood(Exception):  # noqa: N818 -- no error
    """The command line was read."""


def read_by(module: str, arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the module's own parser read its arguments, and stop there."""
    runs = (
        f"{module}.__main__"
        if importlib.import_module(module).__spec__.submodule_search_locations
        else module
    )
    read = argparse.ArgumentParser.parse_args

    def reading(parser: argparse.ArgumentParser) -> NoReturn:
        read(parser, arguments)
        raise Understood

    with monkeypatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", reading)
        importlib.import_module(runs).main()


@pytest.mark.parametrize("name", CASES)
def test_every_command_of_the_chart_is_one_that_there_is_and_takes_what_it_is_given(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = commands_of(name)
    assert commands
    for module, *arguments in commands:
        with pytest.raises(Understood):
            read_by(module, arguments, monkeypatch)


def test_a_command_that_is_misspelt_would_be_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        read_by("ingest_worker.check", ["--modles=/models"], monkeypatch)
