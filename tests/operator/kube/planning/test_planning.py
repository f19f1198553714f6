"""Planning on a real control plane, look by look: what is made, frozen and left, whoever dies or lags or
comes first."""

import asyncio
import time
from unittest import mock

import pytest

from ingest_contract.batch import Source
from ingest_contract.batch_sources import ConfigMapSource
from ingest_contract.plan_document import PlanDocument
from ingest_contract.profile import TranscriptionProfile
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.names import plan_job_name, plan_map_name, plan_order_map_name
from ingest_operator.kube.api.resources import CONFIG_MAPS
from ingest_operator.kube.planning import frozen_plan
from ingest_operator.kube.planning.freeze import read_frozen
from ingest_operator.kube.planning.frozen_plan import FrozenPlan
from ingest_operator.kube.planning.planner import PlanContext, reconcile_plans
from testkit.cluster.fixtures import Run
from testkit.objects.builders import NOW, items
from tests.support.plan_scene import OTHER, PAGE, Died, NoSites, PlanScene, planned, pod_of


def test_a_plan_job_is_made_read_frozen_and_cleared_away(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        reconcile = await scene.reconcile()
        assert (reconcile.planned, reconcile.failure, reconcile.blockers) == (None, None, ())
        assert [job["metadata"]["name"] for job in await scene.jobs()] == [plan_job_name(scene.owner, 0, 1)]
        pod = await pod_of(scene)
        assert (await scene.reconcile()).planned is None
        document = await scene.plan(pod)
        reconcile = await scene.reconcile()
        assert reconcile.again_at <= time.time()  # something is left to clear, and there may be more to plan
        assert reconcile.planned is not None
        assert reconcile.planned.items == document.items
        assert (
            reconcile.planned.status.sources,
            reconcile.planned.status.recordings,
            reconcile.planned.status.media_seconds,
        ) == (1, 1, 60)
        await scene.reconcile()
        assert await scene.jobs() == []
        assert await scene.config_maps() == [plan_map_name(scene.owner, 0, 0)]
        assert await read_frozen(api, scene.owner) == reconcile.frozen
        calls = len(scene.operator.calls)
        await scene.reconcile()
        assert len(scene.operator.calls) == calls

    run(story())


def test_an_operator_that_dies_after_any_call_is_followed_by_one_that_goes_on(
    api: Api, namespace: str, run: Run
) -> None:
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
        parts = [part["metadata"]["name"] for part in frozen_plan.to_config_maps(scene.owner, plan)]
        assert len(parts) > 2
        assert await scene.config_maps() == sorted(parts)
        return len(scene.operator.calls)

    async def stories() -> None:
        calls = await story(None)
        assert calls >= 10
        await asyncio.gather(*(story(place) for place in range(1, calls + 1)))

    with mock.patch.object(frozen_plan, "PART_BYTES", 100):  # so that a crash can come between the parts
        run(stories())


def test_two_operators_that_freeze_at_once_come_to_one_plan(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        one = await PlanScene.made(api, namespace)
        await one.reconcile()
        await one.plan(await pod_of(one))
        other = PlanScene(api, one.owner)
        other.logs |= one.logs
        looks = await asyncio.gather(one.reconcile(), other.reconcile(), other.reconcile())
        assert looks[0].frozen == looks[1].frozen == looks[2].frozen == await read_frozen(api, one.owner)

    run(story())


def test_a_plan_that_somebody_froze_first_is_the_batchs_and_another_one_of_its_number_is_dropped(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        await scene.plan(await pod_of(scene))
        first = FrozenPlan(
            sources=1,
            document=PlanDocument(items=items(3)),
            number=0,
            at=to_rfc3339(NOW),
            settings=scene.orders.settings,
        )
        for part in frozen_plan.to_config_maps(scene.owner, first):
            await api.create(CONFIG_MAPS, namespace, part)
        reconcile = await scene.reconcile()
        assert reconcile.frozen == (first,) == await read_frozen(api, scene.owner)
        assert reconcile.planned is not None
        assert reconcile.planned.items == items(3)

    run(story())


def test_sources_that_are_added_while_a_plan_is_made_get_a_plan_of_their_own(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        pod = await pod_of(scene)
        scene.sources = (PAGE, OTHER, Source(url="https://media.example.org/again/first"))
        await scene.plan(pod)
        reconcile = await scene.reconcile()
        assert reconcile.planned is not None
        assert (reconcile.planned.status.sources, reconcile.planned.status.recordings) == (1, 1)
        await planned(scene)
        assert [plan.sources for plan in scene.frozen] == [1, 3]
        assert [(item.index, item.id) for plan in scene.frozen for item in plan.document.items] == [
            (0, "url:first"),
            (1, "url:second"),
        ]

    run(story())


def test_lists_that_fit_one_by_one_get_a_plan_each(
    api: Api, namespace: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest_operator.core.source_lists.MAX_ADDRESSES", 3)

    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.offer_list("\n".join(f"https://media.example.org/{name}" for name in ("a", "b", "c")))
        backlog = Source(config_map=ConfigMapSource(name="backlog"))
        scene.sources = (PAGE, backlog, OTHER)
        await planned(scene)
        assert [plan.sources for plan in scene.frozen] == [1, 2, 3]
        assert [item.index for plan in scene.frozen for item in plan.document.items] == list(range(5))

    run(story())


def test_an_operator_whose_view_lags_makes_no_second_job_and_changes_no_order(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        (before,), order = await scene.jobs(), await scene.order(0)
        scene.sources = (PAGE, OTHER)
        reconcile = await reconcile_plans(
            api, PlanContext(scene.owner, scene.orders, (), {}, (), NoSites()), time.time()
        )
        assert (reconcile.failure, reconcile.blockers) == (None, ())
        assert [job["metadata"]["uid"] for job in await scene.jobs()] == [before["metadata"]["uid"]]
        assert await scene.order(0) == order

    run(story())


def test_a_plan_keeps_the_settings_that_it_was_asked_with(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        pod = await pod_of(scene)
        asked = scene.orders.settings
        scene.profile = {"transcription": TranscriptionProfile(beam_size=1)}
        await scene.plan(pod)
        reconcile = await scene.reconcile()
        assert reconcile.frozen[0].settings == asked != scene.orders.settings

    run(story())


def test_clearing_away_touches_nothing_of_others(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        await scene.plan(await pod_of(scene))
        await scene.reconcile()
        name = plan_order_map_name(scene.owner, 0)
        await api.delete(
            CONFIG_MAPS, namespace, name, uid=(await api.get(CONFIG_MAPS, namespace, name))["metadata"]["uid"]
        )
        await api.create(
            CONFIG_MAPS, namespace, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        )
        await scene.reconcile()
        assert await scene.jobs() == []
        assert (await api.get(CONFIG_MAPS, namespace, name))["metadata"]["name"] == name

    run(story())
