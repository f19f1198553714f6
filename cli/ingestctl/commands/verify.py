"""`ingestctl verify`: whether what is stored is whole."""

import typer
from rich.console import Console

from ingest_contract.text import counted
from ingest_worker.store.verification import CHECKS, Coverage, Finding, Severity, verify
from ingestctl import programs
from ingestctl.catalog import reading
from ingestctl.commands.app import app
from ingestctl.consoles import results
from ingestctl.ending import FAILED_EXIT
from ingestctl.options import Dsn, Format, Home, Output
from ingestctl.place import Workplace
from ingestctl.progress import going
from ingestctl.screen import duration


@app.command(
    "verify", epilog="Examples: ingestctl verify; ingestctl verify --dsn 'host=db dbname=talks' -o json"
)
def verify_store(dsn: Dsn = None, home: Home = None, output: Format = Output.TABLE) -> None:
    """Check the store: coverage, passages without vectors, words that are gone, orphans, the health of its
    indexes.

    It only reads, from one snapshot; a role that may not read all that a check needs is told so. Exit code 0
    if nothing is wrong, warnings aside; 1 if something is.
    """
    with reading(Workplace.of(home, dsn)) as connection, going("checking the store") as step:

        def checking(name: str, number: int) -> None:
            step.text = f"checking the store: {name} ({number} of {len(CHECKS)})"

        coverage, findings = verify(connection, checking)
    if output is Output.TABLE:
        _print(coverage, findings, results())
    else:
        programs.show({"coverage": coverage, "findings": findings}, output)
    if any(each.severity is Severity.ERROR for each in findings):
        raise typer.Exit(FAILED_EXIT)


def _print(coverage: Coverage, findings: tuple[Finding, ...], to: Console) -> None:
    to.print(
        f"{coverage.ingested} of {counted(coverage.recordings, 'recording')} ingested "
        f"({duration(coverage.media_seconds)}), "
        f"{coverage.not_ingestible} with nothing to ingest, {coverage.known} without a result; "
        f"{counted(coverage.vectors, 'vector')} of {counted(coverage.passages, 'passage')}",
        soft_wrap=not to.is_terminal,
    )
    for each in findings:
        names = ", ".join(each.examples) + (", ..." if each.count > len(each.examples) else "")
        what = f"{each.count}: {names}: " if each.count else ""
        to.print(
            f"{each.severity.value}: {each.name}: {what}{each.meaning}. Next: {each.next_step}",
            soft_wrap=not to.is_terminal,
        )
    if not findings:
        to.print("nothing is wrong")
