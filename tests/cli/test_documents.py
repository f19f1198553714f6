"""What the pages tell people to type is what the command understands,
and what they tell people to write is valid."""

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml
from typer.testing import CliRunner

from ingest_contract.documents import parse
from ingest_reader.exports.document import document
from ingest_worker.models import load_set
from ingest_worker.store.connect import connect
from ingest_worker.store.schema import ensure_dimension
from ingestctl.commands.every import app
from ingestctl.commands.models import group as models_group
from testkit.postgres import DIMENSION
from tests.cli.talks import TALK
from tests.worker.store.makers import content, store

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
VALUES = ROOT / "charts" / "video-ingest-operator" / "values.schema.json"
HOW_TO = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def typed() -> Iterator[tuple[str, str]]:
    """(page, command) of every line in a shell block."""
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8"), "sh"):
            for line in block.splitlines():
                if line.startswith("ingestctl"):
                    yield page.name, line


def mentioned() -> Iterator[tuple[str, str]]:
    """(page, command) of every command in running text; it may lack arguments."""
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for command in re.findall(r"`(ingestctl [^`]+)`", prose):
            yield page.name, command


def understood(line: str) -> None:
    """Parse a command as the shell and the program would, and run nothing.
    Raises what the program would say."""
    words = shlex.split(line, comments=True)
    end = next((i for i, word in enumerate(words) if word in (">", "|")), len(words))
    command, context, rest = typer.main.get_command(app), None, words[1:end]
    with suppress(typer.Exit):  # an option that ends the program, as `--version` does
        while hasattr(command, "resolve_command"):
            context = command.make_context(command.name, rest, parent=context)
            name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert command is not None, name
        command.make_context(command.name, rest, parent=context)


@pytest.mark.parametrize(("page", "line"), tuple(typed()))
def test_every_command_to_type_is_understood(page: str, line: str) -> None:
    assert page
    understood(line)


@pytest.mark.parametrize(("page", "line"), tuple(mentioned()))
def test_every_command_in_the_text_exists_with_its_options(page: str, line: str) -> None:
    assert page
    try:
        understood(line)
    except typer.TyperException as error:
        if type(error).__name__ != "MissingParameter":
            raise


@pytest.mark.parametrize(
    "line",
    [
        "ingestctl serach x",
        "ingestctl search x --speeker ann",
        "ingestctl search x --limit many",
        "ingestctl models",
    ],
)
def test_a_mistake_on_a_page_would_be_found(line: str) -> None:
    with pytest.raises((typer.TyperException, SystemExit, typer.Exit)):
        understood(line)


@pytest.mark.parametrize("block", blocks("".join(page.read_text(encoding="utf-8") for page in PAGES), "yaml"))
def test_every_file_on_the_pages_is_valid(block: str, tmp_path: Path) -> None:
    for found in yaml.safe_load_all(block):
        if "video-ingest.dev" in found.get("apiVersion", "") or found.get("kind", "").startswith("Ingest"):
            parse(found)
        elif isinstance(found.get("models"), list):
            (tmp_path / "set.yaml").write_text(block)
            load_set(str(tmp_path / "set.yaml"))
        elif found.get("kind") == "Role":  # test_least_roles.py gives it to somebody on an API server
            assert [set(rule) for rule in found["rules"]] == [{"apiGroups", "resources", "verbs"}] * len(
                found["rules"]
            )
        else:
            jsonschema.validate(found, json.loads(VALUES.read_text(encoding="utf-8")))


def commands() -> list[tuple[str, str | None]]:
    """(words behind `ingestctl`, epilog) of every command."""
    own = [(info, "") for info in app.registered_commands] + [
        (info, "models ") for info in models_group.registered_commands
    ]
    return [
        ("models", models_group.info.epilog),
        *(
            (f"{path}{info.name or getattr(info.callback, '__name__', '')}", info.epilog)
            for info, path in own
        ),
    ]


def examples(epilog: str) -> list[str]:
    """Each example of a command's help, as it is typed without kubectl or a shell's `source <(...)`."""
    parts = re.split(r"; |\n+", re.sub(r"^Examples?: ", "", epilog))
    plain = [
        re.sub(r"^source <\((.*)\)$", r"\1", part).replace("kubectl ingest ", "ingestctl ", 1)
        for part in parts
    ]
    return [part for part in plain if part.startswith("ingestctl ")]


@pytest.mark.parametrize(("words", "epilog"), commands())
def test_every_command_s_help_ends_with_an_example_that_is_understood(words: str, epilog: str | None) -> None:
    done = CliRunner().invoke(app, [*words.split(), "--help"])
    assert done.exit_code == 0
    assert epilog is not None
    assert " ".join(epilog.split()) in " ".join(done.stdout.split())
    found = examples(epilog)
    assert found
    for example in found:
        assert example.startswith(f"ingestctl {words}")
        understood(example)


def test_the_json_form_has_the_fields_that_the_page_describes() -> None:
    found = document(TALK)
    verdict_text = dict(
        re.findall(
            r"^\| `([a-z_\[\].]+)` \| (.*) \|$", HOW_TO.split("The JSON has")[1].split("## ")[0], re.MULTILINE
        )
    )
    assert verdict_text.keys() - {"segments[].words"} == found.keys()
    for field, value in (
        ("recording", found["recording"]),
        ("run", found["run"]),
        ("speakers", found["speakers"][0]),
        ("segments", found["segments"][0]),
    ):
        assert set(re.findall(r"`([a-z_]+)`", verdict_text[field])) == set(value), field
    assert set(re.findall(r"`([a-z_]+)`", verdict_text["segments[].words"])) == set(
        found["segments"][0]["words"][0]
    )


@pytest.mark.postgres
def test_the_sql_runs_and_answers(database: str) -> None:
    statements = [
        each
        for each in blocks(HOW_TO, "sql")[0]
        .replace("embeddings_1024", f"embeddings_{DIMENSION}")
        .split(";\n")
        if each.strip()
    ]
    ensure_dimension(database, DIMENSION)
    with connect(database, application="tests") as connection:
        store(connection, content("The night bus is late.", "Take the tram."))
        answers = [connection.execute(each.encode()).fetchall() for each in statements]
    assert [len(rows) for rows in answers] == [1, 2, 0, 1, 0]
