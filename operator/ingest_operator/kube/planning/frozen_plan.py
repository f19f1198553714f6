"""An immutable plan, as ConfigMaps: gzip-compressed JSON in parts, checked by its own sha256. Pure.

The first part is created last, and creating it freezes the plan: its name is the same for every attempt, so
one of two attempts wins. The names of the other parts carry the digest, so parts of two attempts never mix.
Parts without a first one are left from an interrupted attempt. To read a plan by hand:
`kubectl get configmap NAME -o json | jq -r '.binaryData["plan.json.gz"]' | base64 -d | gunzip`.
"""

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from ingest_contract.base import ContractModel, Count, Timestamp
from ingest_contract.intervals import Intervals
from ingest_contract.names import GROUP
from ingest_contract.order import Settings
from ingest_contract.plan_document import MAX_BYTES, PlanDocument
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.plans import Plan, covered_by
from ingest_operator.kube.api.names import INDEX, PLAN, Owner, plan_map_name
from ingest_operator.kube.api.resources import CONFIG_MAPS, Object

PART: Final = f"{GROUP}/part"
"""The label of a frozen plan's ConfigMaps: which part; `INDEX` says of which plan."""

PART_BYTES: Final = 700_000
"""Compressed bytes of one part: a ConfigMap holds 1 MiB, and in JSON, as base64, it takes a third more."""

MAX_PARTS: Final = -(-MAX_BYTES // PART_BYTES) + 1
"""Parts of one plan, even if nothing of it can be compressed."""

MAX_INFLATED_BYTES: Final = MAX_BYTES + 1024 * 1024
"""Bytes of a plan with the settings it was made with: at most 110,000 of settings, and some to spare."""

ITEM_BYTES: Final = 1500
"""Bytes of memory that a recording takes besides its text."""

_KEY: Final = "plan.json.gz"
_GZIP_WBITS: Final = 31
"""zlib's `wbits` for its largest window in a gzip wrapper."""

_ADVICE: Final = (
    "Restore it from a backup, or delete the batch and apply it again: what is in the store stays there"
)


class PlanDamagedError(Exception):
    """A frozen plan is damaged or missing. Nothing may start: another plan would give the recordings other
    indexes than the status has."""


@dataclass(frozen=True, slots=True)
class FrozenPlan(Plan):
    """A plan, with what makes it the plan of this batch."""

    number: int
    """Its place among the batch's plans."""
    at: str
    """When its Job was made: what a worker finished later is newer than the plan."""
    settings: Settings
    """The settings it was made with. A batch keeps those of its first plan."""
    digest: str = field(default="", compare=False)
    """Digest of its document: computed once, because that takes as long as to serialize it."""

    @property
    def weight(self) -> int:
        """Approximate bytes of memory that it takes."""
        text = sum(len(item.url) + len(item.title) + len(item.id) for item in self.document.items)
        return 2 * text + ITEM_BYTES * len(self.document.items)


class _Content(ContractModel):
    sources: Count
    at: Timestamp
    settings: Settings
    document: PlanDocument
    entries: Intervals | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    piece: bytes
    of: int
    digest: str


def parts_after(owner: Owner, number: int, first: Object) -> tuple[str, ...]:
    """The names of a plan's further parts, as its first part says. Raises `PlanDamagedError`."""
    part = _read(first)
    return tuple(plan_map_name(owner, number, each, part.digest) for each in range(1, part.of))


def to_config_maps(owner: Owner, plan: FrozenPlan) -> tuple[Object, ...]:
    """The plan's ConfigMaps in the order in which they must be created: the first part comes last."""
    content = _Content(
        sources=plan.sources,
        at=plan.at,
        settings=plan.settings,
        document=plan.document,
        entries=plan.entries,
    )
    body = gzip.compress(content.to_json().encode(), compresslevel=9, mtime=0)
    digest = hashlib.sha256(body).hexdigest()
    pieces = [body[start : start + PART_BYTES] for start in range(0, len(body), PART_BYTES)]
    parts = [
        _Part(plan_map_name(owner, plan.number, part, digest), piece, len(pieces), digest)
        for part, piece in enumerate(pieces)
    ]
    return tuple(
        _config_map(owner, plan.number, number, part) for number, part in reversed(list(enumerate(parts)))
    )


def from_parts(owner: Owner, number: int, parts: Sequence[Object]) -> FrozenPlan:
    """One plan from its ConfigMaps, the first part first. Raises `PlanDamagedError`."""
    return _plan(owner, number, _read(parts[0]), {each["metadata"]["name"]: each for each in parts[1:]})


def digest_of(plans: Iterable[FrozenPlan]) -> str:
    """The digest by which a status identifies the plans that it counts by: 32 hex digits."""
    return hashlib.sha256("\n".join(plan.digest for plan in plans).encode()).hexdigest()[:32]


def require_all(plans: Sequence[FrozenPlan], status: IngestBatchStatus | None) -> None:
    """Check that the plans are those that the status counts by, or these and more. Raises `PlanDamagedError`
    if not."""
    counted = status.plan if status else None
    if counted is None:
        return
    if covered_by(plans) < counted.sources:
        raise PlanDamagedError(
            f"The status counts {counted.sources} planned sources; "
            f"the ConfigMaps of their plans are gone. {_ADVICE}"
        )
    then = [plan for plan in plans if plan.sources <= counted.sources]
    if counted.digest is not None and counted.digest != digest_of(then):
        raise PlanDamagedError(
            "The plan that is there is not the one by "
            f"which the status counts {counted.recordings} recordings. {_ADVICE}"
        )


def _config_map(owner: Owner, number: int, part_number: int, part: _Part) -> Object:
    return {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": {
            "name": part.name,
            "namespace": owner.namespace,
            "labels": owner.labels(PLAN) | {INDEX: str(number), PART: str(part_number)},
            "ownerReferences": [owner.reference()],
        },
        "immutable": True,
        "data": {"of": str(part.of), "sha256": part.digest},
        "binaryData": {_KEY: base64.b64encode(part.piece).decode()},
    }


def _read(thing: Object) -> _Part:
    name = thing["metadata"]["name"]
    try:
        part = _Part(
            name,
            base64.b64decode(thing["binaryData"][_KEY], validate=True),
            int(thing["data"]["of"]),
            thing["data"]["sha256"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PlanDamagedError(
            f"ConfigMap {name} holds no part of a plan, though its name says so. {_ADVICE}"
        ) from error
    if not 1 <= part.of <= MAX_PARTS:
        raise PlanDamagedError(
            f"ConfigMap {name} is said to be one of {part.of} parts, "
            f"and a plan has {MAX_PARTS} at most. {_ADVICE}"
        )
    return part


def _plan(owner: Owner, number: int, first: _Part, others: Mapping[str, Object]) -> FrozenPlan:
    pieces = [first.piece]
    for part in range(1, first.of):
        name = plan_map_name(owner, number, part, first.digest)
        if name not in others:
            raise PlanDamagedError(
                f"ConfigMap {name} is gone: part {part + 1} of {first.of} of plan {number}. {_ADVICE}"
            )
        pieces.append(_read(others[name]).piece)
    content, digest = _content(pieces, first)
    return FrozenPlan(
        content.sources,
        content.document,
        number,
        content.at,
        content.settings,
        digest,
        entries=content.entries,
    )


def digest_of_document(document: Any) -> str:
    """Digest of a plan's document as it is in JSON: a later version that reads it with one more field gets
    the same digest."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _content(pieces: Sequence[bytes], first: _Part) -> tuple[_Content, str]:
    """The content of the parts, and the digest of its document. Raises `PlanDamagedError`."""
    body = b"".join(pieces)
    if hashlib.sha256(body).hexdigest() != first.digest:
        raise PlanDamagedError(
            f"ConfigMap {first.name} and its further parts are not what was written: "
            f"the sha256 differs. {_ADVICE}"
        )
    inflater = zlib.decompressobj(_GZIP_WBITS)
    try:
        text = inflater.decompress(body, MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise PlanDamagedError(f"ConfigMap {first.name} holds no gzip: {error}. {_ADVICE}") from error
    if not inflater.eof:
        raise PlanDamagedError(
            f"ConfigMap {first.name} begins a plan of more than {MAX_INFLATED_BYTES} bytes, which none is. "
            f"{_ADVICE}"
        )
    try:
        return _Content.model_validate_json(text), digest_of_document(json.loads(text)["document"])
    except ValidationError as error:
        mistakes = f"{error.error_count()} fields are not understood"
        raise PlanDamagedError(
            f"ConfigMap {first.name} comes from another version: {mistakes}. Run the operator that made it"
        ) from error
