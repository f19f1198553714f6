"""An API server in memory, for what is reconciled without one: no Job controller or kubelet acts on it. What
it answers is what the real client says of a real server (`tests/operator/kube/api/test_any_api.py`)."""

import re
from collections.abc import Callable
from typing import Any, Final

from typing_extensions import override

from ingest_operator.kube.api.client import Listing
from ingest_operator.kube.api.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    RefusalCause,
    RefusedError,
)
from ingest_operator.kube.api.resources import Object, Resource

Place = tuple[str, str, str]
"""(plural, namespace, name)."""

REFUSAL: Final = RefusedError(422, "Invalid", "denied by the auditors", RefusalCause.ADMISSION)
"""What a policy of the cluster says."""


class MemoryApi:
    """Objects by their places, each write with a new version."""

    def __init__(self) -> None:
        self.objects: dict[Place, Object] = {}
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

    async def list(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labels: str = "",
        keep: Callable[[Object], Object] = lambda thing: thing,
    ) -> Listing:
        """Those that the selector matches: `a=b`, `a in (b,c)` and `!a`, separated by commas."""
        found = [
            keep(thing)
            for (plural, where, _), thing in sorted(self.objects.items())
            if plural == resource.plural
            and namespace in (None, where)
            and _matches(thing["metadata"].get("labels") or {}, labels)
        ]
        return found, str(self._version)

    async def create(
        self, resource: Resource, namespace: str, body: Object, *, dry_run: bool = False
    ) -> Object:
        """Make it, unless that is only tried."""
        name = body["metadata"]["name"]
        self.admit("create", resource, name)
        if (resource.plural, namespace, name) in self.objects:
            raise AlreadyExistsError(409, "AlreadyExists", name)
        if dry_run:
            return body
        self.writes.append(f"create {resource.plural}/{name}")
        made = {"namespace": namespace, "creationTimestamp": "2027-01-15T08:00:00Z"}
        return self.put(resource, body | {"metadata": body["metadata"] | made})

    async def replace_status(self, resource: Resource, body: Object) -> Object:
        """Only of the version that it was read from."""
        metadata = body["metadata"]
        known = await self._current(resource, metadata["namespace"], metadata)
        self.writes.append(f"status {resource.plural}/{metadata['name']}")
        return self.put(resource, known | {"status": body["status"]})

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: Object, *, subresource: str | None = None
    ) -> Object:
        """Fields of its metadata, annotations among them, and of its spec, or of its status alone."""
        wanted = dict(body.get("metadata") or {})
        known = await self._current(resource, namespace, wanted | {"name": name, "uid": None})
        if wanted.get("uid") not in (None, known["metadata"]["uid"]):
            raise RefusedError(422, "Invalid", "metadata.uid: field is immutable", RefusalCause.INVALID)
        self.admit("patch", resource, name)
        self.writes.append(f"patch {resource.plural}/{name}")
        annotations = (known["metadata"].get("annotations") or {}) | (wanted.pop("annotations", None) or {})
        metadata = known["metadata"] | wanted | ({"annotations": annotations} if annotations else {})
        part = subresource or "spec"
        changed = {part: known.get(part, {}) | body[part]} if part in body else {}
        return self.put(resource, known | {"metadata": metadata} | changed)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        """Gone at once, if it is this object."""
        known = self.objects.get((resource.plural, namespace, name))
        if known is None or known["metadata"]["uid"] != uid:
            return
        self.admit("delete", resource, name)
        self.writes.append(f"delete {resource.plural}/{name}")
        del self.objects[resource.plural, namespace, name]

    def admit(self, verb: str, resource: Resource, name: str) -> None:
        """Whether the cluster's policies let this happen: they do."""

    async def _current(self, resource: Resource, namespace: str, wanted: Object) -> Object:
        """The object, in the version that a writer has read, if it says which. Raises `ConflictError`."""
        known = await self.get(resource, namespace, wanted["name"])
        for each in ("uid", "resourceVersion"):
            if wanted.get(each) not in (None, known["metadata"][each]):
                raise ConflictError(409, "Conflict", f"{each} of {wanted['name']} is another")
        return known


class RefusingApi(MemoryApi):
    """One with a policy that lets nobody do something to some objects, as long as it refuses."""

    def __init__(self, known: MemoryApi, *verbs: str, of: Callable[[Resource, str], bool]) -> None:
        """It stands in the place of `known`. `of` says of which objects, by kind and name."""
        super().__init__()
        self.__dict__ |= known.__dict__
        self._verbs, self._of = verbs, of
        self.refuses = True
        self.refused: list[str] = []
        """What was refused, as in `writes`."""

    @override
    def admit(self, verb: str, resource: Resource, name: str) -> None:
        if self.refuses and verb in self._verbs and self._of(resource, name):
            self.refused.append(f"{verb} {resource.plural}/{name}")
            raise REFUSAL


def _matches(labels: dict[str, Any], selector: str) -> bool:
    for each in re.split(r",(?![^(]*\))", selector):
        key, several, values = each.partition(" in ")
        if each.startswith("!"):
            if each[1:] in labels:
                return False
        elif several:
            if labels.get(key) not in values.strip("()").split(","):
                return False
        elif each:
            key, _, value = each.partition("=")
            if labels.get(key) != value:
                return False
    return True
