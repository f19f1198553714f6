"""How often a plan opens pages of one site."""

from itertools import pairwise

import pytest

from ingest_contract.selection import Order
from ingest_contract.sites import Pace, SiteAccess, SiteProfile
from ingest_operator.core.site_access import access_to
from ingest_worker.planning import Candidate
from ingest_worker.sources.page_pace import PagePace
from ingest_worker.sources.plan import make_plan
from testkit.site.entries import channel
from testkit.site.extractor import registered
from testkit.site.server import Site, serving
from testkit.site.visits import Kind
from tests.worker.sources.planner import Planner


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now, self.signs = 0.0, 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def alive(self) -> None:
        self.signs += 1


def waited(pace: PagePace, time: Time, *pages: Candidate) -> list[float]:
    moments = []
    for page in pages:
        pace.wait(page)
        moments.append(time.now)
    return moments


def page(host: str, name: str = "url:a") -> Candidate:
    return Candidate(name, f"https://{host}/watch")


def paced(time: Time, **gaps: int) -> PagePace:
    sites = [SiteAccess(name=name.replace("any", "*"), page_gap_seconds=gap) for name, gap in gaps.items()]
    return PagePace(sites, time.alive, clock=lambda: time.now, sleep=time.sleep)


def test_pages_of_one_site_are_as_far_apart_as_its_profile_says_and_others_go_on() -> None:
    time = Time()
    pace = paced(time, youtube=14)
    mine, other = page("www.youtube.com", "youtube:a"), page("example.org")
    assert waited(pace, time, mine, other, mine, page("youtu.be", "youtube:b"), other) == [0, 0, 14, 28, 28]


def test_each_site_without_an_entry_has_the_pace_of_all_for_itself() -> None:
    time = Time()
    pace = paced(time, any=10)
    assert waited(pace, time, page("a.example"), page("b.example"), page("a.example")) == [0, 0, 10]


@pytest.mark.parametrize(
    ("pace", "seconds"),
    [
        (Pace(per_hour=250), 15),
        (Pace(per_hour=100_000), 1),
        (Pace(min_gap_seconds=40), 40),
        (Pace(per_hour=3600, min_gap_seconds=5), 5),
    ],
)
def test_a_pace_per_hour_is_spread_over_it(pace: Pace, seconds: int) -> None:
    assert pace.gap_seconds == seconds
    (access,) = access_to([SiteProfile(name="youtube", pace=pace)], lambda _: "")
    assert access.page_gap_seconds == seconds


def test_a_plan_waits_between_the_pages_that_it_opens(planner: Planner) -> None:
    with registered(), serving(Site(channel(3, shares={}))) as site:
        order = planner.order(site.url("@talks"), order=Order.NEWEST_FIRST)
        paced = order.model_copy(update={"sites": (SiteAccess(name="tube", page_gap_seconds=2),)})
        make_plan(paced, planner.store, planner.kept.update)
        opened = [visit.at for visit in site.visits.of(Kind.PAGE)]
    assert len(opened) > 1
    # the site notes when it gets to a page, which a busy machine may do late
    assert all(after - before > 1.0 for before, after in pairwise(opened))


def test_a_plan_that_waits_shows_that_it_is_alive() -> None:
    time = Time()
    pace = paced(time, any=3600)
    waited(pace, time, page("a.example"), page("a.example"))
    assert time.now == 3600
    assert time.signs == 180
