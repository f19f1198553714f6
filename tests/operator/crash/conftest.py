from tests.support.cluster.eight_fixtures import processes, undisturbed
from tests.support.cluster.fixtures import control_plane, pytest_collection_modifyitems

__all__ = ["control_plane", "processes", "pytest_collection_modifyitems", "undisturbed"]
