"""A run that probes a site for every batch of a profile ends in a batch of which nothing can be decided: the
site is open, or shut, for all."""

import asyncio
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.receipt import Receipt, StageFigures
from ingest_contract.sites import SiteReport
from ingest_contract.stages import Stage
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.resources import BATCHES, CONFIG_MAPS, PROFILES, Object
from testkit.cluster.one_batch import OWNER, OneBatch
from testkit.objects import kube_objects as kube

SUCCEEDED = Receipt(
    result="Succeeded",
    seconds=5.0,
    stages={Stage.FETCH: StageFigures(seconds=1.0)},
    site=SiteReport(name="youtube"),
).to_json()
REFUSED = Receipt(
    result="Failed", reason=Reason.BOT_CHECK, seconds=1.0, site=SiteReport(name="youtube")
).to_json()


def halted(how: str, pod: Object, *, run: int = 1) -> OneBatch:
    """A batch whose first recording probes YouTube, with this pod, and whose plan or spec is damaged."""
    batch = OneBatch(2)
    asyncio.run(batch.reconcile(batch.operator()))  # it has a status
    probe: dict[str, Any] = {"batch": OWNER.trace_id, "index": 0, "run": run}
    breaker = {
        "reason": "BotCheck",
        "until": to_rfc3339(batch.clock - 5),
        "opened": 1,
        "message": "robot?",
        "probe": probe,
    }
    status = {"sites": [{"name": "youtube", "egress": "direct", "breaker": breaker}]}
    batch.profiles.offer(batch.api.put(PROFILES, batch.profile | {"status": status}))
    batch.job(0, pod=pod)
    if how == "plan":
        for key in [key for key in batch.api.objects if key[0] == CONFIG_MAPS.plural]:
            del batch.api.objects[key]
    else:
        spec = batch.body["spec"] | {"parallelism": "many"}
        batch.body = batch.api.put(BATCHES, batch.body_now() | {"spec": spec})
        batch.batches.offer(batch.body)
    return batch


def site(batch: OneBatch) -> Object | None:
    """What is remembered of YouTube."""
    rows = batch.api.objects[PROFILES.plural, "media", "default"]["status"].get("sites") or []
    return next((row for row in rows if row["name"] == "youtube"), None)


@pytest.mark.parametrize("how", ["plan", "spec"])
def test_a_probe_that_succeeds_in_a_halted_batch_opens_its_site_for_all(how: str) -> None:
    batch = halted(how, kube.ended_pod(0, SUCCEEDED))
    asyncio.run(batch.reconcile(batch.operator()))
    assert site(batch) is None


def test_a_probe_that_is_refused_in_a_halted_batch_doubles_the_wait_and_frees_the_next_probe() -> None:
    batch = halted("plan", kube.ended_pod(1, REFUSED))
    asyncio.run(batch.reconcile(batch.operator()))
    row = site(batch)
    assert row is not None
    assert (row["breaker"]["opened"], row["breaker"].get("probe")) == (2, None)


def test_a_probe_that_is_gone_from_a_halted_batch_is_let_go_and_one_that_runs_is_waited_for() -> None:
    gone, runs = halted("plan", kube.running_pod(), run=7), halted("plan", kube.running_pod())
    for batch in (gone, runs):
        asyncio.run(batch.reconcile(batch.operator()))
    rows = site(gone), site(runs)
    assert None not in rows
    assert [row and row["breaker"].get("probe") for row in rows] == [
        None,
        {"batch": OWNER.trace_id, "index": 0, "run": 1},
    ]
