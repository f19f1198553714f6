"""The command's root, and the options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from ingestctl.run import Output

app = typer.Typer(
    name="ingestctl",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Ingest recordings into Postgres: "
    "transcribed, attributed to their speakers, embedded. And read them again.",
    epilog="Start with: ingestctl example > batch.yaml; ingestctl doctor; ingestctl run batch.yaml",
)

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
Format = Annotated[Output, typer.Option("--output", "-o", help="What to print on standard output.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="The batch's namespace.")]
