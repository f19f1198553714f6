"""An API server in memory, for a batch that is reconciled without one: it takes everything, and no Job
controller or kubelet acts on it."""

from typing import Any

from ingest_operator.kube.api.errors import AlreadyExistsError, NotFoundError
from ingest_operator.kube.api.resources import Object, Resource


class MemoryApi:
    """Objects by (plural, namespace, name), each write with a new version."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.writes: list[str] = []
        """What was written, as `<verb> <plural>/<name>`."""
        self._version = 0

    def put(self, resource: Resource, thing: Object) -> Object:
        """An object as it is now, whoever wrote it."""
        self._version += 1
        metadata = thing["metadata"] | {"resourceVersion": str(self._version)}
        metadata.setdefault("uid", f"uid-{self._version}")
        kept = thing | {"metadata": metadata}
        self.objects[resource.plural, metadata["namespace"], metadata["name"]] = kept
        return kept

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """One object. Raises `ValueError` for what cannot be a name, as the real client does."""
        resource.path(namespace, name)
        found = self.objects.get((resource.plural, namespace, name))
        if found is None:
            raise NotFoundError(404, "NotFound", name)
        return found

    async def create(
        self, resource: Resource, namespace: str, body: Object, *, dry_run: bool = False
    ) -> Object:
        """Make it, unless that is only tried."""
        if dry_run:
            return body
        if (resource.plural, namespace, body["metadata"]["name"]) in self.objects:
            raise AlreadyExistsError(409, "AlreadyExists", body["metadata"]["name"])
        self.writes.append(f"create {resource.plural}/{body['metadata']['name']}")
        made = {"namespace": namespace, "creationTimestamp": "2027-01-15T08:00:00Z"}
        return self.put(resource, body | {"metadata": body["metadata"] | made})

    async def replace_status(self, resource: Resource, body: Object) -> Object:
        """Whatever version it is of."""
        self.writes.append(f"status {resource.plural}/{body['metadata']['name']}")
        known = self.objects[resource.plural, body["metadata"]["namespace"], body["metadata"]["name"]]
        return self.put(resource, known | {"status": body["status"]})

    async def patch(self, resource: Resource, namespace: str, name: str, body: Object, **_: Any) -> Object:
        """Fields of its metadata, annotations among them, and of its spec."""
        self.writes.append(f"patch {resource.plural}/{name}")
        known, wanted = await self.get(resource, namespace, name), dict(body["metadata"])
        annotations = (known["metadata"].get("annotations") or {}) | wanted.pop("annotations", {})
        metadata = known["metadata"] | wanted | {"annotations": annotations}
        return self.put(
            resource, known | {"metadata": metadata, "spec": known["spec"] | body.get("spec", {})}
        )

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        """Gone at once."""
        del uid
        self.writes.append(f"delete {resource.plural}/{name}")
        self.objects.pop((resource.plural, namespace, name), None)
