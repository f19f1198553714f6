from tests.support.cluster.fixtures import control_plane, pytest_collection_modifyitems

__all__ = ["control_plane", "pytest_collection_modifyitems"]
