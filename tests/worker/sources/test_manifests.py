"""Manifests: what each line says about its recording, and lines that say nothing."""

import json
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_contract.plan_document import PlanDocument, SkipReason
from ingest_contract.secret_addresses import secret_address
from ingest_contract.selection import Order
from ingest_contract.source_lines import manifest_line
from ingest_operator.core.source_lists import parse_source_list
from ingest_worker.errors import StageError
from testkit.media.site import Site
from tests.worker.sources.planner import Planner, titles


def lines(site: Site) -> list[str]:
    first = {"url": site.url("/a.mp3"), "title": "Opening", "language": "de", "speakers": 2}
    second = {"url": site.url("/b.mp3"), "publishedAt": "2025-01-31T12:00:00+02:00", "speakers": {"max": 3}}
    return [
        json.dumps(first),
        '{"url": "' + site.url("/c.mp3"),
        "# later",
        json.dumps({"url": site.url("/d.mp3"), "lang": "de"}),
        "",
        json.dumps({"url": "ftp://x/e.mp3"}),
        json.dumps({"url": "https://[::1/f.mp3"}),
        json.dumps(second),
    ]


def planned(kind: str, site: Site, planner: Planner, folder: Path) -> PlanDocument:
    text = "\n".join(lines(site))
    site.put("/a.mp3", b"a")
    site.put("/b.mp3", b"b")
    path = folder / "backlog.jsonl"
    path.write_text(text, encoding="utf-8")
    planner.allow["folders"] = (str(folder),)
    sources: dict[str, list[PlannedSource | str]] = {
        "address": [site.put("/backlog.jsonl", text)],
        "file": [path.as_uri()],
        "secret": [secret_address(str(path))],
        "config map": [*parse_source_list(text, SpeakerCount(), "backlog.jsonl of backlog")],
    }
    return planner.plan(*sources[kind], order=Order.SOURCE)


@pytest.mark.parametrize("kind", ["address", "file", "secret", "config map"])
def test_what_a_line_says_is_planned_and_a_line_that_says_nothing_is_named_by_its_number(
    kind: str, site: Site, planner: Planner, tmp_path: Path
) -> None:
    found = planned(kind, site, planner, tmp_path)
    first, second = found.items
    assert (first.title, first.language, first.speakers) == ("Opening", "de", SpeakerCount(min=2, max=2))
    assert (second.published_at, second.language) == ("2025-01-31T10:00:00Z", None)
    assert second.speakers == SpeakerCount(max=3)
    assert found.skip_counts == {SkipReason.ADDRESS_INVALID: 4}
    numbers = [number for each in found.skipped for number in (2, 4, 6) if f"line {number}" in each.title]
    assert numbers == [2, 4, 6], [each.title for each in found.skipped]


def test_thousands_of_lines_with_media_files_cost_one_request(site: Site, planner: Planner) -> None:
    text = "\n".join(json.dumps({"url": site.url(f"/{number}.mp3")}) for number in range(3000))
    found = planner.plan(site.put("/long.jsonl", text), order=Order.SOURCE, limit=3000)
    assert len(found.items) == 3000
    assert len(site.asked) == 1


def test_a_language_is_of_every_recording_of_a_list_and_a_title_of_one_alone(
    site: Site, planner: Planner
) -> None:
    item = "<item><title>E{0}</title><enclosure url='{1}' type='audio/mpeg'/></item>"
    items = "".join(item.format(number, site.url(f"/{number}.mp3")) for number in (1, 2))
    feed = site.put("/feed.xml", f"<rss version='2.0'><channel>{items}</channel></rss>")
    line = manifest_line(json.dumps({"url": feed, "title": "All", "language": "de"}), SpeakerCount(), "x")
    found = planner.plan(line, order=Order.SOURCE)
    assert titles(found) == ["E1", "E2"]
    assert [each.language for each in found.items] == ["de", "de"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[1]", "not a JSON object"),
        ("{", "not a JSON object"),
        ('{"url": 3}', "url: "),
        ('{"title": "a"}', "url: "),
        ('{"url": "https://a/b", "language": "German"}', "language: "),
        ('{"url": "https://a/b", "publishedAt": "yesterday"}', "publishedAt: "),
        ('{"url": "https://a/b", "publishedAt": "0001-01-01T00:00:00+14:00"}', "publishedAt: "),
        ('{"url": "https://a/b", "publishedAt": "9999-12-31T23:59:59-01:00"}', "publishedAt: "),
        ('{"url": "https://a/b", "speakers": {"min": 3, "max": 1}}', "speakers: "),
        ('{"url": "https://a/b", "speakers": true}', "speakers: Value error, neither a whole number nor"),
        ('{"url": "https://a/b", "speakers": "2"}', "speakers: Value error, neither a whole number nor"),
        ('{"url": "https://a/b", "speakers": 2.5}', "speakers: Value error, neither a whole number nor"),
        ('{"url": "https://a/b", "speakers": NaN}', "speakers: Value error, neither a whole number nor"),
        ('{"url": "https://a/b", "speakers": 0}', "speakers.min: "),
        ('{"url": "https://a/b", "publishedAt": "0000-00-00"}', "publishedAt: "),
        ("{" * 100_000, "not a JSON object"),
    ],
)
def test_a_fault_names_its_field(line: str, says: str) -> None:
    found = manifest_line(line, SpeakerCount(), "urls.jsonl, line 3")
    assert found.url == "urls.jsonl, line 3"
    assert found.fault.startswith(f"urls.jsonl, line 3: {says}")


def test_a_manifest_in_a_manifest_is_not_followed(site: Site, planner: Planner) -> None:
    inner = site.put("/inner.jsonl", json.dumps({"url": site.url("/a.mp3")}))
    found = planner.plan(site.put("/outer.jsonl", json.dumps({"url": inner})), order=Order.SOURCE)
    assert found.skipped[0].detail == "outer.jsonl, line 1: a manifest names no other"


@pytest.mark.parametrize(
    ("written", "title", "language"),
    [
        ({"title": None}, "", None),
        ({"language": "en-US"}, "", "en"),
        ({"language": "EN", "title": "A"}, "A", "en"),
        ({"language": "pt_BR"}, "", "pt"),
        ({"language": "ger"}, "", "de"),
        ({"language": "und"}, "", None),
        ({"language": None}, "", None),
    ],
)
def test_no_title_and_every_tag_of_a_language_are_understood(
    written: dict[str, str | None], title: str, language: str | None
) -> None:
    found = manifest_line(json.dumps({"url": "https://a/b.mp3", **written}), SpeakerCount(), "x")
    assert (found.fault, found.url, found.title, found.language) == ("", "https://a/b.mp3", title, language)


def test_what_programs_write_for_unknown_is_unknown_and_a_whole_number_may_have_a_point() -> None:
    unknown = {"title": "", "language": " ", "publishedAt": "", "speakers": None}
    found = manifest_line(json.dumps({"url": "https://a/b.mp3", **unknown}), SpeakerCount(max=4), "x")
    assert (found.fault, found.title, found.language, found.published_at) == ("", "", None, None)
    assert found.speakers == SpeakerCount(max=4)
    found = manifest_line('{"url": "https://a/b.mp3", "speakers": 2.0}', SpeakerCount(), "x")
    assert (found.fault, found.speakers) == ("", SpeakerCount(min=2, max=2))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("kind", ["address", "secret"])
def test_a_list_is_read_in_every_encoding_of_unicode_and_with_every_end_of_line(
    kind: str, encoding: str, site: Site, planner: Planner, tmp_path: Path
) -> None:
    names = ["d\u00e9but", "fin\u2028", "last"]
    some = [
        json.dumps({"url": site.url(f"/{name}.mp3"), "title": name}, ensure_ascii=False) for name in names
    ]
    text = f"{some[0]}\r\n\r\n  \r{some[1]}\n# none\n{some[2]}"
    (source,) = listed_in(kind, text.encode(encoding), site, tmp_path)
    found = planner.plan(source, order=Order.SOURCE)
    assert (titles(found), found.skip_counts) == (["d\u00e9but", "fin", "last"], {})


BAD_LINES: dict[str, tuple[str, str]] = {
    "gone": ("/gone", "/gone: "),
    "no media": ("/page.html", "/page.html: "),
    "a file": ("file:///etc/hostname", "outside what the profile allows"),
}


@pytest.mark.parametrize("kind", ["address", "secret", "config map"])
@pytest.mark.parametrize("bad", BAD_LINES)
def test_a_line_at_which_nothing_can_be_read_is_left_out_with_its_reason(
    bad: str, kind: str, site: Site, planner: Planner, tmp_path: Path
) -> None:
    site.put("/gone", status=404)
    site.put("/page.html", "<html><body>Hello</body></html>")
    target, says = BAD_LINES[bad]
    url = target if target.startswith("file:") else site.url(target)
    text = "\n".join(json.dumps({"url": each}) for each in (site.url("/a.mp3"), url, site.url("/b.mp3")))
    found = planner.plan(*listed_in(kind, text, site, tmp_path), order=Order.SOURCE)
    assert len(found.items) == 2
    if kind == "secret":  # which holds no files, and whose addresses no message quotes
        wanted = SkipReason.ADDRESS_INVALID if bad == "a file" else SkipReason.UNREADABLE
        assert found.skip_counts == {wanted: 1}
        assert found.skipped[0].title.startswith("line 2 of ")
        assert target not in found.to_json()
    else:
        assert found.skip_counts == {SkipReason.UNREADABLE: 1}
        assert says in found.skipped[0].detail


@pytest.mark.parametrize("kind", ["address", "secret", "config map"])
@pytest.mark.parametrize(("status", "reason"), [(500, Reason.DOWNLOAD_FAILED), (429, Reason.RATE_LIMITED)])
def test_a_line_whose_site_is_in_trouble_fails_the_plan_which_is_made_again(
    status: int, reason: Reason, kind: str, site: Site, planner: Planner, tmp_path: Path
) -> None:
    text = "\n".join(json.dumps({"url": each}) for each in (site.url("/a.mp3"), site.url("/list")))
    site.put("/list", status=status)
    with pytest.raises(StageError) as caught:
        planner.plan(*listed_in(kind, text, site, tmp_path))
    assert caught.value.reason is reason


def listed_in(kind: str, text: str | bytes, site: Site, folder: Path) -> list[PlannedSource | str]:
    if kind == "address":
        return [site.put("/list.jsonl", text)]
    if isinstance(text, str) and kind == "config map":
        return [*parse_source_list(text, SpeakerCount(), "list.jsonl of backlog")]
    (folder / "list.jsonl").write_bytes(text.encode() if isinstance(text, str) else text)
    return [secret_address(str(folder / "list.jsonl"))]
