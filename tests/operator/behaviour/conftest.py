"""What stories about the operator need: the real control plane, one scene per test, and delays of a second
where people have minutes."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.fixtures import a_namespace
from testkit.cluster.scene import Scene
from tests.support.hurry import hurry


@pytest.fixture
def scene(control_plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A namespace with a Secret and a profile, and nobody at work yet."""
    hurry(monkeypatch)
    with ExitStack() as ends:
        made = Scene(control_plane, namespace, ends)
        made.secret()
        made.profile()
        yield made


@pytest.fixture
def elsewhere(scene: Scene) -> Iterator[Scene]:
    """Somebody else's namespace, with nobody at work yet."""
    with a_namespace(scene.plane) as name, ExitStack() as ends:
        made = Scene(scene.plane, name, ends)
        made.secret()
        made.profile()
        yield made
