"""What a worker could do if somebody took it over: it has no token, and the chart's network policies and its
own guard bar its ways.

The node's firewall enforces the policies here and in every other test on it. What they say of other values is
seen in tests/chart.
"""

from contextlib import ExitStack

from ingest_operator.kube.api.names import PROGRESS_PORT
from testkit.node.metadata import ADDRESS as METADATA
from testkit.node.metadata import metadata
from testkit.node.namespace import HOST
from testkit.release.batches import batch
from testkit.release.knocking import reached, stranger
from testkit.release.place import BASE, MEDIA_PORT, STORE_PORT, Place


def test_network_policies_let_a_worker_reach_the_store_and_media_and_only_the_operator_reach_the_worker(
    here: Place,
) -> None:
    operator, api, cloud = _operator(here), f"{HOST}:{here.node.plane.port}", f"{METADATA}:80"
    needed = [f"{HOST}:{STORE_PORT}", f"{HOST}:{MEDIA_PORT}"]
    with here.transcript.phase("network policies"), ExitStack() as ends:
        ends.enter_context(metadata(here.node.inside))
        server, caller = (ends.enter_context(stranger(here, name)) for name in ("server", "caller"))
        # two of them at ports that workers may use elsewhere
        foreign = [
            api,
            cloud,
            f"{_address(here, server)}:{MEDIA_PORT}",
        ]
        here.until(
            lambda: reached(here, caller, needed + foreign) == needed + foreign,
            "a pod of which no policy speaks reaches all",
        )
        barred = batch(here, "barred", ["talk.mp4"])
        worker = barred.until_working()
        assert reached(here, worker, needed + foreign) == needed
        pages = [f"{_address(here, pod)}:{PROGRESS_PORT}" for pod in (operator, worker)]
        assert reached(here, caller, pages) == []
        assert reached(here, operator, [*pages, *needed, *foreign]) == [*pages, api], (
            "workers' progress and the API server"
        )
        assert barred.done()["counts"]["succeeded"] == 1


def _operator(here: Place) -> str:
    (pod,) = here.listed("pods", "app.kubernetes.io/component=operator")
    return str(pod["metadata"]["name"])


def _address(here: Place, pod: str) -> str:
    return str(here.read("pods", pod)["status"]["podIP"])


def test_a_worker_has_no_token_for_the_api_server(here: Place) -> None:
    curious = batch(here, "curious", ["talk.mp4"])
    with here.transcript.phase("no token"):
        worker = curious.until_working()
        spec, mounts = (
            here.read("pods", worker)["spec"],
            here.kubectl(f"exec {worker} -- cat /proc/mounts", shown=False),
        )
        here.kubectl("delete ib curious", shown=False)
    places = {line.split()[1] for line in mounts.splitlines()}
    assert "/tmp" in places
    assert not [place for place in places if "secrets" in place or "token" in place]
    assert not [volume for volume in spec["volumes"] if "projected" in volume or "secret" in volume]


def test_a_worker_refuses_private_and_metadata_addresses_unless_its_profile_allows_them(here: Place) -> None:
    service = here.read("services", "kubernetes", namespace="default")["spec"]["clusterIP"]
    addresses = [
        "http://169.254.169.254/latest/meta-data/iam.mp4",
        f"https://{service}/api/v1/secrets.mp4",
        f"{BASE}/call.webm",
    ]
    outside = batch(here, "outside", addresses, fetch={"allow": {"privateAddresses": False}})
    with here.transcript.phase("private addresses"):
        done = outside.done()
    assert [(row["state"], row["reason"], row["run"]) for row in done["recordings"]] == [
        ("Failed", "SourceRefused", 1)
    ] * len(addresses)
