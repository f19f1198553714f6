"""Whether a namespace goes: then nothing can be made in it any more, and what waits for that would wait for
ever."""

from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import AlreadyExistsError, RefusalCause, RefusedError
from ingest_operator.kube.api.names import MANAGER
from ingest_operator.kube.api.resources import CONFIG_MAPS, Object


async def is_terminating(api: Api, namespace: str) -> bool:
    """Whether the namespace is being deleted. The operator may read no namespaces, so it asks for an object
    that is never made, by a dry run: the API server refuses that first. Raises `ApiError`."""
    body: Object = {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": {"name": MANAGER, "namespace": namespace},
    }
    try:
        await api.create(CONFIG_MAPS, namespace, body, dry_run=True)
    except AlreadyExistsError:
        return False
    except RefusedError as error:
        return error.cause is RefusalCause.NAMESPACE_TERMINATING
    return False
