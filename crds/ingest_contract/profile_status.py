"""`IngestProfile.status`: whether what it names is there, and what is known of its sites, shared by every
batch of the profile: all that a restarted operator needs to keep to their pace and to leave them alone."""

from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from ingest_contract.base import MAX_RUN_NUMBER, ContractModel, Count, ObjectName, ShortText, Timestamp
from ingest_contract.conditions import MAP_BY_TYPE, Condition
from ingest_contract.failures import Reason
from ingest_contract.sites import MAX_SITE_CHARACTERS

MAX_ROWS: Final = 64
"""Sites that a profile remembers at once."""

MAX_FAULT_ROWS: Final = 16
"""Faults that a profile remembers at once."""

_BY_NAME: Final[dict[str, Any]] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
}


_BY_REASON: Final[dict[str, Any]] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["reason"],
}


class SiteProbe(ContractModel):
    """The one run that a stopped site is tried with."""

    batch: Annotated[str, StringConstraints(max_length=32, pattern=r"^[0-9a-f]{32}$")]
    """The trace id of its batch."""

    index: Count
    """The recording, or the number of the plan."""

    plan: bool | None = None
    """Whether it is a run of a plan; omitted for one of a recording."""

    run: Count
    """The number of the run."""


class SiteBreaker(ContractModel):
    """Why nothing new starts on a site, in any batch of the profile."""

    reason: Reason
    """The reason that opened it."""

    until: Timestamp
    """When one recording may probe."""

    opened: Annotated[int, Field(ge=1, le=1000)]
    """How often it opened in a row: the wait doubles each time."""

    message: ShortText = ""
    """The message of the last failure."""

    secrets: Annotated[str, StringConstraints(max_length=8, pattern=r"^[0-9a-f]{8}$")] | None = None
    """A digest of the cookies and the proxy that were refused. With others the wait begins anew."""

    probe: SiteProbe | None = None
    """The run that probes, while it is under way."""


class SiteStatus(ContractModel):
    """One site, as one identity meets it. A site about which nothing must be remembered has no row."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SITE_CHARACTERS)]
    """The name of its entry, or its host where `*` or no entry counts."""

    egress: Annotated[str, StringConstraints(max_length=1024)] = ""
    """Who the site meets: the names of the Secrets with cookies and proxy. With others, the row is void."""

    last_started_at: Timestamp | None = None
    """When the last run began that fetches from it."""

    due_at: Timestamp | None = None
    """When the next start would be due if all starts of the last hour had been spread evenly."""

    breaker: SiteBreaker | None = None
    """Why nothing new starts on it, while its breaker is open; forgotten where nobody has probed it for a day
    after it could have been."""


class ProfileFault(ContractModel):
    """What pods said is missing or wrong, such as a Secret, which nobody but pods may read. It is kept until
    the spec changes, or a pod gets past it."""

    reason: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    """The reason by which the batch was stalled."""

    message: Annotated[str, StringConstraints(max_length=512)]
    """What the pod said, and what to do."""

    batch: ObjectName
    """The batch whose pod said so first."""

    since: Timestamp
    """When it was heard."""

    generation: Count
    """The generation of the spec with which it was heard."""


class RetentionStatus(ContractModel):
    """What was done about `spec.retention`. A run is written here before its Job is made, so that no restart
    makes another."""

    run: Annotated[int, Field(ge=0, le=MAX_RUN_NUMBER)] = 0
    """The number of the last run; 0 before the first."""

    started_at: Timestamp | None = None
    """When it was started."""

    ended_at: Timestamp | None = None
    """When it ended; omitted while it is under way."""

    request: Annotated[str, StringConstraints(max_length=40)] = ""
    """A digest of what it was asked, and of how its pod runs."""

    reason: Reason | None = None
    """Why it failed."""

    failures: Count = 0
    """Runs in a row that have failed."""

    recordings: Count = 0
    """Recordings that the last run has forgotten."""

    total_recordings: Count = 0
    """Recordings that all runs have forgotten."""

    next_at: Timestamp | None = None
    """When the next run is due; omitted while one is under way."""

    @property
    def under_way(self) -> bool:
        """Whether a run was started that has not ended."""
        return self.started_at is not None and self.ended_at is None


class IngestProfileStatus(ContractModel):
    """What is observed."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The generation of the spec that the conditions are about; -1 before there are any."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=8, json_schema_extra=MAP_BY_TYPE)] = ()
    """Observations in the standard form: `Ready`, and `RetentionKept` where the spec has a retention."""

    retention: RetentionStatus | None = None
    """What was done about `spec.retention`."""

    faults: Annotated[
        tuple[ProfileFault, ...], Field(max_length=MAX_FAULT_ROWS, json_schema_extra=_BY_REASON)
    ] = ()
    """What pods said is missing or wrong."""

    sites: Annotated[tuple[SiteStatus, ...], Field(max_length=MAX_ROWS, json_schema_extra=_BY_NAME)] = ()
    """Sites with a pace or an open breaker."""
