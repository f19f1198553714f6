"""A list of addresses in a Secret, on the real control plane: pods that fetch have it, and nothing else."""

import json

from ingest_contract.names import API_VERSION
from ingest_contract.order import IngestOrder, Item
from ingest_contract.plan_document import PlanDocument
from testkit.cluster.client import Json
from testkit.cluster.life import Life
from testkit.cluster.lives import order_of, plans, sequence
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
