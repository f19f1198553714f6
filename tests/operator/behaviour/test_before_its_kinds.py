"""An operator that comes before its definitions waits for them, says so, and serves them from the moment they are there."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.control_plane import control_plane as starting
from tests.support.cluster.fixtures import definitions
from tests.support.cluster.program import until
from tests.support.cluster.scene import Scene
from tests.support.hurry import hurry


@pytest.fixture
def control_plane() -> Iterator[ControlPlane]:
    """One that has never heard of our kinds."""
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
