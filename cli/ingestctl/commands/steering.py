"""`ingestctl suspend`, `resume` and `retry`: what a person changes of a batch that a cluster carries out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from ingest_contract.batch import SuspendMode
from ingest_contract.intervals import decode
from ingest_contract.status import IngestBatchStatus
from ingestctl.backends.choice import Where, on
from ingestctl.backends.port import Batches, Found
from ingestctl.changing import changed
from ingestctl.commands.app import ItsName, app
from ingestctl.commands.somewhere import somewhere
from ingestctl.consoles import people
from ingestctl.retrying import pass_of
from ingestctl.watching import batch_of


@app.command(
    epilog="Examples: kubectl ingest suspend my-channel -n talks; ingestctl suspend x --cluster --kill"
)
@somewhere
def suspend(
    name: ItsName,
    *,
    kill: Annotated[
        bool,
        typer.Option("--kill", help="End active runs too, uncharged; they resume behind their last stage."),
    ] = False,
    where: Where,
) -> None:
    """Start nothing new of a batch: active runs finish, unless --kill ends them.

    Needs the role `edit`. A batch that GitOps applies is changed in its repository instead. Exit code 0 if
    the batch is suspended, also if it was; 2 if there is no such batch.
    """
    mode = SuspendMode.KILL if kill else SuspendMode.DRAIN
    _change(where, name, {"suspend": True, "suspendMode": mode.value}, "suspended: `resume` goes on")


@app.command(epilog="Example: kubectl ingest resume my-channel -n talks")
@somewhere
def resume(
    name: ItsName,
    *,
    where: Where,
) -> None:
    """Go on with a suspended batch, where it was.

    Needs the role `edit`. A batch that GitOps applies is changed in its repository instead. Exit code 0 if
    the batch goes on, also if it did; 2 if there is no such batch.
    """
    _change(where, name, {"suspend": False}, "goes on: `watch` follows it")


@app.command(epilog="Examples: kubectl ingest retry talks; kubectl ingest retry talks CNxH0rHS320")
@somewhere
def retry(
    name: ItsName,
    recordings: Annotated[
        list[str] | None,
        typer.Argument(
            help="These alone: an id, the end of it, or a number (#3). Omitted: all that failed.",
            metavar="RECORDING",
        ),
    ] = None,
    *,
    where: Where,
) -> None:
    """Give the failed recordings of a batch one more pass, or those that are named, by a new value of
    `spec.retryFailed`.

    Fix first what they failed by: `why` says it. What succeeded or was skipped stays. Needs the role `edit`.
    A batch that GitOps applies is changed in its repository instead. Exit code 0, also where nothing failed;
    2 if there is no such batch, or if a recording that is named is unknown or has not failed: then none is
    retried.
    """

    async def story(batches: Batches) -> str:
        token = f"retry-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"  # noqa: TID251  the composition root of this change

        async def fields_of(found: Found) -> Mapping[str, str]:
            items = await batches.items(found) if recordings else {}
            return pass_of(batch_of(found), items, recordings or (), token)

        found, fields = await changed(batches, name, fields_of)
        batch, called = batch_of(found), f"{found.namespace}/{found.name}"
        if not fields:
            return f"{called}: " + (
                "a pass that takes them is asked for already, and begins soon"
                if recordings
                else "nothing failed, so nothing is retried"
            )
        taken = decode(fields["retryRecordings"])
        failed = len(taken) if taken else (batch.status or IngestBatchStatus()).counts.failed
        words = "1 failed recording gets" if failed == 1 else f"{failed} failed recordings get"
        return f"{called}: {words} one more pass ({token}): `watch` follows it"

    people().print(on(where, story), soft_wrap=True)


def _change(where: Where, name: str, fields: Mapping[str, Any], words: str) -> None:
    async def fields_of(_: Found) -> Mapping[str, Any]:
        return fields

    async def story(batches: Batches) -> str:
        found, _ = await changed(batches, name, fields_of)
        return f"{found.namespace}/{found.name} {words}"

    people().print(on(where, story), soft_wrap=True)
