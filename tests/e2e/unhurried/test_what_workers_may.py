"""What a worker could do if somebody took it over: it has no token, and the chart's network policies and its own guard bar its ways.

The node's firewall enforces the policies here and in every other test on it. What they say of other values is seen in tests/chart.
"""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from ingest_operator.kube.names import PROGRESS_PORT
from tests.e2e.batches import apply, batch
from tests.e2e.place import BASE, MEDIA_PORT, NAMESPACE, STORE_PORT, Place
from tests.support.node.images import LIGHT
from tests.support.node.metadata import ADDRESS, metadata
from tests.support.node.namespace import HOST

KNOCKS = """
import json, socket, sys
def answers(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return False
    return True
print(json.dumps([address for address in sys.argv[1:] if answers(address)]))
"""


def test_network_policies_let_a_worker_reach_the_store_and_media_and_only_the_operator_reach_the_worker(here: Place) -> None:
    needed, foreign = [f"{HOST}:{STORE_PORT}", f"{HOST}:{MEDIA_PORT}"], [f"{HOST}:{here.node.plane.port}", f"{ADDRESS}:80"]
    barred, operator = batch(here, "barred", ["talk.mp4"]), _operator(here)
    with here.transcript.phase("network policies"), metadata(here.node.inside), _stranger(here) as stranger:
        assert _reached(here, stranger, needed + foreign) == needed + foreign, "a pod of which no policy speaks reaches all of them"
        worker = barred.until_working()
        barred.until(lambda: _reached(here, worker, needed + foreign) == needed, "the worker's policy is in force")
        pages = [f"{_address(here, pod)}:{PROGRESS_PORT}" for pod in (operator, worker)]
        assert _reached(here, stranger, pages) == []
        assert _reached(here, operator, [*pages, *needed, *foreign]) == [*pages, foreign[0]], "workers' progress and the API server"
        assert barred.done()["counts"]["succeeded"] == 1


def _reached(here: Place, pod: str, addresses: list[str]) -> list[str]:
    """Those of the addresses to which a connection from this pod comes about."""
    said = here.kubectl(f"exec {pod} -- python -c {shlex.quote(KNOCKS)} {' '.join(addresses)}", shown=False)
    return list(json.loads(said))


def _operator(here: Place) -> str:
    (pod,) = here.listed("pods", "app.kubernetes.io/component=operator")
    return str(pod["metadata"]["name"])


def _address(here: Place, pod: str) -> str:
    return str(here.read("pods", pod)["status"]["podIP"])


@contextmanager
def _stranger(here: Place) -> Iterator[str]:
    """A pod of which no policy speaks."""
    container = {"name": "main", "image": LIGHT.reference, "command": ["python", "-c", "import signal; signal.pause()"]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    apply(here, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stranger", "namespace": NAMESPACE}, "spec": spec})
    here.kubectl("wait --for=condition=Ready --timeout=5m pod stranger", shown=False)
    yield "stranger"
    here.kubectl("delete pod stranger", shown=False)


def test_a_worker_has_no_token_for_the_api_server(here: Place) -> None:
    curious = batch(here, "curious", ["talk.mp4"])
    with here.transcript.phase("no token"):
        mounted = here.kubectl(f"exec {curious.until_working()} -- cat /proc/mounts", shown=False)
        here.kubectl("delete ib curious", shown=False)
    assert "/tmp" in mounted
    assert "serviceaccount" not in mounted


def test_a_worker_refuses_private_and_metadata_addresses_unless_its_profile_allows_them(here: Place) -> None:
    service = here.read("services", "kubernetes", namespace="default")["spec"]["clusterIP"]
    addresses = ["http://169.254.169.254/latest/meta-data/iam.mp4", f"https://{service}/api/v1/secrets.mp4", f"{BASE}/call.webm"]
    outside = batch(here, "outside", addresses, fetch={"allow": {"privateAddresses": False}})
    with here.transcript.phase("private addresses"):
        done = outside.done()
    assert [(row["state"], row["reason"], row["try"]) for row in done["videos"]] == [("Failed", "SourceRefused", 1)] * len(addresses)
