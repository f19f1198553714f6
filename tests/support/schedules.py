"""Schedules for tests: their objects, and an API in memory that keeps to the few rules of the real one that
they rest on."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ingest_contract.conditions import ConditionType
from ingest_contract.names import API_VERSION
from ingest_contract.schedule import IngestScheduleStatus
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from ingest_operator.kube.api.resources import BATCHES, SCHEDULES, Object, Resource

MADE = datetime.fromisoformat("2026-01-10T12:00:00Z").timestamp()
"""When the schedules of tests were made: a Saturday, at noon."""

HOUR, DAY = 3600.0, 86_400.0


def at(text: str) -> float:
    """`2026-01-31 02:30` in UTC as epoch seconds."""
    return datetime.fromisoformat(f"{text}Z").timestamp()


def a_schedule(name: str = "nightly", *, uid: str = "11111111-aaaa", **spec: Any) -> Object:
    """Every night at 02:30."""
    written = {
        "schedule": "30 2 * * *",
        "template": {"spec": {"sources": [{"url": "https://media.example.org/talks"}]}},
    } | spec
    about = {
        "name": name,
        "namespace": "media",
        "uid": uid,
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": to_rfc3339(MADE),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "IngestSchedule",
        "metadata": about,
        "spec": written,
        "status": {"observedGeneration": -1},
    }


def a_child(due: float, *ends: ConditionType, owner: Object | None = None, **metadata: Any) -> Object:
    """A batch of the schedule, and what it has come to: a minute after it was due."""
    about = (owner or a_schedule())["metadata"]
    name = f"{about['name']}-{to_rfc3339(due)[:16].translate(str.maketrans('', '', '-T:'))}"
    reference = {
        "apiVersion": API_VERSION,
        "kind": "IngestSchedule",
        "name": about["name"],
        "uid": about["uid"],
        "controller": True,
    }
    found = {
        "name": name,
        "namespace": about["namespace"],
        "uid": f"uid-of-{name}",
        "ownerReferences": [reference],
    }
    return ended({"metadata": found | metadata, "status": {"observedGeneration": -1}}, *ends, at=due + 60)


def ended(batch: Object, *ends: ConditionType, at: float) -> Object:
    """The batch with these conditions."""
    state = "Running" if not ends else ends[-1].value
    conditions = [
        {"type": end.value, "status": "True", "reason": "Tested", "lastTransitionTime": to_rfc3339(at)}
        for end in ends
    ]
    return batch | {"status": {"state": state, "conditions": conditions}}


def status_of(schedule: Object) -> IngestScheduleStatus:
    return IngestScheduleStatus.from_object(schedule["status"])


@dataclass
class MemoryApi:
    """Objects by kind and name, with uids, resource versions and generations,
    and garbage collection by owner."""

    now: float = MADE
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    """What was written: `create nightly-...`, `status nightly`, `delete nightly-...`."""
    broken: dict[str, ApiError] = field(default_factory=dict)
    """Errors to raise instead, by the verb; each once."""
    _counter: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def put(self, resource: Resource, thing: Object) -> Object:
        """An object that somebody else made or changed."""
        key = (resource.plural, thing["metadata"]["name"])
        known = self.objects.get(key, {"metadata": {"generation": 0}, "spec": None})
        generation = known["metadata"].get("generation", 0) + (known["spec"] != thing.get("spec"))
        about = thing["metadata"] | {"resourceVersion": str(next(self._counter)), "generation": generation}
        self.objects[key] = thing | {"metadata": about}
        return copy.deepcopy(self.objects[key])

    def batches(self) -> tuple[Object, ...]:
        return tuple(
            copy.deepcopy(thing) for (plural, _), thing in self.objects.items() if plural == BATCHES.plural
        )

    def schedule(self, name: str = "nightly") -> Object:
        return copy.deepcopy(self.objects[SCHEDULES.plural, name])

    async def get(self, resource: Resource, _namespace: str, name: str) -> Object:
        self._break("get")
        if (resource.plural, name) not in self.objects:
            raise NotFoundError(404, "NotFound", f"{name} not found")
        return copy.deepcopy(self.objects[resource.plural, name])

    async def create(self, resource: Resource, namespace: str, body: Object) -> Object:
        self._break("create")
        name = body["metadata"]["name"]
        assert body["metadata"]["namespace"] == namespace
        if (resource.plural, name) in self.objects:
            raise AlreadyExistsError(409, "AlreadyExists", f"{name} already exists")
        self.log.append(f"create {name}")
        about = body["metadata"] | {
            "uid": f"uid-{next(self._counter)}",
            "creationTimestamp": to_rfc3339(self.now),
        }
        return self.put(resource, body | {"metadata": about, "status": {"observedGeneration": -1}})

    async def replace_status(self, resource: Resource, body: Object) -> Object:
        self._break("replace_status")
        known = self.objects[resource.plural, body["metadata"]["name"]]
        if any(known["metadata"][each] != body["metadata"][each] for each in ("uid", "resourceVersion")):
            raise ConflictError(409, "Conflict", "the object has been modified")
        self.log.append(f"status {body['metadata']['name']}")
        return self.put(resource, known | {"status": body["status"]})

    async def delete(self, resource: Resource, _namespace: str, name: str, *, uid: str) -> None:
        self._break("delete")
        known = self.objects.get((resource.plural, name))
        if known is None:
            return
        if known["metadata"]["uid"] != uid:
            raise ConflictError(409, "Conflict", "the uid does not match")
        self.log.append(f"delete {name}")
        del self.objects[resource.plural, name]

    def _break(self, verb: str) -> None:
        if verb in self.broken:
            raise self.broken.pop(verb)
