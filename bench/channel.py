"""A channel of thousands, planned and looked at to the end: requests, seconds, memory, and how each of its
recordings ends.

    python -m bench.channel --entries 5000 --every 10

Prints one row for each step. The site is the test kit's, so nothing waits for a network: seconds are the
processor's and the machine's, not a site's.
"""

import argparse
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ingest_contract.failures import Reason
from ingest_contract.order import Item, PlannedSource, PlanOrder, Settings
from ingest_contract.place import Place
from ingest_contract.plan_document import PlanDocument
from ingest_contract.profile import (
    AllowedSources,
    DiarizationProfile,
    EmbeddingProfile,
    FetchProfile,
    IdentificationProfile,
    SegmentationProfile,
    TranscriptionProfile,
)
from ingest_contract.selection import Include, Order, Reprocess, Select
from ingest_worker.details import Memory
from ingest_worker.errors import StageError
from ingest_worker.sources.apart import make_plan_apart
from ingest_worker.sources.fetcher import SourceFetcher
from testkit.site.entries import Channel, Trait, channel
from testkit.site.extractor import VARIABLE, folder, registered
from testkit.site.memory import MemoryInProcess
from testkit.site.server import Site, serving
from testkit.site.visits import Kind

FETCH = FetchProfile(allow=AllowedSources(private_addresses=True))
SETTINGS = Settings(
    model_set="demo",
    transcription=TranscriptionProfile(),
    diarization=DiarizationProfile(),
    identification=IdentificationProfile(),
    segmentation=SegmentationProfile(),
    embedding=EmbeddingProfile(),
)


class KilledError(Exception):
    """Raised to end a plan in the middle."""


def order_of(site: Site, scratch: Path, order: Order) -> PlanOrder:
    """A plan of the whole channel."""
    return PlanOrder(
        trace_id="0" * 32,
        batch="default/bench",
        sources=(PlannedSource(url=site.url("@talks")),),
        select=Select(order=order, include=(Include.LIVE,)),
        reprocess=Reprocess.NEVER,
        settings=SETTINGS,
        fetch=FETCH,
        place=Place(models="/m", scratch=str(scratch), receipt="/r"),
        claims={},
    )


def planned(
    site: Site, name: str, order: PlanOrder, memory: Memory, waiting: Callable[[], None] = lambda: None
) -> PlanDocument | None:
    """A plan and its row; None if it was killed."""
    before, begun = len(site.visits.all), time.monotonic()
    try:
        found = make_plan_apart(order, lambda _: {}, lambda _: None, waiting, memory)
    except KilledError:
        found = None
    asked = Counter(visit.kind for visit in site.visits.all[before:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(
        f"{name}: {time.monotonic() - begun:.1f} s, {asked[Kind.LIST]} lists, {asked[Kind.PAGE]} pages, "
        f"at most {peak} MiB in the process that fetches"
        + ("" if found is None else f"; {len(found.items)} planned, left out {dict(found.skip_counts)}"),
        flush=True,
    )
    return found


def killed_and_resumed(site: Site, scratch: Path, at: int) -> None:
    """A plan by date, killed at a page, and the next one."""
    memory, order = MemoryInProcess(), order_of(site, scratch, Order.NEWEST_FIRST)

    def waiting() -> None:
        if len(site.visits.of(Kind.PAGE)) >= at:
            raise KilledError

    planned(site, f"by date, killed at page {at}", order, memory, waiting)
    first = {visit.path for visit in site.visits.of(Kind.PAGE)}
    count = len(site.visits.of(Kind.PAGE))
    planned(site, "by date, resumed", order, memory)
    again = {visit.path for visit in site.visits.of(Kind.PAGE)[count:]} & first
    print(f"pages opened again: {len(again)}", flush=True)
    planned(site, "by date, the next batch", order, memory)


def ends(talks: Channel, found: PlanDocument, scratch: Path, every: int) -> None:
    """How recordings end: all special ones, and one of so many plain ones."""
    entries = {f"tube:{entry.id}": entry for entry in talks.entries}
    items = [item for item in found.items if entries[item.id].trait is not Trait.PLAIN]
    items += [item for item in found.items if entries[item.id].trait is Trait.PLAIN][::every]
    wrong, count, begun = list[str](), Counter[str](), time.monotonic()
    for item in items:
        fate, entry = _fate(item, scratch / "media"), entries[item.id]
        count[f"{entry.trait.value} -> {fate.value if fate else 'fetched'}"] += 1
        wrong += [item.id] if fate is not entry.fate else []
    print(f"{len(items)} fetched or refused in {time.monotonic() - begun:.0f} s: {dict(count)}")
    print(f"in a class that is not theirs: {len(wrong)}")


def _fate(item: Item, into: Path) -> Reason | None:
    try:
        SourceFetcher(FETCH).fetch(item, into, lambda _: None)
    except StageError as error:
        return error.reason
    return None


def main() -> None:
    """Run every step."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--entries", type=int, default=5000)
    asked.add_argument("--every", type=int, default=10, help="Fetch one of so many plain recordings.")
    settings = asked.parse_args()
    talks = channel(settings.entries)
    with tempfile.TemporaryDirectory(prefix="channel-") as place, serving(Site(talks)) as site:
        scratch = Path(place)
        os.environ[VARIABLE] = str(folder(scratch / "plugins"))
        site.rules.slow_bytes_per_second, site.rules.cut_times = 200_000, 99
        found = planned(site, "in the list's order", order_of(site, scratch, Order.SOURCE), MemoryInProcess())
        assert found is not None
        planned(site, "longest first", order_of(site, scratch, Order.LONGEST_FIRST), MemoryInProcess())
        site.visits.all.clear()
        killed_and_resumed(site, scratch, settings.entries * 3 // 5)
        with registered():
            ends(talks, found, scratch, settings.every)


if __name__ == "__main__":
    main()
