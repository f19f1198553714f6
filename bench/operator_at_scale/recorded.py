"""Recordings taken for succeeded, as if a batch had been under way for long: written by the operator's own
rules for a status."""

import json
import time
from collections.abc import Iterable
from dataclasses import replace

from ingest_contract.batch import IngestBatchSpec
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.batch import Batch, PlannedItems
from ingest_operator.core.ledger import restore
from ingest_operator.core.outcome import Observation
from ingest_operator.core.plans import items_of, status_of
from ingest_operator.core.status import render
from ingest_operator.kube.api.names import BATCH_UID, Owner
from ingest_operator.kube.api.resources import BATCHES, CONFIG_MAPS
from ingest_operator.kube.planning.frozen_plan import PART, digest_of, from_parts
from testkit.scale.scene import Scene


def record(scene: Scene, name: str, indexes: Iterable[int]) -> None:
    """Record them in the status of a batch that is planned, while no operator runs."""
    batch, admin = scene.batch(name), scene.plane.admin
    owner = Owner(scene.namespace, name, batch["metadata"]["uid"])
    (plan,) = admin.get(CONFIG_MAPS.path(scene.namespace), labelSelector=f"{BATCH_UID}={owner.uid},{PART}")[
        "items"
    ]
    plans = (from_parts(owner, 0, (plan,)),)
    before = IngestBatchStatus.from_object(batch["status"])
    ledger = restore(before)
    ledger = replace(ledger, succeeded=ledger.succeeded | frozenset(indexes))
    spec = IngestBatchSpec.from_object(batch["spec"])
    planned = PlannedItems(items_of(plans), status_of(plans).model_copy(update={"digest": digest_of(plans)}))
    known = Batch(spec, before.observed_generation, owner.trace_id, planned, before.profile)
    status = render(known, Observation(), ledger, before, time.time())
    admin.merge(BATCHES.path(scene.namespace, name, "status"), {"status": json.loads(status.to_json())})
