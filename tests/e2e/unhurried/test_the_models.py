"""The models by the chart's own Job: from a hub, with a token that no other pod sees, onto a claim, and from
there into a worker."""

from collections.abc import Iterator

import pytest
import yaml

from ingest_contract.receipt import Receipt
from ingest_operator.kube.api.names import BATCH_UID
from ingest_operator.kube.manifests.volumes import MODELS_CLAIM
from ingest_worker.models import load_set
from ingest_worker.models.model_set import HubSource
from testkit.models.demo_set import model
from testkit.node.namespace import HOST
from testkit.node.relay import relay, to_port
from testkit.release.batches import apply, batch
from testkit.release.installed import INSTALL
from testkit.release.place import NAMESPACE, RELEASE, Place
from tests.support import hub

PORT = 18_081
STAND_INS = {
    "distil-large-v3.5": "tiny.en",
    "large-v3-turbo": "tiny.en",
    "community-1": "community-1",
    "bge-large-en-v1.5": "all-MiniLM-L6-v2",
}
"""What the hub of this test serves under the names of the default set: real models, small ones."""
HUB = "hub-token"
FETCH = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=fetch"
VALUES = {
    "models": {
        "set": "default",
        "from": "Claim",
        "claim": {"create": False},
        "fetch": {
            "token": {"secretName": HUB},
            "extraEnv": [{"name": "HF_ENDPOINT", "value": f"http://{HOST}:{PORT}"}],
        },
    },
    "networkPolicy": {"fetch": {"to": [{"ipBlock": {"cidr": f"{HOST}/32"}}], "ports": [PORT]}},
    "profile": {
        "spec": {"transcription": {"model": "distil-large-v3.5"}, "embedding": {"model": "bge-large-en-v1.5"}}
    },
}


@pytest.fixture
def served() -> Iterator[hub.Hub]:
    """A hub with the repositories of the default set, where pods can reach it."""
    repositories = {}
    for each in load_set("default").models:
        assert isinstance(each.source, HubSource)
        folder = model(STAND_INS[each.name])
        files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        repositories[each.source.repository] = hub.Repository(
            files, each.source.revision or "c" * 40, gated=each.source.gated
        )
    with hub.serving(hub.Hub(repositories, "hf_right")) as made, relay(HOST, PORT, to_port(made.port)):
        yield made


def _claim(here: Place) -> None:
    """A claim on a folder of the node that nobody in particular may write to."""
    folder = here.folder / "claim"
    folder.mkdir()
    folder.chmod(0o777)
    sized = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    volume = {
        "capacity": {"storage": "5Gi"},
        "hostPath": {"path": str(folder)},
        "claimRef": {"name": MODELS_CLAIM, "namespace": NAMESPACE},
    }
    claim = {"resources": {"requests": {"storage": "5Gi"}}, "volumeName": "models"}
    for kind, name, spec in (
        ("PersistentVolume", "models", volume),
        ("PersistentVolumeClaim", MODELS_CLAIM, claim),
    ):
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": sized | spec}
        here.node.plane.admin.create(body, None if kind == "PersistentVolume" else NAMESPACE)


def _token(here: Place, token: str) -> None:
    apply(
        here,
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": HUB}, "stringData": {"token": token}},
    )


def test_a_job_says_what_the_hub_wants_then_fills_the_claim_and_a_worker_takes_its_models_from_there(
    here: Place, served: hub.Hub
) -> None:
    (here.folder / "fetch.yaml").write_text(yaml.safe_dump(VALUES), encoding="utf-8")
    _claim(here)
    with here.transcript.phase("models by a Job"):
        _token(here, "hf_wrong")
        here.helm(f"upgrade {INSTALL} --values fetch.yaml")
        try:
            here.until(
                lambda: "asks people to accept its conditions" in _said(here),
                "the Job says what the hub wants",
            )
            assert not served.served, "nothing is fetched before everything may be"
            _token(here, "hf_right")
            here.kubectl(f"wait --timeout=60m --for=condition=Complete job --selector={FETCH}", shown=False)
            assert _name_the_token(here, FETCH)
            fetched = batch(here, "fetched", ["meeting.ogg"])
            done = fetched.done()
        except BaseException:
            print(here.trouble())
            raise
        finally:
            here.helm(f"rollback {RELEASE} --namespace {NAMESPACE} --wait")
    assert done["counts"]["succeeded"] == 1
    (worker,) = fetched.workers()
    receipt = Receipt.model_validate_json(
        worker["status"]["containerStatuses"][0]["state"]["terminated"]["message"]
    )
    assert receipt.effective
    assert {each.partition("@")[0] for each in receipt.effective.models.values()} == {
        "distil-large-v3.5",
        "community-1",
        "bge-large-en-v1.5",
    }
    (container,) = worker["spec"]["containers"]
    assert {"name": "models", "mountPath": "/models", "readOnly": True} in container["volumeMounts"]
    assert not _name_the_token(here, BATCH_UID), "a pod of a batch could see the token"


def _said(here: Place) -> str:
    return here.kubectl(f"logs --selector={FETCH} --tail=5", shown=False, fails=None)


def _name_the_token(here: Place, selector: str) -> list[str]:
    """Pods that get something from the token's Secret, in whichever way."""
    return [
        pod["metadata"]["name"] for pod in here.listed("pods", selector) if f"'{HUB}'" in str(pod["spec"])
    ]
