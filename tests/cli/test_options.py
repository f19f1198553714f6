"""Commands that do the same thing have the same options, and an option says the same everywhere."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ingest_operator.local.session import Request
from ingestctl import ending
from ingestctl.commands import planning
from ingestctl.commands.every import app
from ingestctl.commands.setup import EXAMPLE

SOMEWHERE = {"--namespace", "--context", "--kubeconfig", "--cluster", "--home"}
SIGNED = {"--who", "--why", "--dry-run", "--dsn", "--home", "--output"}
SAME = {
    ("run", "plan"): {
        "--volume", "--config-map", "--secret", "--cookies", "--dsn", "--home", "--output"
    },
    ("run", "plan", "doctor"): {"--secret", "--cookies", "--dsn", "--home"},
    ("list", "status", "watch", "why", "logs"): SOMEWHERE | {"--output"},
    ("report", "suspend", "resume", "retry"): SOMEWHERE,
    ("search", "serve", "mcp"): {"--model-set", "--model", "--dsn", "--home"},
    ("voices name", "voices merge", "voices split", "voices correct", "voices undo", "forget"): SIGNED,
    ("voices split", "voices correct"): {"--from", "--to"},
    ("list", "voices list", "tombstones list", "models list", "voices show", "voices history", "verify"): {
        "--home", "--output"
    },
    ("forget", "tombstones lift"): {"--recording", "--voice", "--channel", "--dsn", "--home"},
}  # fmt: skip
"""Commands, and what each of them must have, because the others do the same with it."""

OTHERWISE = {
    "--channel": "one filters, one forgets",
    "--dry-run": "nothing is removed, or nothing changed",
    "--limit": "passages, or voices",
    "--namespace": "of this machine, or also of a cluster",
    "--recording": "where to look, what to forget, where somebody speaks",
    "--to": "a file, or the end of a stretch",
    "--token-file": "the reader's own, or that of one that is asked",
    "--voice": "who is forgotten, or who is mistaken",
    "--why": "of a tombstone no names",
}
"""Options whose words differ, and why."""


def commands() -> Iterator[tuple[str, Any]]:
    """Each command by its words."""

    def below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name, each in getattr(command, "commands", {}).items():
            yield from below(each, (*words, name))
        if not hasattr(command, "commands"):
            yield " ".join(words), command

    yield from below(get_command(app), ())


COMMANDS = dict(commands())


def options(command: str) -> dict[str, Any]:
    """Its options by their long names."""
    return {each.opts[0]: each for each in COMMANDS[command].params if each.opts[0].startswith("--")}


@pytest.mark.parametrize(("names", "wanted"), SAME.items())
def test_commands_that_do_the_same_have_the_same_options(names: tuple[str, ...], wanted: set[str]) -> None:
    assert {name: wanted - options(name).keys() for name in names} == {name: set() for name in names}


@pytest.mark.parametrize("name", COMMANDS)
def test_whoever_opens_a_store_may_say_which_and_where(name: str) -> None:
    there = options(name).keys()
    assert "--dsn" not in there or "--home" in there


def test_an_option_says_the_same_in_every_command() -> None:
    said: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for command in COMMANDS:
        for name, each in options(command).items():
            said[name].add((each.help, str(each.default), str(each.envvar)))
    assert {name for name, ways in said.items() if len(ways) > 1} == OTHERWISE.keys()


def test_a_letter_stands_for_one_option_in_every_command() -> None:
    meant: dict[str, set[str]] = defaultdict(set)
    for command in COMMANDS:
        for name, each in options(command).items():
            for letter in each.opts[1:]:
                meant[letter].add(name)
    assert {letter: names for letter, names in meant.items() if len(names) > 1} == {}


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("export --all --to x", "name another place (--to, --home)."),
        ("verify -o json", "name another place (--home)."),
        ("voices split #1 --from 1 --to 2", "name another place (--home)."),
        ("models fetch demo", "name another place (--home)."),
        ("example", "Next: make room there."),
        ("--version", "Next: make room there."),
        ("tombstones", "Next: make room there."),
    ],
)
def test_advice_names_only_options_that_the_command_has(line: str, named: str) -> None:
    found = ending.of(
        OSError(28, "No space left on device", "/srv"),
        lambda: ending.places(get_command(app), line.split()),
    )
    assert found is not None
    assert found.lines[0].endswith(named)


def test_a_plan_asks_sites_with_the_cookies_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Request] = []

    async def planned(request: Request, *_: object) -> None:
        asked.append(request)

    monkeypatch.setattr(planning, "planned", planned)
    monkeypatch.setattr(planning, "show_plan", lambda *_: None)
    monkeypatch.setattr(planning, "connect", lambda *_, **__: nullcontext())
    monkeypatch.setattr(planning, "require_schema", lambda _: None)
    (cookies := tmp_path / "cookies.txt").write_text("# Netscape HTTP Cookie File\n")
    (batch := tmp_path / "batch.yaml").write_text(EXAMPLE)
    line = ["plan", str(batch), "--cookies", str(cookies), "--dsn", "host=nowhere", "--home", str(tmp_path)]
    done = CliRunner().invoke(app, line, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert [each.mounts.cookies for each in asked] == [cookies]
