"""Entries that a person must mend first are left out of a plan, and no other entry waits for them."""

from pathlib import Path
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import PlannedSource
from ingest_contract.secret_addresses import secret_address
from ingest_contract.selection import Order
from ingest_contract.sites import SiteAccess
from ingest_worker.errors import StageError
from ingest_worker.sources.apart import make_plan_apart
from testkit.media.site import Site
from tests.worker.sources.planner import Planner, episode, feed


def entries(*urls: str) -> list[PlannedSource]:
    """One entry for each address."""
    return [PlannedSource(url=url, entry=number) for number, url in enumerate(urls)]


@pytest.mark.parametrize(
    "answer", [{"status": 404}, {"body": "<html><body>Hello</body></html>"}], ids=["nothing", "no list"]
)
def test_an_entry_that_is_no_list_is_left_out_and_the_others_are_planned(
    answer: dict[str, Any], site: Site, planner: Planner
) -> None:
    show = feed(site, episode(site, 1), episode(site, 2))
    broken = site.put("/list", **answer)
    found = planner.plan(*entries(show, broken, site.url("/film.mp4")), order=Order.SOURCE)
    assert [item.url for item in found.items] == [
        site.url(each) for each in ("/e1.mp3", "/e2.mp3", "/film.mp4")
    ]
    assert found.waiting == (1,)


@pytest.mark.parametrize("status", [500, 429])
def test_what_passes_by_itself_still_fails_the_whole_plan(status: int, site: Site, planner: Planner) -> None:
    """The selection is over all sources: a limit would be used up by those that answer."""
    with pytest.raises(StageError) as caught:
        planner.plan(*entries(site.put("/list", status=status), site.url("/film.mp4")))
    assert caught.value.reason in {Reason.DOWNLOAD_FAILED, Reason.RATE_LIMITED}


def test_nothing_of_an_entry_that_is_left_out_is_planned(site: Site, planner: Planner) -> None:
    sources = [
        PlannedSource(url=site.url("/first.mp4"), entry=0),
        PlannedSource(url=site.put("/list", status=404), entry=0),
        PlannedSource(url=site.url("/other.mp4"), entry=1),
    ]
    found = planner.plan(*sources)
    assert ([item.url for item in found.items], found.waiting) == ([site.url("/other.mp4")], (0,))


def test_if_nothing_is_left_the_plan_fails_with_what_another_plan_might_not_meet(
    site: Site, planner: Planner, tmp_path: Path
) -> None:
    missing = secret_address(str(tmp_path / "feeds" / "urls.txt"))
    order = planner.order(*entries(site.put("/list", status=404), missing))
    with pytest.raises(StageError, match="is there a Secret feeds with the key") as caught:
        make_plan_apart(order, planner.store, planner.kept.update, lambda: None)
    assert caught.value.reason is Reason.CREDENTIALS_INVALID


def test_an_entry_whose_secret_is_missing_is_left_out_before_anything_is_asked(
    site: Site, planner: Planner, tmp_path: Path
) -> None:
    missing = secret_address(str(tmp_path / "feeds" / "urls.txt"))
    order = planner.order(*entries(missing, site.url("/film.mp4")))
    found = make_plan_apart(order, planner.store, planner.kept.update, lambda: None)
    assert ([item.url for item in found.items], found.waiting) == ([site.url("/film.mp4")], (0,))
    alone = planner.order(*entries(missing))
    with pytest.raises(StageError, match=r"is there a Secret feeds with the key urls\.txt"):
        make_plan_apart(alone, planner.store, planner.kept.update, lambda: None)


def test_a_site_whose_cookies_are_missing_is_not_met_and_keeps_no_other_site(
    site: Site, planner: Planner, tmp_path: Path
) -> None:
    here = feed(site, episode(site, 1))
    closed = site.url("/closed", host="127.0.0.2")
    access = SiteAccess(name="127.0.0.2", cookies=str(tmp_path / "login" / "cookies.txt"))

    def planned(*urls: str) -> Any:
        order = planner.order(*entries(*urls)).model_copy(update={"sites": (access,)})
        return make_plan_apart(order, planner.store, planner.kept.update, lambda: None)

    found = planned(closed, here)
    assert ([item.url for item in found.items], found.waiting) == ([site.url("/e1.mp3")], (0,))
    assert planned(here).waiting is None, "nobody asks for its cookies"
    with pytest.raises(StageError, match=r"login/cookies\.txt cannot be read") as caught:
        planned(closed)
    assert caught.value.reason is Reason.CREDENTIALS_INVALID
    assert site.times("/closed") == 0
