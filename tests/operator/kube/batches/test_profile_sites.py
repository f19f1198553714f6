"""Sites in a profile's status in the real API: shared by its batches, kept over a restart, never written over
what somebody else wrote."""

import asyncio

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import Item, PlannedSource
from ingest_contract.receipt import Receipt
from ingest_contract.sites import Pace, SiteProfile, SiteReport
from ingest_operator.core.outcome import Ended
from ingest_operator.core.outcome import Run as Seen
from ingest_operator.core.site_states import Sites, SiteState, Stopped
from ingest_operator.core.sites import CATCH_UP_SECONDS, Gate
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ConflictError
from ingest_operator.kube.api.resources import PROFILES
from ingest_operator.kube.batches.plan_gate import SiteGate
from ingest_operator.kube.batches.profile_sites import ProfileSites
from ingest_operator.kube.planning.attempts import PlanAttempt
from ingest_operator.kube.profiles.status_store import ProfileStatuses
from ingest_operator.kube.watch.cache import Cache
from testkit.cluster.fixtures import Run

NOW = 1_764_000_000.0
ENTRIES = (SiteProfile(name="youtube", pace=Pace(per_hour=60)),)
STOPPED = Sites(
    ENTRIES, {"youtube": SiteState("direct", NOW, NOW + 61, Stopped(Reason.BOT_CHECK, NOW + 60, 1, "robot?"))}
)
ITEM = Item(index=0, id="youtube:a", url="https://www.youtube.com/watch?v=a")


@pytest.fixture
def profiles(api: Api, run: Run, namespace: str) -> Cache:
    body = {
        "apiVersion": PROFILES.api_version,
        "kind": PROFILES.kind,
        "metadata": {"name": "default", "namespace": namespace},
    }
    cache = Cache()
    cache.offer(run(api.create(PROFILES, namespace, body)))
    return cache


def sites_of(api: Api, profiles: Cache, now: float = NOW) -> ProfileSites:
    return ProfileSites(ProfileStatuses(api, profiles), profiles.known[0], lambda: now, ENTRIES)


async def known(store: ProfileSites) -> Sites:
    async with store.exclusive() as found:
        return found


def test_what_a_batch_learns_of_a_site_the_others_and_the_next_operator_know(
    api: Api, profiles: Cache, run: Run
) -> None:
    store = sites_of(api, profiles)
    assert run(known(store)) == Sites(ENTRIES, {})
    run(store.write(STOPPED))
    assert run(known(store)) == STOPPED
    again = Cache()
    again.offer(run(api.get(PROFILES, *profiles.known[0])))
    assert run(known(sites_of(api, again))) == STOPPED


def test_what_a_clock_that_was_ahead_has_left_is_stored_again_and_holds_nobody_for_days(
    api: Api, profiles: Cache, run: Run
) -> None:
    ahead = NOW + 3 * 86_400
    gate = Gate(Sites(ENTRIES), "1" * 32, ahead)
    assert gate.admit(ITEM, 1)
    run(sites_of(api, profiles, ahead).write(gate.sites))
    found = run(known(sites_of(api, profiles)))
    assert not Gate(found, "1" * 32, NOW).admit(ITEM, 2)
    longest = 3605 / 60 + CATCH_UP_SECONDS
    again = run(known(sites_of(api, profiles, NOW + longest)))
    assert again == found, "the wait has begun, and does not begin anew"
    assert Gate(again, "1" * 32, NOW + longest).admit(ITEM, 2)


def test_a_second_operator_cannot_write_over_what_it_has_not_seen(
    api: Api, profiles: Cache, run: Run
) -> None:
    lagging = Cache()
    lagging.offer(profiles.get(profiles.known[0]) or {})
    run(sites_of(api, profiles).write(STOPPED))
    other = sites_of(api, lagging)
    with pytest.raises(ConflictError):
        run(other.write(Sites(ENTRIES, {"youtube": SiteState("direct", NOW, NOW + 61)})))
    assert run(known(other)) == STOPPED


def test_batches_of_one_profile_reserve_one_after_the_other(api: Api, profiles: Cache, run: Run) -> None:
    store = sites_of(api, profiles)

    async def start(trace: str) -> bool:
        async with store.exclusive() as found:
            gate = Gate(found, trace * 32, NOW)
            admitted = gate.admit(ITEM, 1)
            await asyncio.sleep(0)
            if gate.sites != found:
                await store.write(gate.sites)
            return admitted

    async def both() -> list[bool]:
        return await asyncio.gather(*(start(trace) for trace in "123456"))

    assert sorted(run(both())) == [False] * 5 + [True]


def test_a_plan_waits_for_the_site_that_refused_it_though_its_address_names_another(
    api: Api, profiles: Cache, run: Run
) -> None:
    store = sites_of(api, profiles)
    run(store.write(STOPPED))
    gate, away = SiteGate(store, "1" * 32, lambda: NOW), PlannedSource(url="https://cdn.example.net/17")
    assert run(gate.admit([away], 0, 1, ())) is None
    told = Receipt(
        result="Failed", reason=Reason.BOT_CHECK, seconds=1.0, site=SiteReport(name="youtube")
    ).to_json()
    refused = Seen(0, 1, 0, 0, 0, started_at=NOW - 900, ended_at=NOW - 890, ended=Ended(1, told))
    held = run(gate.admit([away], 0, 2, [PlanAttempt({}, None, refused, None)]))
    assert held is not None
    assert held.due == NOW + 60
    assert held.blocker.message.startswith("youtube: ")
