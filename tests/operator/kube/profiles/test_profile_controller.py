"""A site that refused a batch which is gone since: nobody probes it, and it must not keep the profile from
being ready for ever."""

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
from ingest_operator.kube.profiles.controller import ProfileController, ProfileDeps
from ingest_operator.kube.profiles.status_store import ProfileStatuses
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


def looked_at(now: float, **breaker: object) -> tuple[str, list[str]]:
    """The reason of the condition `Ready`, and the sites that are remembered, of a profile whose only site
    refused a batch until `NOW`."""
    api, profiles = MemoryApi(), Cache()
    api.put(CLAIMS, {"metadata": {"namespace": "media", "name": "video-ingest-models"}})
    held = {"reason": "ProxyFailed", "until": to_rfc3339(NOW), "opened": 3} | breaker
    body = {
        "apiVersion": API_VERSION,
        "kind": PROFILE_KIND,
        "metadata": {"namespace": "media", "name": "default", "generation": 1},
        "spec": {},
        "status": {"sites": [{"name": "media.example.org", "breaker": held}]},
    }
    profiles.offer(api.put(PROFILES, body))
    client = cast("Api", api)
    statuses = ProfileStatuses(client, profiles)
    deps = ProfileDeps(client, profiles, Cache(), JobsAndPods(), statuses, lambda: now, Unheard(), keeps_all)
    asyncio.run(ProfileController(deps).reconcile(key_of(body)))
    status = api.objects[PROFILES.plural, "media", "default"]["status"]
    [ready] = (each for each in status["conditions"] if each["type"] == "Ready")
    return ready["reason"], [each["name"] for each in status["sites"]]


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
    assert looked_at(NOW + late, **breaker) == found
