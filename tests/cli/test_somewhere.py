"""Options that say where a command works: the same for every command, handed over as one value."""

from pathlib import Path

import pytest
import typer
import typer.main
from typer.testing import CliRunner

from ingestctl.backends.choice import Where
from ingestctl.commands.every import app
from ingestctl.commands.somewhere import somewhere
from ingestctl.options import PLUGIN

COMMANDS = ("list", "logs", "report", "resume", "retry", "suspend", "watch", "why")
OPTIONS = ["namespace", "context", "kubeconfig", "cluster", "home"]


def given(*words: str, called: str = "ingestctl", home: str | None = None) -> tuple[str, Where, int]:
    """What a command takes that is called with these words."""
    taken: list[tuple[str, Where, int]] = []
    small = typer.Typer()

    @small.command()
    @somewhere
    def command(name: str, *, first: int = 1, where: Where) -> None:
        taken.append((name, where, first))

    CliRunner().invoke(small, words, prog_name=called, catch_exceptions=False, env={"INGEST_HOME": home})
    return taken[0]


def test_a_command_takes_its_options_as_one_place(tmp_path: Path) -> None:
    words = ("talks", "-n", "media", "--context", "gpu", "--kubeconfig", "file", "--home", str(tmp_path))
    assert given(*words, "--first", "2") == (
        "talks",
        Where("media", "gpu", "file", cluster=False, home=tmp_path),
        2,
    )


def test_without_options_it_is_this_machine_and_with_one_the_current_context() -> None:
    assert given("talks") == ("talks", Where(None, None, None, cluster=False, home=None), 1)
    assert given("talks", "--cluster")[1] == Where(None, None, None, cluster=True, home=None)


def test_the_home_may_come_from_the_environment(tmp_path: Path) -> None:
    assert given("talks", home=str(tmp_path))[1].home == tmp_path


def test_as_a_plugin_of_kubectl_it_is_always_a_cluster() -> None:
    assert given("talks", called=PLUGIN)[1] == Where(None, None, None, cluster=True, home=None)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_about_batches_has_the_same_options_for_it(name: str) -> None:
    def shown(command: str) -> list[tuple[list[str], str | None]]:
        found = {each.name: each for each in typer.main.get_command(app).commands[command].params}  # type: ignore[attr-defined]  # a group has them
        return [(found[option].opts, found[option].help) for option in OPTIONS]

    assert shown(name) == shown("why")


def test_help_shows_the_options_together_where_the_place_stands_in_the_function() -> None:
    names = [each.name for each in typer.main.get_command(app).commands["logs"].params]  # type: ignore[attr-defined]  # a group has them
    first = names.index("namespace")
    assert (names[first - 1], names[first : first + 5], names[first + 5]) == ("tail", OPTIONS, "output")
