"""One look at a profile whose batches are gone: what it remembers has an end, and so have its looks."""

import asyncio
from typing import cast

import pytest

from ingest_contract.names import API_VERSION, PROFILE_KIND
from ingest_contract.profile_status import IngestProfileStatus
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.site_states import FORGOTTEN_SECONDS
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.resources import CLAIMS, PROFILES, Object
from ingest_operator.kube.profiles.controller import SOON_SECONDS, ProfileController, ProfileDeps
from ingest_operator.kube.profiles.status_store import ProfileStatuses
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.watch.cache import Cache, key_of
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods
from testkit.cluster.memory_api import MemoryApi
from testkit.objects.builders import NOW, TRACE


class Unheard:
    """Metrics and Events that nobody reads."""

    def profile_known(self, profile: Object, status: IngestProfileStatus) -> None:
        """Nothing."""

    def profile_accepted(
        self, profile: Object, before: IngestProfileStatus, after: IngestProfileStatus
    ) -> None:
        """Nothing."""


class KeepsAll:
    """A profile without retention."""

    def laid_over(self, status: IngestProfileStatus, generation: int, now: float, /) -> IngestProfileStatus:
        del generation, now
        return status

    def held(
        self, status: IngestProfileStatus, blocker: Blocker, generation: int, now: float, /
    ) -> IngestProfileStatus:
        del blocker, generation, now
        return status

    async def act(self, now: float, /) -> Blocker | None:
        del now


async def keeps_all(*_: object) -> KeepsAll:
    return KeepsAll()


def looked_at(now: float, status: Object, spec: Object) -> tuple[Object, Requeue]:
    """The status of a profile after one look, and when the next one is."""
    api, profiles = MemoryApi(), Cache()
    api.put(CLAIMS, {"metadata": {"namespace": "media", "name": "video-ingest-models"}})
    metadata = {"namespace": "media", "name": "default", "generation": 1}
    body = {"apiVersion": API_VERSION, "kind": PROFILE_KIND, "metadata": metadata, "spec": spec}
    profiles.offer(api.put(PROFILES, body | {"status": status}))
    client = cast("Api", api)
    statuses = ProfileStatuses(client, profiles)
    deps = ProfileDeps(client, profiles, Cache(), JobsAndPods(), statuses, lambda: now, Unheard(), keeps_all)
    again = asyncio.run(ProfileController(deps).reconcile(key_of(body)))
    return api.objects[PROFILES.plural, "media", "default"]["status"], again


def readiness(status: Object) -> str:
    [ready] = (each for each in status["conditions"] if each["type"] == "Ready")
    return str(ready["reason"])


@pytest.mark.parametrize(
    ("late", "breaker", "found"),
    [
        (60, {}, ("ProxyFailed", ["media.example.org"])),
        (FORGOTTEN_SECONDS - 1, {}, ("ProxyFailed", ["media.example.org"])),
        (FORGOTTEN_SECONDS, {}, ("AllFound", [])),
        (
            FORGOTTEN_SECONDS,
            {"probe": {"batch": TRACE, "index": 3, "run": 1}},
            ("ProxyFailed", ["media.example.org"]),
        ),
    ],
    ids=["just now", "for a day", "forgotten", "a probe is under way"],
)
def test_a_site_that_nobody_probes_is_forgotten_after_a_day(
    late: float, breaker: dict[str, object], found: tuple[str, list[str]]
) -> None:
    held = {"reason": "ProxyFailed", "until": to_rfc3339(NOW), "opened": 3} | breaker
    status, _ = looked_at(NOW + late, {"sites": [{"name": "media.example.org", "breaker": held}]}, {})
    assert (readiness(status), [each["name"] for each in status["sites"]]) == found


def test_a_retention_that_is_due_and_cannot_begin_waits_for_the_next_check() -> None:
    due = {"retention": {"run": 3, "nextAt": to_rfc3339(NOW - 3600)}}
    status, again = looked_at(NOW, due, {"fieldOfAnotherVersion": 1})
    assert (readiness(status), again) == ("ProfileUnreadable", Requeue(SOON_SECONDS))
    coming = {"retention": {"run": 3, "nextAt": to_rfc3339(NOW + 5)}}
    assert looked_at(NOW, coming, {})[1] == Requeue(5.0)
