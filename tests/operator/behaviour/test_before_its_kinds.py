"""An operator that comes before its definitions waits for them, says so, and serves them from the moment they
are there."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ingest_operator.kube.operator import Options
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.control_plane import control_plane as starting
from testkit.cluster.fixtures import a_namespace, definitions
from testkit.cluster.program import until
from testkit.cluster.running_operator import RunningOperator
from testkit.cluster.scene import Scene
from tests.support.hurry import hurry

ROUNDS = (2, pytest.param(3, marks=pytest.mark.nightly))
"""How often the definitions are there. A third time shows what the second does, and costs the API server ten
seconds of a processor."""


@pytest.fixture(scope="module")
def control_plane() -> Iterator[ControlPlane]:
    """One that has never heard of our kinds, to begin with."""
    with starting() as plane:
        yield plane


def test_an_operator_that_comes_before_its_definitions_serves_them_when_they_come(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hurry(monkeypatch)
    with ExitStack() as ends:
        scene = Scene(control_plane, "default", ends)
        scene.secret()
        scene.play()
        scene.operate()
        until(lambda: "install the CustomResourceDefinitions" in caplog.text, "it says what it waits for")
        control_plane.install(*definitions())
        scene.profile()
        scene.batch()
        scene.until_state("Complete")


def gone(plane: ControlPlane) -> None:
    """The definitions are deleted, and with them everything of their kinds."""
    for each in definitions():
        plane.admin.send("DELETE", plane.admin.path_of(each))
    for each in definitions():
        until(
            lambda each=each: plane.admin.send("GET", plane.admin.path_of(each))[0] == 404,
            f"{each['metadata']['name']} is gone",
        )


@pytest.mark.parametrize("rounds", ROUNDS)
def test_definitions_that_are_deleted_and_made_again_are_served_at_once_by_an_operator_for_the_whole_cluster(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    """No list comes meanwhile: they are five minutes apart."""
    hurry(monkeypatch)
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    control_plane.install(*definitions())
    with a_namespace(control_plane) as namespace, ExitStack() as ends:
        scene = Scene(control_plane, namespace, ends)
        scene.secret()
        scene.play()
        ends.enter_context(RunningOperator(Options((), 0)))
        for number in range(rounds):
            if number:
                gone(control_plane)
                control_plane.install(*definitions())
            until(
                lambda: control_plane.admin.send("GET", scene.path().rpartition("/")[0])[0] == 200,
                "batches are served",
            )
            scene.profile()
            scene.batch(f"talks-{number}")
            scene.until(
                lambda status: status["state"] == "Complete",
                "it is seen by a watch",
                f"talks-{number}",
                seconds=60,
            )
