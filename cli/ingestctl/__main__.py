"""`ingestctl`, also usable as `kubectl ingest`: the commands, their options and their help. Each does its work in a module of its own."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ingest_contract.documents import InvalidDocumentError
from ingestctl.run import Output

app = typer.Typer(
    name="ingestctl",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ingest recordings into Postgres: transcribed, attributed to their speakers, embedded. And read them again.",
    epilog="Start with: ingestctl example > batch.yaml; ingestctl doctor; ingestctl run batch.yaml",
)

Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        envvar="INGEST_DSN",
        show_envvar=True,
        help="Postgres to use, as a libpq DSN. Omitted: an embedded one in your data folder.",
    ),
]
Home = Annotated[
    Path | None,
    typer.Option("--home", envvar="INGEST_HOME", show_envvar=True, help="Where models, the embedded Postgres and batches are kept."),
]
Format = Annotated[Output, typer.Option("--output", "-o", help="What to print at the end.")]


def people() -> Console:
    """Where words for people go; standard output carries results only."""
    return Console(stderr=True, highlight=False)


def fail(message: str, code: int = 1) -> typer.Exit:
    """Say what is wrong, and the exit to raise."""
    people().print(f"ingestctl: {message}", markup=False, soft_wrap=True)
    return typer.Exit(code)


def main() -> None:
    """The entry point: mistakes in files are one line each, and the exit code is 2."""
    try:
        app()
    except InvalidDocumentError as error:
        for mistake in error.mistakes:
            people().print(mistake, markup=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
