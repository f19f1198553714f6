"""A batch whose site stops it: what it does, what it says, and what another batch of its profile does."""

from dataclasses import replace

import pytest

from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.sites import Pace, SiteProfile
from ingest_operator.core.actions import Start
from ingest_operator.core.batch import Batch
from ingest_operator.core.decide import Decision, Previous, decide
from ingest_operator.core.outcome import Observation, Run
from ingest_operator.core.phases import Ahead
from ingest_operator.core.site_states import Sites
from ingest_operator.core.sites import Gate
from testkit.objects.builders import NOW, a_planned_batch, a_run, items, over, planned

LATER = NOW + 60
OTHER = "f" * 32


def batch(count: int = 5, sites: Sites | None = None) -> Batch:
    return replace(a_planned_batch(count, parallelism=10), sites=sites or Sites())


def another(sites: Sites | None, *elsewhere: Item) -> Batch:
    recordings = (*items(5), *elsewhere)
    return replace(batch(), trace_id=OTHER, planned=planned(recordings), sites=sites)


def decided(of: Batch, *runs: Run, before: Decision | None = None, now: float = LATER) -> Decision:
    return decide(of, Previous.of(of, before.status if before else None), Observation(runs), now)


def starts(decision: Decision) -> list[int]:
    return [each.index for each in decision.actions if isinstance(each, Start)]


def test_a_bot_check_stops_the_site_charges_nobody_and_is_reported() -> None:
    first = decided(batch(), over(a_run(0), Reason.BOT_CHECK))
    assert starts(first) == []
    assert first.ledger.breaker is None
    assert first.ledger.open_items[0].charged_attempts == 0
    assert first.next_at == LATER + 60
    stalled = next(each for each in first.status.conditions if each.type is ConditionType.STALLED)
    assert (stalled.status, stalled.reason) == (ConditionStatus.TRUE, "BotCheck")
    assert "youtube" in stalled.message
    assert "fetch.sites" in stalled.message


def test_another_batch_of_the_profile_stops_there_too_and_goes_on_elsewhere() -> None:
    first = decided(batch(), over(a_run(0), Reason.BOT_CHECK))
    away = Item(index=5, id="url:0123456789abcdef", url="https://cdn.example.net/a.mp3")
    other = decided(another(first.sites, away))
    assert starts(other) == [5]
    assert all(
        each.status is not ConditionStatus.TRUE
        for each in other.status.conditions
        if each.type is ConditionType.STALLED
    )


def test_of_all_batches_one_run_probes_and_its_success_opens_the_site_to_all() -> None:
    first = decided(batch(), over(a_run(0), Reason.BOT_CHECK))
    probing = decided(batch(sites=first.sites), before=first, now=LATER + 60)
    assert len(starts(probing)) == 1
    assert starts(decided(another(probing.sites), now=LATER + 61)) == []
    index = starts(probing)[0]
    probe = a_run(
        index, probing.ledger.open_items[index].number + 1 if index in probing.ledger.open_items else 1
    )
    closed = decided(batch(sites=probing.sites), over(probe), before=probing, now=LATER + 200)
    assert closed.sites is not None
    assert closed.sites.states["youtube"].stopped is None
    assert len(starts(decided(another(closed.sites), now=LATER + 201))) == 5


def test_the_pace_of_a_site_is_one_for_all_batches() -> None:
    paced = Sites((SiteProfile(name="youtube", pace=Pace(min_gap_seconds=10)),))
    first = decided(batch(sites=paced))
    assert starts(first) == [0]
    assert first.next_at == LATER + 10
    assert starts(decided(another(first.sites), now=LATER + 9)) == []
    assert starts(decided(another(first.sites), now=LATER + 10)) == [0]


def test_a_broken_store_still_stops_its_batch_and_no_site() -> None:
    first = decided(batch(), over(a_run(0), Reason.DATABASE_UNAVAILABLE))
    assert first.ledger.breaker is not None
    assert first.sites == Sites()


@pytest.mark.parametrize("ahead", [None, Ahead(recordings=50, mib=1 << 20)], ids=["inline", "ahead"])
def test_of_thousands_that_wait_for_one_site_one_is_asked_and_other_sites_go_on(
    ahead: Ahead | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[int]()
    admit = Gate.admit

    def counted(gate: Gate, item: Item, run: int) -> bool:
        asked.append(item.index)
        return admit(gate, item, run)

    monkeypatch.setattr(Gate, "admit", counted)
    away = Item(
        index=5000, id="url:0123456789abcdef", url="https://cdn.example.net/a.mp3", duration_seconds=60
    )
    slow = Sites((SiteProfile(name="youtube", pace=Pace(min_gap_seconds=10)),))
    paced = replace(batch(sites=slow), planned=planned((*items(5000), away)), ahead=ahead)
    assert starts(decided(paced)) == [0, 5000]
    assert asked == [0, 1, 5000]
    asked.clear()
    stopped = decided(replace(paced, sites=Sites()), over(a_run(0), Reason.BOT_CHECK))
    assert starts(stopped) == [5000]
    assert asked == [1, 5000]
