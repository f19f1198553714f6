"""How long recordings are, and what it takes to know."""

from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import PlannedSource
from ingest_contract.plan_document import SkipReason
from ingest_contract.selection import Order
from ingest_worker.sources.addresses import id_of_url
from testkit.media.site import Site
from tests.worker.sources.planner import Planner


@pytest.mark.slow
def test_media_files_get_their_lengths_from_their_headers_and_the_longest_comes_first(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    names = ["short.mp3", "film.mp4", "long.mp4", "clip.webm", "call.wav", "note.ogg", "first-quick.mp4"]
    found = planner.plan(*(site.put(f"/{name}", media[name]) for name in names))
    assert [(item.title, item.duration_seconds) for item in found.items] == [
        ("long", 20),
        ("film", 6),
        ("clip", 6),
        ("call", 6),
        ("note", 6),
        ("first-quick", 6),
        ("short", 3),
    ]
    assert found.media_seconds == 53
    assert found.items[0].id == id_of_url(site.url("/long.mp4"))
    assert list(planner.scratch.iterdir()) == []


def test_the_length_of_a_large_file_takes_a_small_part_of_it(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    content = media["long.mp4"]
    first = int.from_bytes(content[:4], "big")
    # before the rest, so the index moves far behind
    filler = (20_000_000).to_bytes(4, "big") + b"free" + bytes(20_000_000 - 8)
    site.put("/large.mp4", content[:first] + filler + content[first:])
    found = planner.plan(site.url("/large.mp4"))
    assert found.items[0].duration_seconds == 20
    moved = [asked for path, asked in site.asked if asked and path == "/large.mp4"]
    sizes = [
        int(asked.partition("-")[2]) - int(asked.partition("=")[2].partition("-")[0]) + 1 for asked in moved
    ]
    assert sum(sizes) < 1_000_000


def test_lengths_are_not_asked_for_where_nobody_needs_them(
    site: Site, media: dict[str, bytes], planner: Planner
) -> None:
    found = planner.plan(site.put("/film.mp4", media["film.mp4"]), order=Order.SOURCE)
    assert found.items[0].duration_seconds is None
    assert found.unknown_durations == 1
    assert len(site.asked) == 1


def test_hls_has_its_length_and_a_live_one_is_left_out(site: Site, planner: Planner) -> None:
    pieces = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9.0,\n0.ts\n#EXTINF:9.0,\n1.ts\n"
    ended, live = site.put("/ended.m3u8", pieces + "#EXT-X-ENDLIST\n"), site.put("/live.m3u8", pieces)
    found = planner.plan(ended, live)
    assert [(item.id, item.duration_seconds) for item in found.items] == [(id_of_url(ended), 18)]
    assert found.skip_counts == {SkipReason.LIVE_OR_UPCOMING: 1}


def test_folders_and_files_are_planned_with_their_lengths(
    tmp_path: Path, media: dict[str, bytes], planner: Planner
) -> None:
    folder = tmp_path / "recordings"
    (folder / "2025").mkdir(parents=True)
    for name in ("film.mp4", "2025/short.mp3", "2025/long.mp4"):
        (folder / name).write_bytes(media[name.rpartition("/")[2]])
    planner.allow = {"folders": (str(folder),)}
    whole = planner.plan(folder.as_uri())
    assert [(item.title, item.duration_seconds) for item in whole.items] == [
        ("long", 20),
        ("film", 6),
        ("short", 3),
    ]
    part = planner.plan(PlannedSource(url=folder.as_uri(), glob="2025/*.mp3"), (folder / "gone.mp4").as_uri())
    assert {item.url for item in part.items} == {
        (folder / "2025/short.mp3").as_uri(),
        (folder / "gone.mp4").as_uri(),
    }
    assert len({item.id for item in part.items} & {item.id for item in whole.items}) == 1
    assert planner.failure((tmp_path / "elsewhere").as_uri()).reason is Reason.SOURCE_REFUSED
    assert planner.failure((folder / "2030").as_uri()).reason is Reason.NOT_FOUND
