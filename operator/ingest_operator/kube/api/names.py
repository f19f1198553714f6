"""The names of the operator's objects in a cluster, and the labels by which it finds them again. Pure.

A name says which batch the object belongs to and what it is for, and is always the same: creating an object
twice returns 409 instead of making two.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from ingest_contract.base import MAX_RUN_NUMBER
from ingest_contract.intervals import decode
from ingest_contract.names import API_VERSION, BATCH_KIND, GROUP
from ingest_operator.kube.api.ownership import Identity

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
"""On every object that the operator creates, with `MANAGER` as its value."""

MANAGER: Final = "video-ingest-operator"

BATCH_UID: Final = f"{GROUP}/batch-uid"
"""The batch that the object claims to belong to, or the SpeakerProfile or IngestProfile: for people, and for
watches that need not see everything. The real owner is decided in `ownership`."""

ROLE: Final = f"{GROUP}/role"
"""What a Job is for: `INGEST`, `FETCH` or `PLAN`, for a SpeakerProfile `ENROL` or `FORGET`, for an
IngestProfile `RETAIN`. A name tells only plans apart: whatever a run is for, its number is used once. The pod
template has this label as well, and nobody can edit that."""

INGEST: Final = "ingest"
FETCH: Final = "fetch"
PLAN: Final = "plan"
RELABEL: Final = "relabel"
"""Of the pods of a batch whose recordings are in the store, its plan's among them: they reach the store
alone. Their Jobs have the roles that those of other batches have."""

ENROL: Final = "enrol"
FORGET: Final = "forget"
RETAIN: Final = "retain"

INDEX: Final = f"{GROUP}/index"
"""The recording of an ingest Job; the number of the plan of a plan Job. Like `RUN`, for people: the name says
the same, and cannot be edited."""

RUN: Final = f"{GROUP}/run"
"""The number of the run."""

CHARGED_ATTEMPTS: Final = f"{GROUP}/charged-attempts"
"""Charged attempts before this Job; left out when 0, like the two labels below."""

RUNG: Final = f"{GROUP}/rung"
"""The Job's rung on the memory ladder."""

DISRUPTIONS: Final = f"{GROUP}/disruptions"
"""How often the cluster took the recording's node away before this Job."""

AVOIDS: Final = f"{GROUP}/avoids"
"""Annotation of a Job: the nodes that its pod may not be placed on, separated by commas. Left out if there
are none."""

PACK: Final = f"{GROUP}/pack"
"""Annotation of a Job's pod template: the recordings that it ingests, as intervals, where there are several.
Nobody can edit a template."""

STOPPED: Final = f"{GROUP}/stopped"
"""Annotation of a Job that the operator itself ended, set together with `spec.suspend`, or with a deadline
where a queue would resume it."""

CONTAINER: Final = "worker"
"""The container that carries out the order."""

PROGRESS_PORT: Final = 8080
"""The port of that container's `/progress` and `/metrics`."""

MAX_NAME_CHARACTERS: Final = 63
"""A Job's name is a label of its pods."""

_UID_CHARACTERS: Final = 8
_HASH_DIGITS: Final = 10
_PLACE: Final = re.compile(
    rf"-[0-9a-f]{{{_UID_CHARACTERS}}}-({PLAN}-)?(0|[1-9][0-9]{{0,6}})-([1-9][0-9]{{0,6}})\Z"
)

_ORDER: Final = re.compile(rf"-(order-[0-9a-f]{{{_HASH_DIGITS}}})\Z")


def trace_of(uid: str) -> str:
    """The trace of everything that is done for a batch. It also shows that a status is the batch's own."""
    return uid.replace("-", "")


@dataclass(frozen=True, slots=True)
class Owner:
    """The batch that owns every object that is created for it, or the SpeakerProfile or IngestProfile."""

    namespace: str
    name: str
    uid: str
    kind: str = BATCH_KIND

    @property
    def identity(self) -> Identity:
        """The identity by which the objects that it controls are recognised."""
        return Identity(self.namespace, self.uid)

    @property
    def trace_id(self) -> str:
        """The trace of everything that is done for the batch: 32 hex digits, as in W3C Trace Context."""
        return trace_of(self.uid)

    def reference(self) -> dict[str, str | bool]:
        """The ownerReference. Deleting the batch deletes what it owns, and does not wait for it."""
        return {
            "apiVersion": API_VERSION,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }

    def labels(self, role: str) -> dict[str, str]:
        """The labels of its objects of one role."""
        return {MANAGED_BY: MANAGER} | self.pod_labels(role)

    def pod_labels(self, role: str) -> dict[str, str]:
        """The labels of its pods of one role. Each label is stored twice in each version of a pod, so only
        those that a query uses."""
        return {BATCH_UID: self.uid, ROLE: role}


@dataclass(frozen=True, slots=True)
class Place:
    """What a Job is for, and which run.
    Read from its name, which cannot be changed; labels repeat it for people."""

    role: str
    """`INGEST` or `PLAN`."""
    index: int
    """The recording, or the number of the plan."""
    number: int
    """The number of the run."""

    def name(self, owner: Owner) -> str:
        """The name of the Job for this place."""
        name = plan_job_name if self.role == PLAN else run_job_name
        return name(owner, self.index, self.number)


def place_of(job_name: str) -> Place | None:
    """Parse a name; None for a name of another kind. Only `own_place_of` tells whether it is the name that a
    batch would give."""
    found = _PLACE.search(job_name)
    if found is None or int(found[3]) > MAX_RUN_NUMBER:
        return None
    return Place(PLAN if found[1] else INGEST, int(found[2]), int(found[3]))


def indexes_in(pack: str | None, first: int) -> tuple[int, ...]:
    """The recordings of a Job, in the order in which it carries them out: `first`, which its name says, alone
    unless `pack` lists it among others."""
    try:
        found = sorted(decode(pack or ""))
    except ValueError:
        found = []
    return tuple(found) if first in found else (first,)


def own_place_of(owner: Owner, job_name: str) -> Place | None:
    """Parse a name that this batch would give; None for any other."""
    place = place_of(job_name)
    return place if place is not None and place.name(owner) == job_name else None


def run_job_name(owner: Owner, index: int, number: int) -> str:
    """The Job of one run of one recording, of either phase."""
    return _name(owner, f"{index}-{number}")


def plan_job_name(owner: Owner, plan_number: int, run_number: int) -> str:
    """The Job of one run of one plan."""
    return _name(owner, f"plan-{plan_number}-{run_number}")


def plan_order_map_name(owner: Owner, plan_number: int) -> str:
    """The ConfigMap with the order of a plan Job."""
    return _name(owner, f"plan-{plan_number}-order")


def plan_map_name(owner: Owner, plan_number: int, part: int, digest: str = "") -> str:
    """The ConfigMap with one part of a frozen plan. The first part has the same name in all attempts, the
    names of the others say whose part they are."""
    return _name(owner, f"plan-{plan_number}-{part}" + (f"-{digest[:_HASH_DIGITS]}" if part else ""))


def order_map_name(owner: Owner, content: str) -> str:
    """The ConfigMap with what the orders of a batch share.
    Other content gets another name, so the map can be immutable."""
    return _name(owner, f"order-{hashlib.sha256(content.encode()).hexdigest()[:_HASH_DIGITS]}")


def is_order_map_name(owner: Owner, name: str) -> bool:
    """Whether `order_map_name` would give this name to some content of the batch."""
    found = _ORDER.search(name)
    return found is not None and _name(owner, found[1]) == name


def _name(owner: Owner, what: str) -> str:
    """`<batch>-<uid>-<what>`: a long batch name is cut at its end; the uid still distinguishes its objects
    from another batch's."""
    tail = f"{owner.uid[:_UID_CHARACTERS]}-{what}"
    head = owner.name.replace(".", "-")[: MAX_NAME_CHARACTERS - len(tail) - 1].rstrip("-")
    return f"{head}-{tail}"
