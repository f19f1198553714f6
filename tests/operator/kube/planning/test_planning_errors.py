"""What keeps a plan from being made, on a real control plane: what a person is told, and how planning goes on
once it is mended."""

import asyncio

import pytest

from ingest_contract.batch import Source
from ingest_contract.batch_sources import ConfigMapSource
from ingest_contract.failures import Reason
from ingest_contract.plan_document import MAX_ITEMS, PlanDocument
from ingest_contract.pods import PodProfile
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import BusyError, RefusalCause, RefusedError
from ingest_operator.kube.api.names import plan_job_name, plan_map_name, plan_order_map_name
from ingest_operator.kube.api.resources import CONFIG_MAPS, JOBS, PODS
from ingest_operator.kube.planning.freeze import LOG_PATIENCE_SECONDS
from ingest_operator.kube.planning.frozen_plan import FrozenPlan
from testkit.cluster.fixtures import Run
from testkit.objects.builders import NOW, items
from tests.support.plan_scene import OTHER, PAGE, PlanScene, pod_of

LIST = Source(config_map=ConfigMapSource(name="backlog"))


def test_a_plan_that_cannot_be_made_is_trouble_until_its_sources_or_profile_change(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        await scene.fail(await pod_of(scene), Reason.NOT_FOUND)
        assert (await scene.reconcile()).failure == ("NotFound", "as asked")
        assert (await scene.reconcile(after=9000)).failure == ("NotFound", "as asked")
        scene.sources = (PAGE, OTHER)
        assert (await scene.reconcile()).failure is None
        assert len(await scene.jobs()) == 2
        await planned_of_second_try(scene)

    async def planned_of_second_try(scene: PlanScene) -> None:
        await scene.plan(await pod_of(scene))
        reconcile = await scene.reconcile()
        assert reconcile.planned is not None
        assert reconcile.planned.status.sources == 2
        await scene.reconcile()
        # kept for its log
        assert [job["metadata"]["name"] for job in await scene.jobs()] == [plan_job_name(scene.owner, 0, 1)]

    run(story())


def test_a_profile_that_is_fixed_makes_room_for_a_job_that_could_not_begin(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        pod = await pod_of(scene)
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
        container = {
            "name": "worker",
            "image": "i",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": waiting,
        }
        status = {"status": {"phase": "Pending", "containerStatuses": [container]}}
        await api.patch(PODS, namespace, pod["metadata"]["name"], status, subresource="status")
        reconcile = await scene.reconcile()
        assert [(each.reason, each.index) for each in reconcile.blockers] == [("ImageUnavailable", None)]
        scene.pods = PodProfile(image="mended:1")
        await scene.reconcile()
        names = [
            job["metadata"]["name"]
            for job in await scene.jobs()
            if "deletionTimestamp" not in job["metadata"]
        ]
        assert names == [plan_job_name(scene.owner, 0, 2)]

    run(story())


def test_a_list_is_waited_for_and_then_planned_line_by_line(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources = (LIST,)
        reconcile = await scene.reconcile()
        assert [each.reason for each in reconcile.blockers] == ["ListMissing"]
        await scene.offer_list("https://media.example.org/a\nhttps://media.example.org/b\n")
        assert await scene.reconcile() == reconcile  # it rests
        assert (await scene.reconcile(after=31)).blockers == ()
        await scene.plan(await pod_of(scene))
        found = (await scene.reconcile()).planned
        assert [item.id for item in (found.items if found else ())] == ["url:a", "url:b"]

    run(story())


def test_what_stands_before_a_missing_list_is_planned_and_the_list_when_it_is_there(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources = (PAGE, LIST)
        assert [each.reason for each in (await scene.reconcile()).blockers] == ["ListMissing"]
        await scene.plan(await pod_of(scene))
        await scene.reconcile()
        waiting = await scene.reconcile()
        assert [item.id for item in (waiting.planned.items if waiting.planned else ())] == ["url:first"]
        assert [each.reason for each in waiting.blockers] == ["ListMissing"]
        assert waiting.blockers[0].message.startswith("spec.sources[1].configMap: there is no ConfigMap")
        await scene.offer_list("https://media.example.org/a\n")
        assert (await scene.reconcile(after=31)).blockers == ()
        await scene.plan(await pod_of(scene))
        found = (await scene.reconcile()).planned
        assert [item.id for item in (found.items if found else ())] == ["url:first", "url:a"]

    run(story())


def test_a_mistake_in_the_sources_is_reported_by_its_field_and_reconciled_again_when_the_profile_changes(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources, scene.pods = (PAGE, LIST), PodProfile()
        await scene.offer_list("https://media.example.org/a")
        assert (await scene.reconcile()).failure is None
        await scene.plan(await pod_of(scene))  # the others go on
        await scene.reconcile()
        reconcile = await scene.reconcile()
        assert reconcile.failure is not None
        assert reconcile.failure[0] == "SourcesInvalid"
        assert reconcile.failure[1].startswith(
            "spec.sources[1].configMap: the profile does not allow backlog"
        )
        scene.pods = PodProfile(config_maps=("backlog",))
        assert (await scene.reconcile()).failure is None
        await scene.plan(await pod_of(scene))
        found = (await scene.reconcile()).planned
        assert [item.id for item in (found.items if found else ())] == ["url:first", "url:a"]

    run(story())


def test_a_batch_that_is_full_says_so_instead_of_planning_more(api: Api, namespace: str, run: Run) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        settings = scene.orders.settings
        full = tuple(
            FrozenPlan(
                sources=place + 1,
                document=PlanDocument(items=recordings),
                number=place,
                at=to_rfc3339(NOW),
                settings=settings,
            )
            for place, recordings in enumerate((items(MAX_ITEMS), items(1)))
        )
        scene.sources, scene.frozen = (PAGE, OTHER, LIST), full
        reconcile = await scene.reconcile()
        assert reconcile.failure == (
            "SourcesInvalid",
            "spec.sources: the batch holds 10001 recordings; put what was added into another batch",
        )
        assert reconcile.planned is not None
        assert len(reconcile.planned.items) == MAX_ITEMS + 1
        assert await scene.jobs() == []

    run(story())


def test_a_quota_is_reported_in_the_servers_words_and_nothing_is_asked_until_it_is_worth_it(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "none"},
            "spec": {"hard": {"count/jobs.batch": "0"}},
        }
        path = f"/api/v1/namespaces/{namespace}/resourcequotas"
        await api._send("create", "resourcequotas", path, body=quota)
        scene = await PlanScene.made(api, namespace)
        reconcile = await scene.reconcile()
        assert [each.reason for each in reconcile.blockers] == ["QuotaExceeded"]
        assert "exceeded quota: none" in reconcile.blockers[0].message
        calls = len(scene.operator.calls)
        assert await scene.reconcile() == reconcile
        assert len(scene.operator.calls) == calls
        await api._send("delete", "resourcequotas", f"{path}/none")
        async with asyncio.timeout(30):
            while not await scene.jobs():
                await scene.reconcile(after=60)
                await asyncio.sleep(0.05)

    run(story())


@pytest.mark.parametrize("kind", ["Job", "ConfigMap"])
def test_somebody_elses_object_of_our_name_is_reported_and_left_alone(
    api: Api, namespace: str, run: Run, kind: str
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        container = {"name": "c", "image": "i"}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        if kind == "Job":
            name, resource, body = (
                plan_job_name(scene.owner, 0, 1),
                JOBS,
                {"spec": {"suspend": True, "template": template}},
            )
        else:
            name, resource, body = plan_map_name(scene.owner, 0, 0), CONFIG_MAPS, {"data": {"mine": "yes"}}
        theirs = await api.create(
            resource,
            namespace,
            {"apiVersion": resource.api_version, "kind": kind, "metadata": {"name": name}} | body,
        )
        reconcile = await scene.reconcile()
        if kind == "ConfigMap":
            await scene.plan(await pod_of(scene))
            reconcile = await scene.reconcile()
        assert [each.reason for each in reconcile.blockers] == ["NameTaken"]
        assert name in reconcile.blockers[0].message
        assert (await api.get(resource, namespace, name))["metadata"]["uid"] == theirs["metadata"]["uid"]

    run(story())


def test_a_log_that_is_out_of_reach_is_asked_for_again_and_in_the_end_made_again(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        pod = await pod_of(scene)
        scene.logs[pod["metadata"]["name"]] = BusyError(
            502, "BadGateway", "dial tcp 10.0.0.7:10250: connection refused"
        )
        await scene.plan(pod)
        reconcile = await scene.reconcile()
        assert [each.reason for each in reconcile.blockers] == ["LogOutOfReach"]
        assert "connection refused" in reconcile.blockers[0].message
        assert (await scene.reconcile(after=LOG_PATIENCE_SECONDS - 10)).blockers != ()
        await scene.reconcile(after=LOG_PATIENCE_SECONDS + 10)
        assert plan_job_name(scene.owner, 0, 2) in {job["metadata"]["name"] for job in await scene.jobs()}

    run(story())


def test_a_role_that_may_not_read_logs_is_reported_and_no_plan_is_made_again_for_it(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        pod = await pod_of(scene)
        message = 'pods "x" is forbidden: User "operator" cannot get resource "pods/log"'
        scene.logs[pod["metadata"]["name"]] = RefusedError(
            403, "Forbidden", message, RefusalCause.FORBIDDEN_BY_RBAC
        )
        await scene.plan(pod)
        reconcile = await scene.reconcile()
        assert [each.reason for each in reconcile.blockers] == ["Forbidden"]
        assert (await scene.reconcile(after=LOG_PATIENCE_SECONDS + 3600)).blockers[0].reason == "Forbidden"
        assert len(await scene.jobs()) == 1

    run(story())


@pytest.mark.parametrize(
    "how",
    [
        "the log is another plan's",
        "its items begin elsewhere",
        "the log is cut",
        "the order has changed",
        "the node is gone",
    ],
)
def test_a_plan_that_does_not_fit_together_is_made_again(
    api: Api, namespace: str, run: Run, how: str
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        await scene.reconcile()
        pod = await pod_of(scene)
        name = pod["metadata"]["name"]
        if how == "the log is another plan's":
            other = await PlanScene.made(api, namespace, "other")
            other.sources = (OTHER,)
            await other.reconcile()
            elsewhere = await pod_of(other)
            await other.plan(elsewhere)
            scene.logs[name] = other.logs[elsewhere["metadata"]["name"]]
        await scene.plan(pod, begins=5 if how == "its items begin elsewhere" else 0)
        if how == "the log is cut":
            scene.logs[name] = str(scene.logs[name])[:-10]
        if how == "the order has changed":
            changed = (await scene.order(0)).model_copy(update={"batch": "media/other"}).to_json()
            await api.patch(
                CONFIG_MAPS, namespace, plan_order_map_name(scene.owner, 0), {"data": {"order.json": changed}}
            )
        if how == "the node is gone":
            del scene.logs[name]  # the real server answers: there is no node that could be asked
        reconcile = await scene.reconcile()
        assert (reconcile.planned, reconcile.blockers) == (None, ())
        await scene.reconcile(after=31)
        assert len(await scene.jobs()) == 2
        await scene.plan(await pod_of(scene))
        assert (await scene.reconcile(after=31)).planned is not None

    run(story())
