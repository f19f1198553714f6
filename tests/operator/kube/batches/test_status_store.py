"""A status in the real API: never read older than it was written, never written over a newer one."""

import pytest

from ingest_contract.status import Counts, IngestBatchStatus
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ConflictError, UnreachableError
from ingest_operator.kube.api.resources import BATCHES, Object
from ingest_operator.kube.api.statuses import UnreadableStatusError
from ingest_operator.kube.batches.status_store import KubeStatusStore
from testkit.cluster.fixtures import Run


def a_status(succeeded: int) -> IngestBatchStatus:
    return IngestBatchStatus(
        observed_generation=1, state="Running", counts=Counts(total=9, succeeded=succeeded)
    )


@pytest.fixture
def batch(api: Api, run: Run, namespace: str) -> Object:
    spec = {"sources": [{"url": "https://media.example.org/talks"}]}
    body = {
        "apiVersion": BATCHES.api_version,
        "kind": BATCHES.kind,
        "metadata": {"name": "talks", "namespace": namespace},
        "spec": spec,
    }
    made: Object = run(api.create(BATCHES, namespace, body))
    return made


@pytest.fixture
def statuses(api: Api, batch: Object) -> KubeStatusStore:
    return KubeStatusStore(api, batch)


def test_a_batch_that_nobody_has_reconciled_has_a_status_that_says_so(statuses: KubeStatusStore) -> None:
    assert (statuses.read() or a_status(1)).observed_generation == -1


def test_what_was_accepted_is_read_at_once_and_survives_a_watch_that_lags(
    statuses: KubeStatusStore, batch: Object, run: Run
) -> None:
    run(statuses.write(a_status(3)))
    statuses.offer(batch)  # what a watch saw before
    assert statuses.read() == a_status(3)


def test_a_second_operator_cannot_write_over_what_it_has_not_seen(
    statuses: KubeStatusStore, api: Api, batch: Object, run: Run
) -> None:
    other = KubeStatusStore(api, batch)
    run(other.write(a_status(5)))
    with pytest.raises(ConflictError):
        run(statuses.write(a_status(3)))
    assert statuses.read() == a_status(5)


def test_a_write_whose_answer_was_lost_and_that_was_repeated_counts_as_accepted(
    statuses: KubeStatusStore, api: Api, batch: Object, run: Run
) -> None:
    run(KubeStatusStore(api, batch).write(a_status(3)))  # the first sending, as the server saw it
    run(statuses.write(a_status(3)))
    assert statuses.read() == a_status(3)


def test_a_status_changes_nothing_of_the_spec(
    statuses: KubeStatusStore, api: Api, batch: Object, run: Run
) -> None:
    run(statuses.write(a_status(3)))
    now = run(api.get(BATCHES, batch["metadata"]["namespace"], "talks"))
    assert (now["spec"], now["metadata"]["generation"]) == (batch["spec"], 1)


def test_a_write_that_nobody_answered_is_not_believed(
    statuses: KubeStatusStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> Object:
        raise UnreachableError("Reset", "connection reset")

    monkeypatch.setattr(Api, "replace_status", lost)
    with pytest.raises(UnreachableError):
        run(statuses.write(a_status(3)))
    assert (statuses.read() or a_status(0)).observed_generation == -1


def test_a_status_of_another_version_is_refused_and_not_thrown_away(api: Api, batch: Object) -> None:
    strange = batch | {"status": {"observedGeneration": 1, "inventedLater": True}}
    with pytest.raises(UnreadableStatusError, match="another version of the operator"):
        KubeStatusStore(api, strange).read()


@pytest.mark.parametrize("part", ["failures", "skips"])
def test_a_status_that_counts_a_reason_of_another_version_is_refused_as_one_of_it(
    part: str, api: Api, batch: Object
) -> None:
    status = {"observedGeneration": 1, part: [{"reason": "InventedLater", "count": 2}]}
    with pytest.raises(UnreadableStatusError, match=f"{part}: 'InventedLater' is not a valid Reason"):
        KubeStatusStore(api, batch | {"status": status}).read()
