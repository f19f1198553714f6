"""Planning on a real control plane, look by look: what is made, what is frozen, what is left, and what a person is told."""

import asyncio
import time
from unittest import mock

import pytest

from ingest_contract.batch import ConfigMapSource, Source
from ingest_contract.failures import Reason
from ingest_contract.plan_document import PlanDocument
from ingest_contract.pods import PodProfile
from ingest_contract.profile import TranscriptionProfile
from ingest_operator.kube import frozen
from ingest_operator.kube.api import Api
from ingest_operator.kube.errors import BusyError
from ingest_operator.kube.freezing import LOG_PATIENCE, read_frozen
from ingest_operator.kube.frozen import FrozenPlan
from ingest_operator.kube.names import plan_job_name, plan_map_name, plan_order_map_name
from ingest_operator.kube.planning import PlanGround, look_at_plans
from ingest_operator.kube.resources import CONFIG_MAPS, JOBS, PODS, Object
from ingest_operator.moments import as_text
from tests.support.builders import NOW, items
from tests.support.cluster.fixtures import Run
from tests.support.plan_scene import OTHER, PAGE, Died, PlanScene

LIST = Source(config_map=ConfigMapSource(name="backlog"))


async def pod_of(scene: PlanScene) -> Object:
    """The pod of the live plan Job, once the Job controller has made it."""
    async with asyncio.timeout(30):
        while (pod := await scene.live_pod()) is None:  # noqa: ASYNC110 -- another process makes it
            await asyncio.sleep(0.05)
    return pod


async def planned(scene: PlanScene) -> None:
    """Look and play the worker until every source is planned and nothing is left to clear."""
    async with asyncio.timeout(60):
        while scene.last is None or scene.last.plan is None or scene.last.plan.sources < len(scene.sources) or await scene.jobs():
            await scene.look()
            if (pod := await scene.live_pod()) is not None:
                await scene.plan(pod)
            await asyncio.sleep(0.05)


def test_a_plan_job_is_made_read_frozen_and_cleared_away(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        look = await scene.look()
        assert (look.items, look.trouble, look.hindrances) == (None, None, ())
        assert [job["metadata"]["name"] for job in await scene.jobs()] == [plan_job_name(scene.owner, 0, 1)]
        pod = await pod_of(scene)
        assert (await scene.look()).items is None
        document = await scene.plan(pod)
        look = await scene.look()
        assert look.items == document.items
        assert look.plan is not None
        assert (look.plan.sources, look.plan.items, look.plan.media_seconds) == (1, 1, 60)
        await scene.look()
        assert await scene.jobs() == []
        assert await scene.config_maps() == [plan_map_name(scene.owner, 0, 0)]
        assert await read_frozen(api, scene.owner) == look.frozen
        calls = len(scene.operator.calls)
        await scene.look()
        assert len(scene.operator.calls) == calls

    run(story())


def test_an_operator_that_dies_after_any_call_is_followed_by_one_that_goes_on(api: Api, namespace: str, run: Run) -> None:
    async def story(dies_after: int | None) -> int:
        scene = await PlanScene.made(api, namespace, f"talks-{dies_after or 0}")
        scene.sources = tuple(Source(url=f"https://media.example.org/{number}") for number in range(5))
        scene.operator.dies_after = dies_after
        try:
            await planned(scene)
        except Died:
            assert dies_after is not None
            await scene.restart()
            await planned(scene)
        (plan,) = await read_frozen(api, scene.owner)
        assert plan == scene.frozen[0]
        assert [item.index for item in plan.document.items] == list(range(5))
        parts = [part["metadata"]["name"] for part in frozen.to_config_maps(scene.owner, plan)]
        assert len(parts) > 2
        assert await scene.config_maps() == sorted(parts)
        return len(scene.operator.calls)

    async def stories() -> None:
        calls = await story(None)
        assert calls >= 10
        await asyncio.gather(*(story(place) for place in range(1, calls + 1)))

    with mock.patch.object(frozen, "PART_BYTES", 100):  # so that a crash can come between the parts
        run(stories())


def test_two_operators_that_freeze_at_once_come_to_one_plan(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        one = await PlanScene.made(api, namespace)
        await one.look()
        await one.plan(await pod_of(one))
        other = PlanScene(api, one.owner)
        other.logs |= one.logs
        looks = await asyncio.gather(one.look(), other.look(), other.look())
        assert looks[0].frozen == looks[1].frozen == looks[2].frozen == await read_frozen(api, one.owner)

    run(story())


def test_a_plan_that_somebody_froze_first_is_the_batchs_and_another_one_of_its_number_is_dropped(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.look()
        await scene.plan(await pod_of(scene))
        first = FrozenPlan(sources=1, document=PlanDocument(items=items(3)), number=0, at=as_text(NOW), settings=scene.orders.settings)
        for part in frozen.to_config_maps(scene.owner, first):
            await api.create(CONFIG_MAPS, namespace, part)
        look = await scene.look()
        assert look.frozen == (first,) == await read_frozen(api, scene.owner)
        assert look.items == items(3)

    run(story())


def test_sources_that_are_added_while_a_plan_is_made_get_a_plan_of_their_own(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.look()
        pod = await pod_of(scene)
        scene.sources = (PAGE, OTHER, Source(url="https://media.example.org/again/first"))
        await scene.plan(pod)
        look = await scene.look()
        assert look.plan is not None
        assert (look.plan.sources, look.plan.items) == (1, 1)
        await planned(scene)
        assert [plan.sources for plan in scene.frozen] == [1, 3]
        assert [(item.index, item.id) for plan in scene.frozen for item in plan.document.items] == [(0, "url:first"), (1, "url:second")]

    run(story())


def test_an_operator_whose_view_lags_makes_no_second_job_and_changes_no_order(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.look()
        (before,), order = await scene.jobs(), await scene.order(0)
        scene.sources = (PAGE, OTHER)
        look = await look_at_plans(api, PlanGround(scene.owner, scene.orders, (), {}, ()), time.time())
        assert (look.trouble, look.hindrances) == (None, ())
        assert [job["metadata"]["uid"] for job in await scene.jobs()] == [before["metadata"]["uid"]]
        assert await scene.order(0) == order

    run(story())


def test_a_plan_keeps_the_settings_that_it_was_asked_with(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.look()
        pod = await pod_of(scene)
        asked = scene.orders.settings
        scene.profile = {"transcription": TranscriptionProfile(beam_size=1)}
        await scene.plan(pod)
        look = await scene.look()
        assert look.frozen[0].settings == asked != scene.orders.settings

    run(story())


def test_a_plan_that_cannot_be_made_is_trouble_until_its_sources_or_profile_change(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.look()
        await scene.fail(await pod_of(scene), Reason.NOT_FOUND)
        assert (await scene.look()).trouble == ("NotFound", "as asked")
        assert (await scene.look(after=9000)).trouble == ("NotFound", "as asked")
        scene.sources = (PAGE, OTHER)
        assert (await scene.look()).trouble is None
        assert len(await scene.jobs()) == 2
        await planned_of_second_try(scene)

    async def planned_of_second_try(scene: PlanScene) -> None:
        await scene.plan(await pod_of(scene))
        look = await scene.look()
        assert look.plan is not None
        assert look.plan.sources == 2
        await scene.look()
        assert [job["metadata"]["name"] for job in await scene.jobs()] == [plan_job_name(scene.owner, 0, 1)]  # kept for its log

    run(story())


def test_a_profile_that_is_mended_makes_room_for_a_job_that_could_not_begin(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.look()
        pod = await pod_of(scene)
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
        container = {"name": "worker", "image": "i", "imageID": "", "ready": False, "restartCount": 0, "state": waiting}
        status = {"status": {"phase": "Pending", "containerStatuses": [container]}}
        await api.patch(PODS, namespace, pod["metadata"]["name"], status, subresource="status")
        look = await scene.look()
        assert [(each.reason, each.index) for each in look.hindrances] == [("ImageUnavailable", None)]
        scene.pods = PodProfile(image="mended:1")
        await scene.look()
        names = [job["metadata"]["name"] for job in await scene.jobs() if "deletionTimestamp" not in job["metadata"]]
        assert names == [plan_job_name(scene.owner, 0, 2)]

    run(story())


def test_a_list_is_waited_for_and_then_planned_line_by_line(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources = (LIST,)
        look = await scene.look()
        assert [each.reason for each in look.hindrances] == ["ListMissing"]
        await scene.offer_list("https://media.example.org/a\nhttps://media.example.org/b\n")
        assert await scene.look() == look  # it rests
        assert (await scene.look(after=31)).hindrances == ()
        await scene.plan(await pod_of(scene))
        assert [item.id for item in (await scene.look()).items or ()] == ["url:a", "url:b"]

    run(story())


def test_a_mistake_in_the_sources_is_told_by_its_field_and_looked_at_again_when_the_profile_changes(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources, scene.pods = (PAGE, LIST), PodProfile()
        await scene.offer_list("https://media.example.org/a")
        look = await scene.look()
        assert look.trouble is not None
        assert look.trouble[0] == "SourcesInvalid"
        assert look.trouble[1].startswith("spec.sources[1].configMap: the profile does not allow backlog")
        scene.pods = PodProfile(config_maps=("backlog",))
        assert (await scene.look()).trouble is None
        assert len(await scene.jobs()) == 1

    run(story())


def test_a_quota_is_told_in_the_servers_words_and_nothing_is_asked_until_it_is_worth_it(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
        path = f"/api/v1/namespaces/{namespace}/resourcequotas"
        await api._send("create", "resourcequotas", path, body=quota)
        scene = await PlanScene.made(api, namespace)
        look = await scene.look()
        assert [each.reason for each in look.hindrances] == ["QuotaExceeded"]
        assert "exceeded quota: none" in look.hindrances[0].message
        calls = len(scene.operator.calls)
        assert await scene.look() == look
        assert len(scene.operator.calls) == calls
        await api._send("delete", "resourcequotas", f"{path}/none")
        async with asyncio.timeout(30):
            while not await scene.jobs():
                await scene.look(after=60)
                await asyncio.sleep(0.05)

    run(story())


@pytest.mark.parametrize("kind", ["Job", "ConfigMap"])
def test_somebody_elses_object_of_our_name_is_told_and_left_alone(api: Api, namespace: str, run: Run, kind: str) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        container = {"name": "c", "image": "i"}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        if kind == "Job":
            name, resource, body = plan_job_name(scene.owner, 0, 1), JOBS, {"spec": {"suspend": True, "template": template}}
        else:
            name, resource, body = plan_map_name(scene.owner, 0, 0), CONFIG_MAPS, {"data": {"mine": "yes"}}
        theirs = await api.create(
            resource, namespace, {"apiVersion": resource.api_version, "kind": kind, "metadata": {"name": name}} | body
        )
        look = await scene.look()
        if kind == "ConfigMap":
            await scene.plan(await pod_of(scene))
            look = await scene.look()
        assert [each.reason for each in look.hindrances] == ["NameTaken"]
        assert name in look.hindrances[0].message
        assert (await api.get(resource, namespace, name))["metadata"]["uid"] == theirs["metadata"]["uid"]

    run(story())


def test_a_log_that_is_out_of_reach_is_asked_for_again_and_in_the_end_made_again(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.look()
        pod = await pod_of(scene)
        scene.logs[pod["metadata"]["name"]] = BusyError(502, "BadGateway", "dial tcp 10.0.0.7:10250: connection refused")
        await scene.plan(pod)
        look = await scene.look()
        assert [each.reason for each in look.hindrances] == ["LogOutOfReach"]
        assert "connection refused" in look.hindrances[0].message
        assert (await scene.look(after=LOG_PATIENCE - 10)).hindrances != ()
        await scene.look(after=LOG_PATIENCE + 10)
        assert plan_job_name(scene.owner, 0, 2) in {job["metadata"]["name"] for job in await scene.jobs()}

    run(story())


@pytest.mark.parametrize("how", ["the log is another plan's", "the log is cut", "the order has changed", "the node is gone"])
def test_a_plan_that_does_not_fit_together_is_made_again(api: Api, namespace: str, run: Run, how: str) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.look()
        pod = await pod_of(scene)
        name = pod["metadata"]["name"]
        if how == "the log is another plan's":
            other = await PlanScene.made(api, namespace, "other")
            other.sources = (OTHER,)
            await other.look()
            elsewhere = await pod_of(other)
            await other.plan(elsewhere)
            scene.logs[name] = other.logs[elsewhere["metadata"]["name"]]
        await scene.plan(pod)
        if how == "the log is cut":
            scene.logs[name] = str(scene.logs[name])[:-10]
        if how == "the order has changed":
            changed = (await scene.order(0)).model_copy(update={"batch": "media/other"}).to_json()
            await api.patch(CONFIG_MAPS, namespace, plan_order_map_name(scene.owner, 0), {"data": {"order.json": changed}})
        if how == "the node is gone":
            del scene.logs[name]  # the real server answers: there is no node that could be asked
        look = await scene.look()
        assert (look.items, look.hindrances) == (None, ())
        await scene.look(after=31)
        assert len(await scene.jobs()) == 2
        await scene.plan(await pod_of(scene))
        assert (await scene.look(after=31)).items is not None

    run(story())
