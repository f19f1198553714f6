from tests.support.cluster.fixtures import api, control_plane, namespace, pytest_collection_modifyitems, run

__all__ = ["api", "control_plane", "namespace", "pytest_collection_modifyitems", "run"]
