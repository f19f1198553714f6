"""Plans from a test's own servers and folders, and feeds to plan from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from ingest_contract.order import PlannedSource, PlanOrder
from ingest_contract.place import Place
from ingest_contract.plan_document import PlanDocument
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.selection import Reprocess, Select
from ingest_worker.errors import StageError
from ingest_worker.planning import CHANNEL, StoredRecording
from ingest_worker.sources.plan import make_plan
from testkit.media.site import Site
from testkit.site.memory import MemoryInProcess
from tests.worker.test_planning import SETTINGS


class Planner:
    """Makes plans in one scratch folder, with one store."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.stored: dict[str, StoredRecording] = {}
        self.allow: dict[str, Any] = {"private_addresses": True}
        self.asked: list[Sequence[str]] = []
        self.kept: dict[str, str] = {}
        self.memory = MemoryInProcess()

    def store(self, languages: Mapping[str, str | None]) -> Mapping[str, StoredRecording]:
        if recordings := [each for each in languages if not each.startswith(CHANNEL)]:
            self.asked.append(recordings)
        return {name: self.stored[name] for name in languages if name in self.stored}

    def order(self, *sources: str | PlannedSource, **select: Any) -> PlanOrder:
        return PlanOrder(
            trace_id="0" * 32,
            batch="default/test",
            sources=tuple(
                each if isinstance(each, PlannedSource) else PlannedSource(url=each) for each in sources
            ),
            select=Select(**select),
            reprocess=Reprocess.NEVER,
            settings=SETTINGS,
            fetch=FetchProfile(allow=AllowedSources(**self.allow)),
            place=Place(models="/m", scratch=str(self.scratch), receipt="/r"),
        )

    def plan(self, *sources: str | PlannedSource, **select: Any) -> PlanDocument:
        order = self.order(*sources, **select)
        return make_plan(order, self.store, self.kept.update, memory=self.memory)

    def failure(self, *sources: str, **select: Any) -> StageError:
        with pytest.raises(StageError) as caught:
            self.plan(*sources, **select)
        return caught.value


def feed(site: Site, *episodes: str) -> str:
    spaces = 'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    head = f'<?xml version="1.0"?><rss version="2.0" {spaces}><channel><title>A show</title>'
    return site.put("/feed.xml", f"{head}{''.join(episodes)}</channel></rss>")


def episode(
    site: Site, number: int, *, name: str = "", seconds: int | None = None, day: int | None = None
) -> str:
    length = "" if seconds is None else f"<itunes:duration>{seconds}</itunes:duration>"
    date = "" if day is None else f"<pubDate>{day:02} Jan 2025 10:00:00 GMT</pubDate>"
    url = site.url(name or f"/e{number}.mp3")
    return (
        f'<item><title>Episode {number}</title><guid>guid-{number}</guid><enclosure url="{url}" '
        f'type="audio/mpeg"/>{length}{date}</item>'
    )


def entry(number: int, url: str, title: str = "") -> str:
    return (
        f"<item><title>{title or f'Episode {number}'}</title><guid>g{number}</guid><enclosure "
        f"url={quoteattr(url)}/></item>"
    )


def titles(document: PlanDocument) -> list[str]:
    return [item.title for item in document.items]
