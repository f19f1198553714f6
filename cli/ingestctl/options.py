"""Options that several commands share. They import nothing of the project: `search` may answer before that
would be done."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

PACKAGE: Final = "video-ingest-operator"
"""What is installed."""

PLUGIN: Final = "kubectl ingest"
"""The command's name as kubectl's plugin, which speaks of a cluster."""


class Output(StrEnum):
    """The format of the result that is printed at the end."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        envvar="INGEST_DSN",
        help="Postgres to use, as a libpq DSN. Omitted: an embedded one in your data folder.",
    ),
]
Home = Annotated[
    Path | None,
    typer.Option(
        "--home", envvar="INGEST_HOME", help="Where models, the embedded Postgres and batches are kept."
    ),
]
ModelSet = Annotated[
    str | None,
    typer.Option(
        "--model-set", help="The set (name or file) to take the text model from. Omitted: any that is here."
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="The text model, where the store has vectors of several, for example all-MiniLM-L6-v2.",
    ),
]
Format = Annotated[Output, typer.Option("--output", "-o", help="What to print on standard output.")]


def root() -> typer.Typer:
    """A command line without commands, of which one is chosen even where there is but one."""
    made = typer.Typer(
        name="ingestctl",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="Ingest recordings into Postgres: "
        "transcribed, attributed to their speakers, embedded. And read them again.",
        epilog="Start with: ingestctl example > batch.yaml; ingestctl doctor; ingestctl run batch.yaml",
    )
    made.callback()(_of_all)
    return made


def _say_version(wanted: bool) -> None:  # noqa: FBT001  typer gives it so
    if wanted:
        from importlib.metadata import version  # a search need not wait for it

        print(f"ingestctl {version(PACKAGE)}")
        raise typer.Exit


def _of_all(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """The options that stand in front of a command."""
