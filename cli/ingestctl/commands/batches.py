"""`ingestctl run`: a batch on this machine."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated

import typer

from ingest_contract.batch import IngestBatch
from ingest_contract.place import Runtime
from ingest_operator.core.orders import Machine, runtime_of
from ingest_operator.local.folders import BatchFolder
from ingest_operator.local.planning import read_items
from ingest_operator.local.session import Request
from ingest_operator.local.status_store import read_batch
from ingest_worker.cgroup import usable_cores
from ingest_worker.unheard import needs_hearing
from ingestctl.backends.port import MissingError
from ingestctl.commands.app import ConfigMaps, Cookies, Files, Secrets, Volumes, app, mounted
from ingestctl.consoles import people
from ingestctl.files import asked
from ingestctl.options import Dsn, Format, Home, Output
from ingestctl.place import Workplace
from ingestctl.prepare import prepared, require_models
from ingestctl.progress import going
from ingestctl.retention import retained
from ingestctl.retrying import pass_of
from ingestctl.run import Screen, run_batch

OWN_CHARACTERS = 50
"""Characters of a file's own `retryFailed` that a pass asked for beside it is called after: the field has
room for 64."""

_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def _bytes(text: str | None) -> int | None:
    """`6G`, `512M` or a number of bytes."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]*)([KMGT]?)(I?B)?", text.upper())
    if not found:
        raise typer.BadParameter(f"a size such as 6G or 512M is wanted, not {text!r}", param_hint="--memory")
    return int(found[1]) * _UNITS.get(found[2], 1)


@app.command(epilog="Example: ingestctl run batch.yaml --memory 6G")
def run(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    files: Files,
    dsn: Dsn = None,
    home: Home = None,
    output: Format = Output.TABLE,
    memory: Annotated[
        str | None,
        typer.Option("--memory", help="End a worker that uses more, for example 6G; it is tried smaller."),
    ] = None,
    volume: Volumes = None,
    config_map: ConfigMaps = None,
    secret: Secrets = None,
    cookies: Cookies = None,
    retry_failed: Annotated[  # noqa: FBT002 -- a flag that is off unless it is given
        bool, typer.Option("--retry-failed", help="Give the recordings that failed one more pass.")
    ] = False,
    retry: Annotated[
        list[str] | None,
        typer.Option(
            "--retry",
            metavar="RECORDING",
            help="Give this one that failed one more pass: its id, the end of it, or its number. Repeatable.",
        ),
    ] = None,
) -> None:
    """Run a batch on this machine: plan it, ingest it, show the result.

    An interrupted batch resumes where it was; a finished one does nothing. Exit code 0 only if nothing
    failed; 1 if something did; 2 for mistakes in the files, before anything ran; 130 after Ctrl-C.
    """
    place = Workplace.of(home, dsn)
    wanted = asked(files)
    batch, profile = wanted.batch, wanted.profile
    mounts = mounted(volume, config_map, secret, cookies)
    limit = _bytes(memory)
    if retry_failed and retry:
        raise typer.BadParameter("--retry-failed takes all of them", param_hint="--retry")
    batch = with_pass(batch, place, retry or (), is_new=retry_failed or bool(retry))
    machine = _machine()
    runtime: Runtime = runtime_of(profile.spec, machine, batch.spec.parallelism)
    console = people()
    require_models(place, profile.spec)  # before a store is made for nothing
    with ExitStack() as opened:
        with going("opening the store", console) as step:
            address = opened.enter_context(place.store())
            prepared(place, profile.spec, address, console)
            step.text = "forgetting what was stored longer ago than the profile keeps"
            retained(place, batch, profile.spec.retention.days, address, console)
        console.print(
            f"workers run on {'the GPU' if runtime.device == 'cuda' else 'the CPU'}, "
            f"{batch.spec.parallelism} at a time"
        )
        request = Request(
            batch, profile, place.home, place.models, address, machine, mounts, limit,
            wanted.speakers, lambda order: needs_hearing(order, address),
        )  # fmt: skip
        raise typer.Exit(run_batch(request, Screen(console, output)))


def with_pass(batch: IngestBatch, place: Workplace, names: Sequence[str], *, is_new: bool) -> IngestBatch:
    """The batch with the pass over failed recordings that is asked for; without one, with the last that was
    asked for beside this file: it says nothing of that, and to run it again is no other pass."""
    folder = BatchFolder.of(place.home, batch.metadata.namespace, batch.metadata.name)
    old = read_batch(folder)
    if old is None:
        if names:
            raise MissingError(f"nothing is retried: {batch.metadata.name} has not run here ({folder.path})")
        return batch
    own, last = batch.spec.retry_failed, old.spec.retry_failed
    # in front stands the file's own value, so that another value there is a pass of its own
    ours = f"{own[:OWN_CHARACTERS]} pass-".lstrip()
    if is_new:
        number = last.removeprefix(ours)
        token = f"{ours}{int(number) + 1 if number.isdecimal() else 1}"
        items = {item.index: item for item in read_items(folder)}
        fields = pass_of(old, items, names, token)
        changed = {"retry_failed": fields.get("retryFailed", last)}
        changed["retry_recordings"] = fields.get("retryRecordings", old.spec.retry_recordings)
    elif not own or last.startswith(ours):
        changed = {"retry_failed": last, "retry_recordings": old.spec.retry_recordings}
    else:
        return batch
    return batch.model_copy(update={"spec": batch.spec.model_copy(update=changed)})


def _machine() -> Machine:
    from ingest_worker.gpu import gpu_is_present

    return Machine(has_gpu=gpu_is_present(), cores=usable_cores())
