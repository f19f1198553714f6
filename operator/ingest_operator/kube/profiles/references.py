"""The objects that a Job's pod needs to begin, and Kueue needs to admit it. Pure."""

from collections.abc import Iterator
from typing import Any

from ingest_operator.kube.api.fields import metadata_of
from ingest_operator.kube.api.resources import (
    CLAIMS,
    CONFIG_MAPS,
    LOCAL_QUEUES,
    PRIORITY_CLASSES,
    RUNTIME_CLASSES,
    SERVICE_ACCOUNTS,
    WORKLOAD_PRIORITY_CLASSES,
    Object,
    Resource,
)
from ingest_operator.kube.manifests.ingest_job import QUEUE, QUEUE_PRIORITY

Reference = tuple[tuple[Resource, ...], str]
"""(the kind, by the versions that may serve it; the name)."""


def references_of(job: Object) -> Iterator[Reference]:
    """All that can be looked up. What is optional in a pod is left out, and what templates write in a form
    that the API server would refuse."""
    spec: Object = job["spec"]["template"]["spec"]
    labels = metadata_of(job).get("labels") or {}
    named: tuple[tuple[tuple[Resource, ...], Any], ...] = (
        (LOCAL_QUEUES, labels.get(QUEUE)),
        (WORKLOAD_PRIORITY_CLASSES, labels.get(QUEUE_PRIORITY)),
        ((PRIORITY_CLASSES,), spec.get("priorityClassName")),
        ((RUNTIME_CLASSES,), spec.get("runtimeClassName")),
        ((SERVICE_ACCOUNTS,), spec.get("serviceAccountName")),
        *(((CLAIMS,), each) for each in _claims(spec)),
        *(((CONFIG_MAPS,), each) for each in _config_maps(spec)),
    )
    yield from ((resources, name) for resources, name in named if isinstance(name, str) and name)


def _claims(spec: Object) -> Iterator[Any]:
    yield from (_field(each, "persistentVolumeClaim").get("claimName") for each in _entries(spec, "volumes"))


def _config_maps(spec: Object) -> Iterator[Any]:
    for volume in _entries(spec, "volumes"):
        yield _needed(_field(volume, "configMap"))
        sources = _entries(_field(volume, "projected"), "sources")
        yield from (_needed(_field(each, "configMap")) for each in sources)
    for container in (*_entries(spec, "initContainers"), *_entries(spec, "containers")):
        yield from (_needed(_field(each, "configMapRef")) for each in _entries(container, "envFrom"))
        values = (_field(each, "valueFrom") for each in _entries(container, "env"))
        yield from (_needed(_field(each, "configMapKeyRef")) for each in values)


def _needed(reference: Object) -> Any:
    return None if reference.get("optional") is True else reference.get("name")


def _field(thing: Any, name: str) -> Object:
    found = thing.get(name) if isinstance(thing, dict) else None
    return found if isinstance(found, dict) else {}


def _entries(thing: Any, name: str) -> list[Any]:
    found = thing.get(name) if isinstance(thing, dict) else None
    return found if isinstance(found, list) else []
