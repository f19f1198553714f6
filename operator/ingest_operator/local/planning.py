"""Planning on this machine: a worker resolves the sources that no plan covers yet, and its plan is frozen
beside the batch."""

import asyncio
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from pydantic import ValidationError

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.order import Item, PlanOrder
from ingest_contract.place import Place
from ingest_contract.plan_document import PlanDocument, PlanFramesError, unframe
from ingest_contract.text import counted
from ingest_operator.core.batch import PlannedItems
from ingest_operator.core.orders import Orders
from ingest_operator.core.outcome import Ended, Run, outcome_of
from ingest_operator.core.plans import (
    Plan,
    covered_by,
    entries_after,
    entries_of,
    items_of,
    status_of,
)
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.local.cluster import Site
from ingest_operator.local.folders import BatchFolder, RunFolder, read_json, write_atomically
from ingest_operator.local.interrupted import InterruptedBeforeRunsError
from ingest_operator.local.plan_gate import FileGate
from ingest_operator.local.processes import Limits, RunFacts, launch
from ingest_operator.local.sources import Mounts, folders_of, planned_sources
from ingest_operator.local.status_store import of_another_version

MAX_PLAN_ATTEMPTS: Final = 3
"""Plan runs that may fail for a transient reason before the user is asked."""

PLAN_SECONDS: Final = 3600.0
"""A plan of ten thousand entries with full metadata takes minutes; one that takes an hour hangs."""

STILL_SECONDS: Final = 15.0
"""Seconds between two lines that a plan goes on."""

_POLL_SECONDS: Final = 0.1


class PlanningError(Exception):
    """The sources could not be resolved; the failure table says what that means."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"planning failed: {reason.value}: {message}")
        self.reason = reason.value


async def make_plans(
    orders: Orders, site: Site, mounts: Mounts, gate: FileGate, stop: asyncio.Event
) -> PlannedItems:
    """The plans of the batch, taken together; plans what is not planned yet. `gate` stands before the sites
    that the plans ask."""
    say = gate.say
    spec = orders.batch.spec
    done = _frozen(site.folder)
    while left := [number for number in range(len(spec.sources)) if number not in entries_of(done)]:
        fitting = planned_sources(spec, mounts, left)
        say(f"planning: looking at {counted(len(fitting.entries), 'source')}")
        order = partial(orders.to_plan, fitting.sources, folders_of(mounts), items_of(done))
        number = len(done)
        document = await _planned(order, site, number, gate, stop)
        planned = set(fitting.entries).difference(document.waiting or ())
        plan = Plan(covered_by(done) + len(planned), document, entries=entries_after(done, planned))
        frozen = {
            "sources": plan.sources,
            "entries": plan.entries,
            "at": to_rfc3339(time.time()),
            "document": json.loads(document.to_json()),
        }
        write_atomically(site.folder.plan(number), json.dumps(frozen))
        done = (*done, plan)
        say(f"planned: {counted(len(document.items), 'recording')}" + _left_out(document))
    return PlannedItems(items_of(done), status_of(done))


def planned_at(folder: BatchFolder) -> str | None:
    """When the first plan of a batch was frozen; None while there is none."""
    saved = read_json(folder.plan(0))
    return saved["at"] if saved else None


def read_items(folder: BatchFolder) -> tuple[Item, ...]:
    """Every planned recording of a batch."""
    return items_of(_frozen(folder))


def read_planned(folder: BatchFolder) -> PlannedItems | None:
    """The plans so far, taken together; None while they have found nothing."""
    done = _frozen(folder)
    items = items_of(done)
    return PlannedItems(items, status_of(done)) if items else None


def _frozen(folder: BatchFolder) -> tuple[Plan, ...]:
    """Each plan so far, in order."""
    found: list[Plan] = []
    while (saved := read_json(path := folder.plan(len(found)))) is not None:
        try:
            document, entries = PlanDocument.from_object(saved["document"]), saved.get("entries")
            found.append(Plan(saved["sources"], document, entries=entries))
        except (LookupError, ValidationError) as error:
            raise of_another_version(path) from error
    return tuple(found)


async def _planned(
    order_at: Callable[[Place], PlanOrder], site: Site, number: int, gate: FileGate, stop: asyncio.Event
) -> PlanDocument:
    """The plan that an order asks for. A run that its site refused counts for nothing: the next one waits
    until the site may be asked."""
    attempt = counted = 0
    while True:
        attempt += 1
        folder = RunFolder(site.folder.path / "plans" / f"{number:04d}-{attempt:02d}")
        place = Place(
            models=site.models,
            scratch=str(folder.path / "scratch"),
            receipt=str(folder.receipt),
            progress_file=str(folder.progress),
        )
        order = order_at(place)
        await gate.pass_through(order.sources, number, attempt, stop)
        began = time.time()
        ended = await _ran(folder, order.to_json(), site, stop, gate.say)
        waits = await gate.hear(order.sources, _as_run(number, attempt, began, ended))
        outcome = outcome_of(ended)
        reason, message = outcome.reason or Reason.RECEIPT_MISSING, outcome.message
        if outcome.succeeded and outcome.receipt is not None:
            try:
                document = unframe(folder.output.read_text(encoding="utf-8").splitlines())
            except PlanFramesError as error:
                message = str(error)
            else:
                if document.summary == outcome.receipt.plan:
                    return document
                message = "the plan that arrived is not the one that the receipt describes"
        counted += not waits
        if counted == MAX_PLAN_ATTEMPTS or FAILURES[reason].verdict in (
            Verdict.GIVE_UP,
            Verdict.SKIP,
            Verdict.STOP_BATCH,
        ):
            raise PlanningError(reason, message)


def _as_run(number: int, attempt: int, began: float, ended: Ended) -> Run:
    return Run(number, attempt, 0, rung=0, disruptions=0, started_at=began, ended_at=time.time(), ended=ended)


async def _ran(
    folder: RunFolder, order: str, site: Site, stop: asyncio.Event, say: Callable[[str], None]
) -> Ended:
    process = launch(
        folder,
        order,
        site.dsn,
        Limits(None, PLAN_SECONDS),
        RunFacts(time.time(), charged_attempts=0, rung=0, disruptions=0),
    )
    began = said_at = time.monotonic()
    while (ended := process.poll(time.time())) is None:
        if stop.is_set():
            process.stop(time.time())
        elif (now := time.monotonic()) - said_at >= STILL_SECONDS:
            said_at = now
            say(f"planning: the sources are still being read, {round(now - began)} s so far")
        await asyncio.sleep(_POLL_SECONDS)
    if stop.is_set():
        raise InterruptedBeforeRunsError
    return ended


def _left_out(document: PlanDocument) -> str:
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(document.skip_counts.items()))
    return f"; left out: {counts}" if counts else ""
