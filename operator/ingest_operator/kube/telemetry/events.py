"""Kubernetes Events about batches, profiles and voices: few, each once, and never delaying the work that they
report.

They follow accepted statuses. An Event's name is derived from the object, the reason and the version of the
status, so one that is posted twice is refused the second time. Events are rate-limited per object; suppressed
changes are summarised in the next one.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.speaker_profile import SpeakerProfileStatus
from ingest_contract.status import IngestBatchStatus
from ingest_operator.kube.api.errors import AlreadyExistsError
from ingest_operator.kube.api.resources import BATCHES, EVENTS, PROFILES, SPEAKERS, Object, Resource
from ingest_operator.kube.telemetry.event_messages import EVENT_RULES, exposed
from ingest_operator.kube.telemetry.notes import Aspect, EventRules, Note
from ingest_operator.kube.telemetry.profile_event_messages import PROFILE_EVENT_RULES
from ingest_operator.kube.telemetry.voice_event_messages import VOICE_EVENT_RULES

LOG: Final = logging.getLogger(__name__)

CONTROLLER: Final = "video-ingest.dev/operator"

MINUTE_SECONDS: Final = 60.0

EVENTS_PER_MINUTE: Final = 4
"""Events of one batch and aspect in a minute: a user's own changes are all reported, a quota that comes and
goes is not."""

FAILURES_PER_MINUTE: Final = 1
"""A batch that fails a hundred times in a minute gets one Event."""

WAITING_EVENTS: Final = 256
"""Events that may wait for a slow API server; more are lost."""

GRACE_SECONDS: Final = 2.0
"""Seconds that an operator gives to waiting Events when it shuts down."""

NOTE_BYTES: Final = 1024
INSTANCE_CHARACTERS: Final = 128
"""Limits of the API server."""


class Creates(Protocol):
    """A client that can create an object."""

    async def create(self, resource: Resource, namespace: str, body: Object) -> Object:
        """Create it; raises `AlreadyExistsError`."""


S = TypeVar("S")
"""A status."""


@dataclass(slots=True)
class _RateLimiter(Generic[S]):
    """The recent Events of one object, and for each suppressed aspect the last status that was reported."""

    rules: EventRules[S]
    said: dict[Aspect, deque[float]] = field(default_factory=dict)
    held: dict[Aspect, S | None] = field(default_factory=dict)

    def reported(self, before: S | None, after: S, now: float) -> Iterator[Note | None]:
        """The Events to post now; None for each aspect that starts to be suppressed."""
        for aspect, tell in self.rules.items():
            was_held = aspect in self.held
            base = self.held.pop(aspect, before)
            note = tell(base, after)
            if note is None:
                continue
            if self._may_speak(aspect, now):
                yield note
                continue
            self.held[aspect] = base
            if not was_held:
                yield None

    def _may_speak(self, aspect: Aspect, now: float) -> bool:
        limit = FAILURES_PER_MINUTE if aspect is Aspect.FAILURES else EVENTS_PER_MINUTE
        times = self.said.setdefault(aspect, deque(maxlen=limit))
        if len(times) == limit and now - times[0] < MINUTE_SECONDS:
            return False
        times.append(now)
        return True


class EventPoster:
    """Posts Events while the context is entered. It never raises an error: errors are logged and counted."""

    def __init__(
        self, api: Creates, clock: Callable[[], float], instance: str, counted: Callable[[str], None]
    ) -> None:
        """`clock` returns epoch seconds; `instance` is the name of this pod or host; `counted` is called with
        the result of each Event."""
        self._api, self._clock, self._counted = api, clock, counted
        self._instance = instance[:INSTANCE_CHARACTERS]
        self._voices: dict[str, _RateLimiter[IngestBatchStatus]] = {}
        self._profiles: dict[str, _RateLimiter[IngestProfileStatus]] = {}
        self._speakers: dict[str, _RateLimiter[SpeakerProfileStatus]] = {}
        self._waiting: asyncio.Queue[Object] = asyncio.Queue(WAITING_EVENTS)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._post_all(), name="post Events")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._waiting.join()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def accepted(self, batch: Object, before: IngestBatchStatus | None, after: IngestBatchStatus) -> None:
        """A status was accepted that replaces another one; `batch` is the object as it is since then."""
        now = self._clock()
        voice = self._voices.setdefault(batch["metadata"]["uid"], _RateLimiter(EVENT_RULES))
        notes = (*voice.reported(before, after, now), *filter(None, [exposed(batch, before, after)]))
        self._say(BATCHES, batch, notes, now)

    def profile_accepted(
        self, profile: Object, before: IngestProfileStatus, after: IngestProfileStatus
    ) -> None:
        """The same for a profile."""
        now = self._clock()
        voice = self._profiles.setdefault(profile["metadata"]["uid"], _RateLimiter(PROFILE_EVENT_RULES))
        self._say(PROFILES, profile, voice.reported(before, after, now), now)

    def voice_accepted(
        self, speaker: Object, before: SpeakerProfileStatus, after: SpeakerProfileStatus
    ) -> None:
        """The same for a SpeakerProfile."""
        now = self._clock()
        voice = self._speakers.setdefault(speaker["metadata"]["uid"], _RateLimiter(VOICE_EVENT_RULES))
        self._say(SPEAKERS, speaker, voice.reported(before, after, now), now)

    def forgotten(self, uid: str) -> None:
        """A batch or a profile is gone."""
        self._speakers.pop(uid, None)
        self._voices.pop(uid, None)
        self._profiles.pop(uid, None)

    def _say(self, kind: Resource, thing: Object, notes: Iterable[Note | None], now: float) -> None:
        for note in notes:
            if note is None:
                self._counted("held")
                continue
            try:
                self._waiting.put_nowait(event_of(kind, thing, note, now, self._instance))
            except asyncio.QueueFull:
                self._lost(
                    thing["metadata"]["name"], note.reason, f"{WAITING_EVENTS} Events are waiting already"
                )

    async def _post_all(self) -> None:
        while True:
            await self._post(await self._waiting.get())
            self._waiting.task_done()

    async def _post(self, event: Object) -> None:
        try:
            await self._api.create(EVENTS, event["metadata"]["namespace"], event)
        except AlreadyExistsError:
            self._counted("repeated")
        except Exception as error:  # noqa: BLE001 -- whatever it is, it must not keep the next Event from being posted
            self._lost(event["regarding"]["name"], event["reason"], error)
        else:
            self._counted("posted")

    def _lost(self, name: str, reason: str, why: object) -> None:
        LOG.warning("the Event %s of %s is lost: %s", reason, name, why, extra={"action": "post-event"})
        self._counted("failed")


def event_of(kind: Resource, thing: Object, note: Note, now: float, instance: str) -> Object:
    """The Event for a note about an object of ours."""
    metadata = thing["metadata"]
    identity = f"{metadata['uid']}/{note.reason}/{metadata['resourceVersion']}"
    # Long names are cut so that ours stays a valid name, and not where a dot or a hyphen would be in front of
    # the other dot.
    name = f"{metadata['name'][:200].rstrip('.-')}.{sha256(identity.encode()).hexdigest()[:16]}"
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        # A MicroTime has six digits, always.
        "eventTime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": note.type.value,
        "reason": note.reason,
        "action": note.action,
        "note": note.text.encode()[:NOTE_BYTES].decode(errors="ignore"),
        "regarding": {"apiVersion": kind.api_version, "kind": kind.kind}
        | {key: metadata[key] for key in ("namespace", "name", "uid")},
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
    }
