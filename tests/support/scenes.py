"""A namespace of a real control plane, ready for stories about the operator."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.scene import Scene


@contextmanager
def ready(plane: ControlPlane, namespace: str) -> Iterator[Scene]:
    """A namespace with a Secret and a profile, and nobody at work yet."""
    with ExitStack() as ends:
        made = Scene(plane, namespace, ends)
        made.secret()
        made.profile()
        yield made
