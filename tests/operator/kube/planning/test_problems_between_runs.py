"""What keeps some sources from being planned while plan Jobs come and go for the others: it is told the whole
time, in the same way, and looked up only when it is worth it."""

from typing import Any

import pytest

from ingest_contract.batch import Source
from ingest_contract.batch_sources import ConfigMapSource, SecretSource
from ingest_contract.conditions import ConditionStatus
from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.batch import Batch
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.outcome import Observation
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusalCause, RefusedError
from ingest_operator.kube.api.resources import JOBS, Resource
from ingest_operator.kube.planning.planner import PlanResult
from ingest_operator.kube.schedules.owned_batches import child_of
from testkit.cluster.fixtures import Run
from testkit.objects.builders import NOW, a_run, folded, over, rendered
from tests.support.plan_scene import PAGE, Mortal, PlanScene, pod_of

LIST = Source(config_map=ConfigMapSource(name="backlog"))
SECRET = Source(secret=SecretSource(secret_name="feeds", key="private"))
NOT_ALLOWED = Source(secret=SecretSource(secret_name="others", key="private"))


class Keeping(Mortal):
    """An API that deletes no Job."""

    async def delete(self, resource: Resource, *arguments: Any, **options: Any) -> None:
        del arguments, options
        self.calls.append(f"delete {resource.plural}")
        if resource is JOBS:
            raise RefusedError(403, "Forbidden", "a policy keeps Jobs", RefusalCause.ADMISSION)


class Told:
    """What a user reads of a batch, look by look; its planned recordings have succeeded at once."""

    def __init__(self, scene: PlanScene) -> None:
        self._scene = scene
        self.changes: list[str] = []
        self.status: IngestBatchStatus | None = None

    async def look(self, after: float = 0.0) -> PlanResult:
        result = await self._scene.reconcile(after)
        batch = Batch(
            self._scene.orders.batch.spec, 1, "0" * 32, planned=result.planned, failure=result.failure
        )
        ledger = folded(Ledger(), *(over(a_run(index)) for index in range(len(batch.items))))
        seen = Observation(blockers=result.blockers)
        before = self.holding
        self.status = rendered(batch, ledger, self.status, NOW, seen=seen)
        self.changes += sorted(before ^ self.holding)
        return result

    @property
    def holding(self) -> set[str]:
        conditions = self.status.conditions if self.status else ()
        return {each.type.value for each in conditions if each.status is ConditionStatus.TRUE}


def test_a_mistake_in_the_sources_is_reported_once_in_a_whole_life_of_retries(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources, scene.pods = (PAGE, SECRET, NOT_ALLOWED), PodProfile(secrets=("feeds",))
        told = Told(scene)
        await told.look()
        await scene.plan(await pod_of(scene), waiting=(1,))
        await told.look()
        for _ in range(4):
            await told.look(after=700)
            pod = await pod_of(scene)
            await told.look()
            await scene.fail(pod, Reason.CREDENTIALS_INVALID)
            waiting = await told.look()
            assert [each.reason for each in waiting.blockers] == ["CredentialsInvalid", "SourcesInvalid"]
        assert [each for each in told.changes if each != "Reconciling"] == ["Stalled"]
        assert told.holding == {"Stalled"}

    run(story())


def test_a_batch_that_waits_for_a_list_is_not_complete_though_another_source_has_a_mistake(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources = (PAGE, LIST, NOT_ALLOWED)
        told = Told(scene)
        await told.look()
        await scene.plan(await pod_of(scene))
        await told.look()
        waiting = await told.look()
        assert (told.holding, waiting.failure) == ({"Stalled"}, None)
        assert [each.reason for each in waiting.blockers] == ["SourcesInvalid", "ListMissing"]
        await scene.offer_list("https://media.example.org/a\n")
        await told.look(31)
        await scene.plan(await pod_of(scene))
        await told.look(31)
        assert told.holding == {"Stalled"}
        await told.look(31)
        assert told.holding == {"Complete", "Failed", "Stalled"}, "nothing else is waited for"
        assert sorted(told.changes) == ["Complete", "Failed", "Reconciling", "Reconciling", "Stalled"]

    run(story())


def test_a_batch_whose_first_plan_is_tried_again_has_not_failed_for_its_schedule(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources = (NOT_ALLOWED, PAGE)
        told = Told(scene)
        await told.look()
        await scene.fail(await pod_of(scene), Reason.DOWNLOAD_FAILED)
        waiting = await told.look()
        assert [each.reason for each in waiting.blockers] == ["SourcesInvalid"]
        schedule = {"metadata": {"name": "nightly"}}
        about = {"name": "nightly-202609280300", "uid": "u-1", "namespace": namespace}
        assert told.status is not None
        status = told.status.model_dump(mode="json", by_alias=True)
        child = child_of(schedule, {"metadata": about, "spec": {}, "status": status})
        assert child is not None
        assert (child.failed, child.active) == (False, True)

    run(story())


def test_a_list_is_looked_at_again_while_its_plan_waits_for_its_next_run(
    api: Api, namespace: str, run: Run
) -> None:
    """Somebody may correct it: then nobody need wait."""

    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources = (LIST,)
        await scene.offer_list("https://media.example.org/a\n")
        await scene.reconcile()
        await scene.fail(await pod_of(scene), Reason.CREDENTIALS_INVALID)
        await scene.reconcile()
        for seconds, looks in ((5, False), (31, True)):
            scene.operator.calls.clear()
            await scene.reconcile(seconds)
            assert ("get configmaps" in scene.operator.calls) is looks, seconds

    run(story())


def test_nothing_is_looked_up_at_each_event_while_an_ended_plan_waits(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources = (PAGE, LIST)
        for reason, at in ((Reason.CREDENTIALS_INVALID, 0.0), (Reason.NOT_FOUND, 61.0)):
            await scene.reconcile(after=at)
            await scene.fail(await pod_of(scene), reason)
            resting = await scene.reconcile(after=at)
            assert "ListMissing" in {each.reason for each in resting.blockers}
            calls = len(scene.operator.calls)
            assert [await scene.reconcile(after=at + 10) for _ in range(3)] == [resting] * 3
            assert len(scene.operator.calls) == calls
            await scene.reconcile(after=at + 31)
            assert len(scene.operator.calls) > calls, "it is looked for"

    run(story())


def test_a_job_that_may_not_be_deleted_is_logged_and_left_alone_for_ten_minutes_while_plans_go_on(
    api: Api, namespace: str, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        await scene.plan(await pod_of(scene))
        await scene.reconcile()
        scene.operator = Keeping(api, scene.logs)
        resting = await scene.reconcile()
        assert resting.blockers == ()
        assert "a policy keeps Jobs" in caplog.text
        scene.sources = (PAGE, LIST)
        for after in (1, 40, 590):
            result = await scene.reconcile(after)
            assert [each.reason for each in result.blockers] == ["ListMissing"]
        assert scene.operator.calls.count("delete jobs") == 1
        assert result.again_at <= resting.again_at
        await scene.reconcile(after=601)
        assert scene.operator.calls.count("delete jobs") == 2

    run(story())
