"""Lays a profile's partial pod templates over the one that the operator makes. Pure.

The platform team's templates win for every field that they set: node selectors, tolerations, another scratch
volume, more memory. They cannot change what the operator needs to understand a pod: how the order comes in,
how the Receipt goes out, that a pod runs once and for how long.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingest_contract.pods import PodProfile
from ingest_operator.kube.api.names import CONTAINER
from ingest_operator.kube.api.resources import Object

PARTS: Final = ("metadata", "spec")
"""The parts that a template may set."""

LISTS: Final[Mapping[str, str | None]] = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "env": "name",
    "envFrom": None,
    "imagePullSecrets": "name",
    "tolerations": None,
    "topologySpreadConstraints": None,
}
"""Lists that are extended, and the key by which an entry replaces one of ours.
Other lists replace ours as a whole."""

MERGED: Final = frozenset({"containers", "initContainers"})
"""Lists whose entries are merged with ours, field by field."""

OURS: Final = ("restartPolicy", "automountServiceAccountToken", "enableServiceLinks", "activeDeadlineSeconds")
"""Fields of a pod that stay as the operator makes them."""

OURS_OF_WORKER: Final = ("terminationMessagePath", "terminationMessagePolicy")
"""Fields of the worker's container that stay as the operator makes them."""

OURS_OF_ENVIRONMENT: Final = "INGEST_"
"""Prefix of the worker's variables that only the operator may set."""


class OverlayError(ValueError):
    """A template is not valid; the message names the place."""


def lay_over(ours: Object, theirs: Mapping[str, Mapping[str, Any]]) -> Object:
    """Our pod template with theirs laid over it, in order,
    each by the name that the error uses. Raises `OverlayError`."""
    merged = ours
    for name, template in theirs.items():
        for part in template:
            if part not in PARTS:
                raise OverlayError(f"{name}.{part}: a pod template has {' and '.join(PARTS)}")
        merged = _merged(
            merged, {part: _object(value, f"{name}.{part}") for part, value in template.items()}, name
        )
    return _with_ours_again(merged, ours)


def has_gpu(pods: PodProfile) -> bool:
    """Whether a worker gets a GPU: by the extended resource, or by a resource claim (dynamic resource
    allocation) that a template of the profile gives its container."""
    return pods.gpu.count > 0 or any(_has_claims(each) for each in (pods.template, pods.worker_template))


def _has_claims(template: Mapping[str, Any]) -> bool:
    """Whether a template gives the worker's container devices by resource claims. False for one that is not
    valid."""
    try:
        containers = _object(template.get("spec", {}), "spec").get("containers", [])
        mine = [each for each in containers if _object(each, "containers").get("name") == CONTAINER]
        return any(_object(each.get("resources", {}), "resources").get("claims") for each in mine)
    except (OverlayError, TypeError):
        return False


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any], where: str) -> Object:
    """A JSON merge (RFC 7386: null removes a field), except for the lists that are extended."""
    result = dict(ours)
    for field, value in theirs.items():
        place = f"{where}.{field}"
        if field in LISTS:
            result[field] = _added(result.get(field, []), value, field, place)
        elif value is None:
            result.pop(field, None)
        elif isinstance(result.get(field), dict):
            result[field] = _merged(result[field], _object(value, place), place)
        else:
            result[field] = _merged({}, value, place) if isinstance(value, dict) else value
    return result


def _added(ours: Sequence[Object], theirs: Any, field: str, where: str) -> list[Object]:
    if not isinstance(theirs, list):
        raise OverlayError(f"{where}: must be a list")
    result, key = list(ours), LISTS[field]
    for position, value in enumerate(theirs):
        place = f"{where}[{position}]"
        entry = _object(value, place)
        if field in MERGED and not isinstance(entry.get("name"), str):
            raise OverlayError(f"{place}.name: must say which container")
        at = next(
            (
                at
                for at, each in enumerate(result)
                if key is not None and key in entry and each.get(key) == entry[key]
            ),
            None,
        )
        if at is None:
            result.append(_merged({}, entry, place))
        else:
            result[at] = _merged(result[at] if field in MERGED else {}, entry, place)
    return result


def _object(value: Any, where: str) -> Object:
    if not isinstance(value, dict):
        raise OverlayError(f"{where}: must be an object")
    return value


def _with_ours_again(merged: Object, ours: Object) -> Object:
    metadata = merged["metadata"] | {
        "labels": merged["metadata"].get("labels", {}) | ours["metadata"]["labels"]
    }
    spec = merged["spec"] | {field: ours["spec"][field] for field in OURS}
    worker = worker_of(ours["spec"])
    containers = [
        _restored(each, worker) if each["name"] == CONTAINER else each for each in spec["containers"]
    ]
    return {"metadata": metadata, "spec": spec | {"containers": containers}}


def _restored(container: Object, worker: Object) -> Object:
    variables = [each for each in worker["env"] if each["name"].startswith(OURS_OF_ENVIRONMENT)]
    others = [each for each in container["env"] if not str(each.get("name")).startswith(OURS_OF_ENVIRONMENT)]
    restored = container | {field: worker[field] for field in OURS_OF_WORKER} | {"env": variables + others}
    if shared := worker.get("envFrom"):  # of sources with the same key the last one counts
        restored["envFrom"] = [each for each in container["envFrom"] if each not in shared] + shared
    return restored


def worker_of(spec: Object) -> Object:
    """The container of a pod's spec that carries out the order."""
    return next(each for each in spec["containers"] if each["name"] == CONTAINER)
