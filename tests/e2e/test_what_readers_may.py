"""What the reader could do if somebody took it over, who reaches it, and that it ends by itself."""

from typing import Any

from testkit.cluster.history import History
from testkit.node.metadata import ADDRESS as METADATA
from testkit.node.metadata import metadata
from testkit.node.namespace import HOST
from testkit.release.knocking import reached, stranger
from testkit.release.place import MEDIA_PORT, NAMESPACE, STORE_PORT, Place
from testkit.release.reading import METRICS_PORT, PAGES_PORT, service


def test_network_policies_let_a_reader_reach_the_store_alone_and_only_who_is_named_reach_the_reader(
    here: Place,
) -> None:
    pod, store = _reader(here), f"{HOST}:{STORE_PORT}"
    foreign = [f"{HOST}:{MEDIA_PORT}", f"{HOST}:{here.node.plane.port}", f"{METADATA}:80"]
    address = pod["status"]["podIP"]
    with (
        here.transcript.phase("the reader's policies"),
        metadata(here.node.inside),
        stranger(here, "passer-by") as caller,
    ):
        here.until(
            lambda: reached(here, caller, [store, *foreign]) == [store, *foreign],
            "a pod of which no policy speaks reaches all",
        )
        assert reached(here, pod["metadata"]["name"], [store, *foreign]) == [store]
        doors = [service(here), f"{address}:{PAGES_PORT}", f"{address}:{METRICS_PORT}"]
        assert reached(here, caller, doors) == []


def test_a_reader_that_has_to_go_ends_by_itself_in_time(here: Place) -> None:
    name = _reader(here)["metadata"]["name"]
    with (
        here.transcript.phase("the reader's end"),
        History(here.node.plane.admin, f"/api/v1/namespaces/{NAMESPACE}/pods") as pods,
    ):
        here.kubectl(f"delete pod {name}", shown=False)
        here.until(lambda: _ends(pods, name), "the kubelet has told how it ended")
        patience, end = _ends(pods, name)[0]
    assert end["exitCode"] == 0, (end, here.trouble())
    assert end["finishedAt"] < patience, "it took longer than its grace period"


def _reader(here: Place) -> dict[str, Any]:
    (pod,) = here.listed("pods", "app.kubernetes.io/component=reader")
    return pod


def _ends(pods: History, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Until when it had time, and how it ended, of each version of a pod that tells both."""
    return [
        (each["metadata"]["deletionTimestamp"], state["terminated"])
        for each in pods.versions
        if each["metadata"]["name"] == name and "deletionTimestamp" in each["metadata"]
        for state in [each["status"]["containerStatuses"][0]["state"]]
        if "terminated" in state
    ]
