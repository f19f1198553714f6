"""One look at a profile whose batches are gone: what it remembers has an end, and so have its looks."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
from typing_extensions import override

from ingest_contract.names import API_VERSION, PROFILE_KIND
from ingest_contract.profile_status import IngestProfileStatus
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.site_states import FORGOTTEN_SECONDS
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.resources import BATCHES, CLAIMS, PROFILES, Object, Resource
from ingest_operator.kube.profiles.controller import SOON_SECONDS, ProfileController, ProfileDeps
from ingest_operator.kube.profiles.status_store import ProfileStatuses
from ingest_operator.kube.requeueing import Requeue
from ingest_operator.kube.watch.cache import Cache, Key, key_of
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


def looked_at(now: float, status: Object, spec: Object, *uids: str) -> tuple[Object, Requeue]:
    """The status of a profile after one look, and when the next one is. Batches with these uids exist."""
    api, profiles, batches = MemoryApi(), Cache(), Cache()
    for uid in uids:
        batches.offer(
            api.put(BATCHES, {"metadata": {"namespace": "other", "name": uid, "uid": uid}, "spec": {}})
        )
    api.put(CLAIMS, {"metadata": {"namespace": "media", "name": "video-ingest-models"}})
    metadata = {"namespace": "media", "name": "default", "generation": 1}
    body = {"apiVersion": API_VERSION, "kind": PROFILE_KIND, "metadata": metadata, "spec": spec}
    profiles.offer(api.put(PROFILES, body | {"status": status}))
    client = cast("Api", api)
    statuses = ProfileStatuses(client, profiles)
    deps = ProfileDeps(client, profiles, batches, JobsAndPods(), statuses, lambda: now, Unheard(), keeps_all)
    again = asyncio.run(ProfileController(deps).reconcile(key_of(body)))
    return api.objects[PROFILES.plural, "media", "default"]["status"], again


def readiness(status: Object) -> str:
    [ready] = (each for each in status["conditions"] if each["type"] == "Ready")
    return str(ready["reason"])


PROBED: dict[str, object] = {"probe": {"batch": TRACE, "index": 3, "run": 1}}


@pytest.mark.parametrize(
    ("late", "breaker", "uids", "found"),
    [
        (60, {}, (), ("ProxyFailed", ["media.example.org"])),
        (FORGOTTEN_SECONDS - 1, {}, (), ("ProxyFailed", ["media.example.org"])),
        (FORGOTTEN_SECONDS, {}, (), ("AllFound", [])),
        (FORGOTTEN_SECONDS, PROBED, (TRACE,), ("ProxyFailed", ["media.example.org"])),
        (FORGOTTEN_SECONDS, PROBED, (), ("AllFound", [])),
    ],
    ids=["just now", "for a day", "forgotten", "a probe is under way", "the batch of the probe is gone"],
)
def test_a_site_that_nobody_probes_is_forgotten_after_a_day(
    late: float, breaker: dict[str, object], uids: tuple[str, ...], found: tuple[str, list[str]]
) -> None:
    held = {"reason": "ProxyFailed", "until": to_rfc3339(NOW), "opened": 3} | breaker
    sites = {"sites": [{"name": "media.example.org", "breaker": held}]}
    status, _ = looked_at(NOW + late, sites, {}, *uids)
    assert (readiness(status), [each["name"] for each in status["sites"]]) == found


def test_a_retention_that_is_due_and_cannot_begin_waits_for_the_next_check() -> None:
    due = {"retention": {"run": 3, "nextAt": to_rfc3339(NOW - 3600)}}
    status, again = looked_at(NOW, due, {"fieldOfAnotherVersion": 1})
    assert (readiness(status), again) == ("ProfileUnreadable", Requeue(SOON_SECONDS))
    coming = {"retention": {"run": 3, "nextAt": to_rfc3339(NOW + 5)}}
    assert looked_at(NOW, coming, {})[1] == Requeue(5.0)


class Going(MemoryApi):
    """One whose profile is deleted while something that it names is looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.goes: Callable[[], object] = lambda: None

    @override
    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        self.goes()
        return await super().get(resource, namespace, name)


class Counting(Unheard):
    """Metrics that count the profiles that they know."""

    def __init__(self) -> None:
        self.known: list[Key] = []

    @override
    def profile_known(self, profile: Object, status: IngestProfileStatus) -> None:
        self.known.append(key_of(profile))


def test_a_profile_that_goes_while_it_is_looked_at_is_counted_by_no_metric() -> None:
    """Its deletion was seen: nobody would ever take it out again."""
    api, profiles, instruments = Going(), Cache(), Counting()
    metadata = {"namespace": "media", "name": "default", "generation": 1}
    body = api.put(
        PROFILES, {"apiVersion": API_VERSION, "kind": PROFILE_KIND, "metadata": metadata, "spec": {}}
    )
    profiles.offer(body)
    api.goes = lambda: profiles.drop(body)
    client = cast("Api", api)
    statuses = ProfileStatuses(client, profiles)
    deps = ProfileDeps(
        client, profiles, Cache(), JobsAndPods(), statuses, lambda: NOW, instruments, keeps_all
    )
    asyncio.run(ProfileController(deps).reconcile(key_of(body)))
    assert instruments.known == []
