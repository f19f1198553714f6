"""Objects in every state that they can be in, with the statuses that the operator's own code renders."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from ingest_contract.base import ContractModel
from ingest_contract.failures import Reason
from ingest_contract.names import API_VERSION
from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.schedule import IngestScheduleStatus
from ingest_contract.speaker_profile import SpeakerProfile, SpeakerProfileStatus
from ingest_contract.status import IngestBatchStatus
from ingest_contract.voice_report import Enrolled, EnrolledSource
from ingest_contract.voices import VoiceState
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.conditions import as_conditions
from ingest_operator.core.ledger import Ledger, Open
from ingest_operator.core.profile_readiness import Finding, ready
from ingest_operator.core.stalled import stalled_status
from ingest_operator.kube.schedules.due import DueResult
from ingest_operator.kube.schedules.owned_batches import OwnedBatch
from ingest_operator.kube.schedules.status import StatusInputs
from ingest_operator.kube.schedules.status import render as render_schedule
from ingest_operator.kube.voices.status import enrolled_status, waiting_status
from testkit.objects.builders import NOW, a_run, over
from testkit.objects.statuses import a_status

Json = dict[str, Any]

NO_PROFILE = Blocker("ProfileMissing", "There is no IngestProfile gpus. Make it, or name another one.", NOW)
BREAKER = Open(
    reason=Reason.BOT_CHECK, until=NOW + 3600, opened=1, message="Sign in to confirm you are not a bot"
)
DONE = [over(a_run(index)) for index in range(9)]
FAILURE = over(a_run(9, charged_attempts=2), Reason.NOT_FOUND)


def an_object(kind: str, status: ContractModel, generation: int = 1) -> Json:
    """An object with a status, its spec written so often."""
    made = {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": "talks", "namespace": "media", "generation": generation},
    }
    return made | {"spec": {}, "status": json.loads(status.to_json())}


_batch = partial(an_object, "IngestBatch")
_not_planned = {"planned": None}

BATCHES: Mapping[str, Json] = {
    "applied, and not seen yet": _batch(IngestBatchStatus()),
    "planning": _batch(a_status(known=_not_planned)),
    "planning, and its profile is missing": _batch(
        stalled_status(a_status(known=_not_planned), NO_PROFILE, 1, NOW)
    ),
    "planning is impossible": _batch(
        a_status(known=_not_planned | {"failure": ("SourceRefused", "ftp: is not allowed")})
    ),
    "running": _batch(a_status(a_run(0), a_run(1))),
    "running, and changed since": _batch(a_status(a_run(0)), generation=2),
    "stalled": _batch(a_status(a_run(0), ledger=Ledger(breaker=BREAKER))),
    "suspending": _batch(a_status(a_run(0), suspend=True)),
    "suspended": _batch(a_status(suspend=True)),
    "too many failures": _batch(a_status(*DONE, FAILURE, retry={"max_failed_percent": 5})),
    "complete": _batch(a_status(*DONE, over(a_run(9)))),
    "complete with failures": _batch(a_status(*DONE, FAILURE)),
    "complete, a dry run": _batch(a_status(dry_run=True)),
}

_SURVEY = DueResult(start=None, missed=0, settled=NOW, next=NOW + 3600, timetable="30 2 * * * Etc/UTC")


def _child(state: str) -> OwnedBatch:
    return OwnedBatch(
        name="nightly-202701150230", uid="u", due=NOW - 3600, state=state, finished=state != "Running",
        failed=state == "Failed", completed=NOW if state == "Complete" else None, leaving=False,
    )  # fmt: skip


def _schedule(*children: OwnedBatch, suspended: bool = False, trouble: tuple[str, str] | None = None) -> Json:
    return an_object(
        "IngestSchedule", render_schedule(StatusInputs(1, suspended, _SURVEY, trouble), None, children, NOW)
    )


SCHEDULES: Mapping[str, Json] = {
    "applied, and not seen yet": an_object("IngestSchedule", IngestScheduleStatus()),
    "nothing was due yet": _schedule(),
    "a batch runs": _schedule(_child("Running")),
    "the last batch is complete": _schedule(_child("Complete")),
    "the last batch is complete with failures": _schedule(_child("CompleteWithFailures")),
    "the last batch has failed": _schedule(_child("Failed")),
    "suspended": _schedule(_child("Complete"), suspended=True),
    "stalled": _schedule(trouble=("ScheduleInvalid", "There is no 31st of February.")),
}

_VOICE = SpeakerProfile.from_object(
    {
        "apiVersion": API_VERSION,
        "kind": "SpeakerProfile",
        "metadata": {"name": "ada", "namespace": "media", "generation": 1},
        "spec": {
            "recordings": [{"url": "https://media.example.org/1.mp3"}, {"url": "/sources/voices/2.mp3"}]
        },
    }
)
_USED = EnrolledSource(state=VoiceState.USED, seconds=20.0)
_REFUSED = EnrolledSource(state=VoiceState.REFUSED, reason=Reason.VOICES_DISAGREE, message="0.12 alike")


def _heard(*sources: EnrolledSource) -> Json:
    enrolled = Enrolled(model="community-1@0123456789ab", sources=sources)
    status = enrolled_status(_VOICE, SpeakerProfileStatus(), enrolled, "0123456789abcdef", NOW)
    return an_object("SpeakerProfile", status)


def _unheard(reason: str, message: str = "", *, stalled: bool = False) -> Json:
    blocker = Blocker(reason, message, NOW)
    status = waiting_status(_VOICE, SpeakerProfileStatus(), blocker, NOW, stalled=stalled)
    return an_object("SpeakerProfile", status)


SPEAKERS: Mapping[str, Json] = {
    "applied, and not seen yet": an_object("SpeakerProfile", SpeakerProfileStatus()),
    "being heard": _unheard("Enrolling"),
    "every recording is used": _heard(_USED, _USED),
    "one recording is refused": _heard(_USED, _REFUSED),
    "every recording is refused": _heard(_REFUSED, _REFUSED),
    "its profile is missing": _unheard("ProfileMissing", "There is no IngestProfile gpus.", stalled=True),
    "cannot be heard": _unheard("ModelsUnavailable", "There is no such model set.", stalled=True),
    "deleted, and being forgotten": _unheard("Forgetting"),
}


def _profile(*findings: Finding, generation: int = 1) -> Json:
    conditions = tuple(as_conditions([ready(findings, ())], NOW, 1))
    status = IngestProfileStatus(observed_generation=1, conditions=conditions)
    return an_object("IngestProfile", status, generation)


PROFILES: Mapping[str, Json] = {
    "applied, and not seen yet": an_object("IngestProfile", IngestProfileStatus()),
    "all that it names is there": _profile(),
    "all was there, and changed since": _profile(generation=2),
    "a claim is missing": _profile(Finding("ClaimMissing", "There is no claim video-ingest-models.")),
    "it contradicts itself": _profile(Finding("ProfileInvalid", "runtime.device is Cuda.")),
    "a pod found no cookies": _profile(Finding("CredentialsInvalid", "Batch talks: Renew the Secret.")),
}
