"""What the real API server makes of our definitions."""

from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.fixtures import definitions


def test_every_definition_is_accepted_without_a_warning_and_served(control_plane: ControlPlane) -> None:
    control_plane.admin.warnings.clear()
    control_plane.install(*definitions())
    assert control_plane.admin.warnings == []
