"""A plan as a Job runs it, from a site and with a real store: killed in the middle, and made again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest_contract.order import PlannedSource, PlanOrder
from ingest_contract.plan_document import unframe
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.selection import Order, Reprocess, Select
from ingest_worker.store.connect import connect
from testkit.cluster.program import until
from testkit.site.entries import channel
from testkit.site.extractor import VARIABLE, folder
from testkit.site.server import Site, serving
from testkit.site.visits import Kind
from tests.support.worker import SETTINGS, TRACE, Worker, place_in

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

TALKS = channel(45, shares={})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv(VARIABLE, str(folder(tmp_path / "plugins")))
    with serving(Site(TALKS)) as found:
        yield found


def order(site: Site, folder: Path) -> PlanOrder:
    return PlanOrder(
        trace_id=TRACE,
        batch="default/test",
        sources=(PlannedSource(url=site.url("@talks")),),
        select=Select(order=Order.NEWEST_FIRST),
        reprocess=Reprocess.NEVER,
        settings=SETTINGS,
        fetch=FetchProfile(allow=AllowedSources(private_addresses=True)),
        place=place_in(folder, folder),
    )


def opened(site: Site) -> list[str]:
    return [visit.path for visit in site.visits.of(Kind.PAGE)]


def test_a_plan_that_is_killed_goes_on_behind_the_pages_that_it_has_opened(
    site: Site, database: str, tmp_path: Path
) -> None:
    def kept() -> set[str]:
        with connect(database, application="test") as connection:
            return {row[0] for row in connection.execute("select recording from ingest.detail").fetchall()}

    killed = Worker(order(site, tmp_path), database, tmp_path)
    until(lambda: bool(kept()), "a page is kept")
    killed._popen.kill()
    killed._popen.wait()
    known = kept()
    site.visits.all.clear()
    ended = Worker(order(site, tmp_path), database, tmp_path).end()
    assert ended.code == 0, ended.log
    document = unframe(ended.output.splitlines())
    assert len(document.items) + sum(document.skip_counts.values()) == len(TALKS.entries)
    assert document.undated == 0
    assert not known & {f"tube:{path.rpartition('/')[2]}" for path in opened(site)}
    assert len(opened(site)) < len(document.items)
