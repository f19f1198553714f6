"""Sources of a batch of which some cannot be planned, because something is missing: the others are planned
and run, and they follow when it is there."""

from ingest_contract.batch import Source
from ingest_contract.batch_sources import SecretSource, VolumeSource
from ingest_contract.failures import Reason
from ingest_contract.pods import PodProfile
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.resources import CLAIMS, Object
from ingest_operator.kube.planning.planner import PlanResult
from testkit.cluster.fixtures import Run
from tests.support.plan_scene import OTHER, PAGE, PlanScene, pod_of

SECRET = Source(secret=SecretSource(secret_name="feeds", key="private"))
VOLUME = Source(volume=VolumeSource(claim_name="recordings"))


def found(result: PlanResult) -> list[str]:
    return [item.id for item in (result.planned.items if result.planned else ())]


def claims_of(pod: Object) -> list[str]:
    volumes = [each.get("persistentVolumeClaim") for each in pod["spec"]["volumes"]]
    return [each["claimName"] for each in volumes if each is not None]


def test_what_a_plan_leaves_out_for_want_of_a_secret_is_asked_for_alone_until_it_is_there(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources, scene.pods = (SECRET, PAGE, OTHER), PodProfile(secrets=("feeds",))
        await scene.reconcile()
        await scene.plan(await pod_of(scene), waiting=(0,))
        first = await scene.reconcile()
        assert (found(first), scene.sources_planned()) == (["url:first", "url:second"], 2)
        await scene.restart()
        await scene.reconcile()
        pod = await pod_of(scene)
        assert [source.entry for source in (await scene.order(1)).sources] == [0]
        await scene.fail(pod, Reason.CREDENTIALS_INVALID)
        waiting = await scene.reconcile()
        assert [each.reason for each in waiting.blockers] == ["CredentialsInvalid"]
        assert found(waiting) == found(first), "what is planned goes on"
        await scene.reconcile(after=61)  # somebody has made the Secret
        await scene.plan(await pod_of(scene))
        last = await scene.reconcile()
        assert (found(last), scene.sources_planned()) == (["url:first", "url:second", "url:private"], 3)
        await scene.restart()
        assert (await scene.reconcile()).planned == last.planned

    run(story())


def test_a_plan_that_leaves_out_what_it_was_not_asked_for_is_made_again(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources = (PAGE,)
        await scene.reconcile()
        await scene.plan(await pod_of(scene), waiting=(7,))
        again = await scene.reconcile()
        assert (again.frozen, len(await scene.jobs())) == ((), 1)

    run(story())


def test_a_claim_that_is_not_there_is_reported_and_mounted_by_no_plan_until_it_is(
    api: Api, namespace: str, run: Run
) -> None:
    async def story() -> None:
        scene = await PlanScene.made(api, namespace)
        scene.sources, scene.pods = (VOLUME, PAGE), PodProfile(claims=("recordings",))
        assert [each.reason for each in (await scene.reconcile()).blockers] == ["ClaimMissing"]
        pod = await pod_of(scene)
        assert claims_of(pod) == []
        await scene.plan(pod)
        await scene.reconcile()
        waiting = await scene.reconcile()
        assert [each.reason for each in waiting.blockers] == ["ClaimMissing"]
        assert found(waiting) == ["url:first"]
        assert waiting.blockers[0].message.startswith(
            "spec.sources[0]: there is no PersistentVolumeClaim recordings in the batch's namespace"
        )
        spec = {"accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "1Gi"}}}
        body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "recordings"}}
        await api.create(CLAIMS, namespace, body | {"spec": spec})
        assert (await scene.reconcile(after=31)).blockers == ()
        pod = await pod_of(scene)
        assert claims_of(pod) == ["recordings"]
        await scene.plan(pod)
        assert found(await scene.reconcile()) == ["url:first", "url:recordings"]

    run(story())
