"""A list of addresses in a Secret, on the real control plane: pods that fetch have it, and nothing else."""

import json

from ingest_contract.failures import Reason
from ingest_contract.names import API_VERSION
from ingest_contract.order import IngestOrder, Item, PlanOrder
from ingest_contract.plan_document import PlanDocument
from testkit.cluster.client import Json
from testkit.cluster.life import Life
from testkit.cluster.lives import fails, order_of, plans, sequence
from testkit.cluster.scene import Scene, final

REFERENCE = "secret:///secrets/private-feeds/urls.txt#0123456789abcdef.fedcba9876543210"
FOUND = (
    Item(index=0, id="url:0123456789abcdef", url=REFERENCE, title="Behind a password"),
    Item(index=1, id="youtube:CNxH0rHS320", url="https://media.example.org/open", title="Open"),
)


KINDS = (
    "/api/v1/namespaces/{}/configmaps",
    "/api/v1/namespaces/{}/pods",
    "/apis/batch/v1/namespaces/{}/jobs",
    "/apis/events.k8s.io/v1/namespaces/{}/events",
    f"/apis/{API_VERSION}/namespaces/{{}}/ingestbatches",
    f"/apis/{API_VERSION}/namespaces/{{}}/ingestprofiles",
)


def volumes_of(pod: Json) -> list[str]:
    return [each["secret"]["secretName"] for each in pod["spec"]["volumes"] if "secret" in each]


def test_only_pods_that_fetch_from_a_secret_have_it_and_nothing_else_has_what_is_in_it(scene: Scene) -> None:
    scene.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "private-feeds"},
            "stringData": {"urls.txt": "https://ann:geheim@media.example.org/feed.xml\n"},
        }
    )
    scene.profile(pods={"secrets": ["private-feeds"]})
    pods: dict[str, list[str]] = {}
    script = sequence({}, plan=plans(PlanDocument(items=FOUND)))
    everything: list[Json] = []

    def watched(pod: Json) -> Life:
        order = order_of(pod)
        name = str(order.item.index) if isinstance(order, IngestOrder) else "plan"
        pods[name] = volumes_of(pod)
        everything.append(pod)
        return script(pod)

    kubelet = scene.play(watched)
    scene.operate()
    scene.batch(sources=[{"secret": {"secretName": "private-feeds"}}])
    assert final(scene.until_state("Complete"))["succeeded"] == len(FOUND)
    assert pods == {"plan": ["private-feeds"], "0": ["private-feeds"], "1": []}
    everything += [scene.admin.get(kind.format(scene.namespace)) for kind in KINDS]
    text = json.dumps(everything) + "".join(order.to_json() for order in kubelet.orders())
    assert REFERENCE in text
    assert "geheim" not in text


def test_a_secret_that_the_profile_does_not_name_is_reported_and_never_mounted(scene: Scene) -> None:
    scene.play()
    scene.operate()
    scene.batch(sources=[{"secret": {"secretName": "store"}}])
    assert "pods.secrets has nothing" in scene.until_stalled("PlanningFailed")["message"]
    assert scene.jobs("plan") == []


def test_what_else_a_batch_names_is_ingested_while_its_secret_is_missing_and_that_when_it_is_there(
    scene: Scene,
) -> None:
    there: list[bool] = []
    rest = sequence({})

    def worker(pod: Json) -> Life:
        order = order_of(pod)
        if not isinstance(order, PlanOrder):
            return rest(pod)
        entries = {source.entry for source in order.sources} - (set() if there else {0})
        if not entries:
            return fails(Reason.CREDENTIALS_INVALID, message="is there a Secret private-feeds?")
        items = [FOUND[entry or 0] for entry in sorted(entry or 0 for entry in entries)]
        numbered = [
            item.model_copy(update={"index": order.first_index + place}) for place, item in enumerate(items)
        ]
        left = {source.entry or 0 for source in order.sources} - entries
        return plans(PlanDocument(items=tuple(numbered), waiting=tuple(sorted(left)) or None))

    scene.profile(pods={"secrets": ["private-feeds"]})
    scene.play(worker)
    scene.operate()
    sources = [{"secret": {"secretName": "private-feeds"}}, {"url": "https://media.example.org/open"}]
    scene.batch(sources=sources)
    said = scene.until_stalled("CredentialsInvalid")["message"]
    assert "is there a Secret private-feeds?" in said
    scene.until(lambda status: status["counts"]["succeeded"] == 1, "the other source is ingested")
    there.append(True)
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], status["plan"]["sources"]) == (2, 2)
