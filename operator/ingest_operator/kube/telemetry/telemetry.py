"""Forwards accepted statuses, reconciles and deletions to metrics, health and Events."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ingest_contract.profile_status import IngestProfileStatus
from ingest_contract.speaker_profile import SpeakerProfileStatus
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.outcome import Run
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.telemetry.events import EventPoster
from ingest_operator.kube.telemetry.health import Health
from ingest_operator.kube.telemetry.metrics import Metrics
from ingest_operator.kube.telemetry.webhook import Webhook
from ingest_operator.kube.watch.cache import Key, key_of

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Instruments:
    """Metrics, health and Events."""

    metrics: Metrics
    health: Health
    events: EventPoster
    webhook: Webhook | None = None

    def accepted(
        self,
        batch: Object,
        before: IngestBatchStatus | None,
        after: IngestBatchStatus,
        ended: Iterable[Run] = (),
    ) -> None:
        """A status was accepted that replaces another one;
        `ended` are the runs whose ends it is the first to record."""
        self.metrics.accepted(batch, before, after)
        self.events.accepted(batch, before, after)
        for run in ended:
            self.metrics.folded(run)
            self.metrics.paid(after, run)

    def forgotten(self, batch: Object) -> None:
        """A batch is gone."""
        self.metrics.forgotten(*key_of(batch))
        self.events.forgotten(batch["metadata"]["uid"])

    def profile_known(self, profile: Object, status: IngestProfileStatus) -> None:
        """A profile as it was found."""
        self.metrics.profile(*key_of(profile), status)

    def profile_accepted(
        self, profile: Object, before: IngestProfileStatus, after: IngestProfileStatus
    ) -> None:
        """A status was accepted that replaces another one."""
        self.profile_known(profile, after)
        self.metrics.retained(before, after)
        self.events.profile_accepted(profile, before, after)

    def profile_forgotten(self, profile: Object) -> None:
        """A profile is gone."""
        self.metrics.profile(*key_of(profile), None)
        self.events.forgotten(profile["metadata"]["uid"])

    def voice_accepted(
        self, speaker: Object, before: SpeakerProfileStatus, after: SpeakerProfileStatus
    ) -> None:
        """A status was accepted that replaces another one."""
        self.events.voice_accepted(speaker, before, after)

    def voice_forgotten(self, speaker: Object) -> None:
        """A SpeakerProfile is gone."""
        self.events.forgotten(speaker["metadata"]["uid"])

    def reconciled(self, kind: str, key: Key, seconds: float, error: BaseException | None) -> None:
        """A reconcile has ended."""
        self.metrics.reconciled(kind, seconds, type(error).__name__ if error else None)
        if error is not None:
            LOG.warning(
                "reconciling %s %s/%s failed: %s",
                kind,
                *key,
                error,
                exc_info=error,
                extra={"action": "reconcile"},
            )
