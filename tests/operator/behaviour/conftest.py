"""What stories about the operator need: the real control plane, one scene per test, and delays of a second
where people have minutes."""

from collections.abc import Iterator

import pytest

from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.fixtures import a_namespace
from testkit.cluster.scene import Scene
from tests.support.hurry import hurry
from tests.support.scenes import ready


@pytest.fixture
def scene(control_plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A namespace with a Secret and a profile, and nobody at work yet."""
    hurry(monkeypatch)
    with ready(control_plane, namespace) as made:
        yield made


@pytest.fixture
def elsewhere(scene: Scene) -> Iterator[Scene]:
    """Somebody else's namespace, with nobody at work yet."""
    with a_namespace(scene.plane) as name, ready(scene.plane, name) as made:
        yield made
