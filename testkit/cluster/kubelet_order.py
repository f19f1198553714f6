"""What a pod is told, resolved as a kubelet resolves it: variables, ConfigMaps, Secrets, files. Asks for no
more than a pod names."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from ingest_contract.order import WorkOrder, read_order
from ingest_contract.order_variables import FURTHER, ORDER_FILE_VARIABLE, ORDER_VARIABLE
from ingest_contract.pack import MAX_PACK_RECORDINGS
from testkit.cluster.kubelet_api import GoneError, KubeletApi, Object
from testkit.cluster.life import Stuck

FILES = "files"
"""Beside `metadata` and `spec` of a resolved pod: the files that ConfigMaps bring in, by path."""


class UnresolvedError(Exception):
    """Something that the pod names is not there; `stuck` is how its kubelet says so."""

    def __init__(self, stuck: Stuck) -> None:
        self.stuck = stuck
        super().__init__(f"{stuck.reason}: {stuck.message}")


def order_of(pod: Object) -> WorkOrder | None:
    """The order of a resolved pod, the first if it has several; None of a pod that carries out none."""
    variables = {each["name"]: each.get("value", "") for each in pod["spec"]["containers"][0].get("env", ())}
    text = variables.get(ORDER_VARIABLE) or pod[FILES].get(variables.get(ORDER_FILE_VARIABLE, ""))
    return read_order(text) if text else None


def orders_of(pod: Object) -> tuple[WorkOrder, ...]:
    """Every order of a resolved pod."""
    variables = {each["name"]: each.get("value", "") for each in pod["spec"]["containers"][0].get("env", ())}
    names = (ORDER_VARIABLE + FURTHER.format(place) for place in range(1, MAX_PACK_RECORDINGS))
    first = order_of(pod)
    more = (read_order(variables[name]) for name in names if name in variables)
    return () if first is None else (first, *more)


@dataclass
class Resolver:
    """Fills in what pods name."""

    api: KubeletApi
    _immutable: dict[tuple[str, str], Object] = field(default_factory=dict)
    """ConfigMaps that nobody can change, by namespace and name: thousands of pods name the same."""

    def forget(self) -> None:
        self._immutable.clear()

    async def resolved(self, pod: Object) -> Object:
        """A copy of the pod with every variable's value, and the files of its ConfigMaps. Raises
        `UnresolvedError`."""
        pod = deepcopy(pod)
        pod[FILES] = await self._files(pod)
        known = await self._from_maps(pod)
        for variable in pod["spec"]["containers"][0].get("env", ()):
            value = await self._value(pod["metadata"]["namespace"], variable, known)
            if value is not None:
                known[variable["name"]] = variable["value"] = value
        return pod

    async def _value(self, namespace: str, variable: Object, known: Mapping[str, str]) -> str | None:
        """None where it is optional and not there."""
        for kind, plural, shown in (
            ("configMapKeyRef", "configmaps", "ConfigMap"),
            ("secretKeyRef", "secrets", "Secret"),
        ):
            if reference := variable.get("valueFrom", {}).get(kind):
                found = await self._key(namespace, plural, shown, reference)
                # A Secret's content is nobody's business here: that it is there is enough.
                return found if plural == "configmaps" else ""
        return expand(variable.get("value", ""), known)

    async def _from_maps(self, pod: Object) -> dict[str, str]:
        """The keys of whole ConfigMaps as variables: later ones may name them."""
        known: dict[str, str] = {}
        for name in (
            each["configMapRef"]["name"]
            for each in pod["spec"]["containers"][0].get("envFrom", ())
            if "configMapRef" in each
        ):
            found = await self._found(pod["metadata"]["namespace"], "configmaps", name)
            if found is None:
                raise UnresolvedError(Stuck("CreateContainerConfigError", f'configmap "{name}" not found'))
            known |= found.get("data") or {}
        return known

    async def _key(self, namespace: str, plural: str, shown: str, reference: Object) -> str | None:
        name, key = reference["name"], reference["key"]
        found = await self._found(namespace, plural, name)
        if found is not None and key in (found.get("data") or {}):
            return str(found["data"][key])
        if reference.get("optional"):
            return None
        missing = (
            f'{shown.lower()} "{name}" not found'
            if found is None
            else f"couldn't find key {key} in {shown} {namespace}/{name}"
        )
        raise UnresolvedError(Stuck("CreateContainerConfigError", missing))

    async def _files(self, pod: Object) -> dict[str, str]:
        """A volume that is not there shows in events only: the container is not being made yet."""
        maps = {
            each["name"]: each["configMap"]["name"]
            for each in pod["spec"].get("volumes", ())
            if "configMap" in each
        }
        files: dict[str, str] = {}
        for mount in pod["spec"]["containers"][0].get("volumeMounts", ()):
            if mount["name"] in maps:
                found = await self._found(pod["metadata"]["namespace"], "configmaps", maps[mount["name"]])
                if found is None:
                    raise UnresolvedError(Stuck("ContainerCreating"))
                files |= {
                    f"{mount['mountPath']}/{key}": text for key, text in (found.get("data") or {}).items()
                }
        return files

    async def _found(self, namespace: str, plural: str, name: str) -> Object | None:
        if (namespace, name) in self._immutable and plural == "configmaps":
            return self._immutable[namespace, name]
        try:
            found = await self.api.get(f"/api/v1/namespaces/{namespace}/{plural}/{name}")
        except GoneError:
            return None
        if plural == "configmaps" and found.get("immutable"):
            self._immutable[namespace, name] = found
        return found


def expand(text: str, known: Mapping[str, str]) -> str:
    """What the kubelet makes of a variable's value: `Expand` of
    k8s.io/kubernetes/third_party/forked/golang/expansion."""
    result, cursor = "", 0
    while cursor < len(text):
        if text[cursor] != "$" or cursor + 1 == len(text):
            result, cursor = result + text[cursor], cursor + 1
            continue
        after = text[cursor + 1 :]
        closing = after.find(")")
        if after[0] == "$":
            result, cursor = result + "$", cursor + 2
        elif after[0] == "(" and closing != -1:
            name = after[1:closing]
            result, cursor = result + known.get(name, f"$({name})"), cursor + 2 + closing
        else:
            result, cursor = result + "$" + after[0], cursor + 2
    return result
