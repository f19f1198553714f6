"""The report of a batch: one file that asks nobody for anything, made of the status and of the store."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Page
from typing_extensions import override

from ingest_contract.cost import CostStatus
from ingest_contract.failures import FAILURES, Reason
from ingest_reader.pages.report import Ended, Facts, Stored, report
from ingest_worker.store.connect import connect
from ingest_worker.store.reading.heard import SpeakersAsked, heard_speakers
from ingest_worker.store.reading.progress import RunsAsked, shown_runs
from testkit.browser import blocker, browser
from testkit.objects.builders import a_run, in_another_language, over
from testkit.objects.statuses import a_status
from tests.reader.conftest import MARKUP
from tests.reader.looking import serious, watched
from tests.reader.test_in_a_browser import SHOTS

STATUS = a_status(
    *(over(a_run(index)) for index in range(6)),
    over(a_run(6), Reason.NOT_FOUND),
    over(a_run(7), Reason.NO_SPEECH),
).model_copy(update={"cost": CostStatus(currency="EUR", gpu_hour="2.49", total="12.45", media_hour="0.1245")})
ENDED = (
    Ended("failed", "NotFound", 1, FAILURES[Reason.NOT_FOUND].next_step),
    Ended("skipped", MARKUP, 1, MARKUP),
)
BARE = Facts("media/talks", "2026-01-31 12:00 UTC", STATUS, ENDED, None)


class Links(HTMLParser):
    """Everything that a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"src", "href", "srcset", "data", "action", "poster"}
        self.found += [f"{tag} {name}={text}" for name, text in attrs if name in wanted]
        self.found += [tag] * (tag in {"script", "iframe", "object", "embed", "link"})


def test_without_a_store_it_says_what_the_status_says_and_that_runs_are_missing() -> None:
    text = report(BARE)
    for said in ("media/talks", "12.45 EUR", "0.1245 EUR", "NotFound", "--dsn", "Where time went", "up to"):
        assert said in text
    assert FAILURES[Reason.NOT_FOUND].next_step.split("`")[0] in text.replace("&#39;", "'")


def test_it_says_how_many_sound_like_another_language_than_ordered() -> None:
    assert "In another language than ordered" not in report(BARE)
    ends = (in_another_language(), in_another_language("fr"), in_another_language())
    doubted = a_status(*(over(a_run(index), ended=ended) for index, ended in enumerate(ends)))
    text = report(replace(BARE, status=doubted))
    assert 'In another language than ordered</th><td class="number">de 2, fr 1</td>' in text


def test_nothing_in_it_is_fetched_or_run_and_markup_stays_text() -> None:
    text = report(BARE)
    links = Links()
    links.feed(text)
    assert links.found == []
    assert "<script>" not in text
    assert not re.search(r"url\(|@import", text)
    assert "&lt;script&gt;" in text


@pytest.mark.postgres
def test_with_a_store_runs_and_speakers_of_this_batch_are_in_it(corpus_database: str) -> None:
    text = report(of_store(corpus_database, "media/talks"))
    assert "Bees &amp; flowers" in text
    assert ">ann<" in text
    assert "RTF over time" in text
    assert "ep 1" not in text, "another batch's"

    assert "the store has" not in text, "all of it is here"


@pytest.mark.postgres
def test_where_the_store_has_more_than_is_shown_the_report_says_so(corpus_database: str) -> None:
    facts = of_store(corpus_database, "media/talks")
    assert facts.stored is not None
    text = report(replace(facts, stored=replace(facts.stored, more_runs=True)))
    assert "are the latest 1 of this batch: the store has earlier ones" in text
    assert "who speak most" not in text
    text = report(replace(facts, stored=replace(facts.stored, more_speakers=True)))
    assert "The 2 of this batch who speak most: the store has more." in text
    assert "are the latest" not in text


def of_store(database: str, batch: str) -> Facts:
    with connect(database, application="tests") as connection:
        runs, _ = shown_runs(connection, RunsAsked(50, batch=batch))
        speakers, _ = heard_speakers(connection, SpeakersAsked(50, batch=batch))
    return Facts(batch, "2026-01-31 12:00 UTC", STATUS, ENDED, Stored(runs, speakers))


@pytest.mark.slow
@pytest.mark.skipif(blocker() is not None, reason=blocker() or "")
def test_on_paper_no_reason_is_broken_in_two_and_no_row_is_wider_than_the_page(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    ended = tuple(Ended("failed", each.value, 1, row.next_step) for each, row in FAILURES.items())
    path.write_text(report(replace(BARE, ended=ended)), encoding="utf-8")
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 680, "height": 1000})  # A4 within margins of 15 mm
        page.emulate_media(media="print")
        page.goto(path.as_uri())
        heights = page.evaluate(
            "[...document.querySelectorAll('td[data-name=Reason]')].map((cell) => {"
            "const range = document.createRange(); range.selectNodeContents(cell);"
            "return range.getClientRects().length; })"
        )
        assert heights == [1] * len(FAILURES)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


OF_ROWS = """
[...document.querySelectorAll(".measured tbody tr")].map((row) => {
  const [name, figure, bar] = [row.cells[0], row.cells[1], row.querySelector(".bar")].map(
    (each) => each && each.getBoundingClientRect());
  return {
    beside: Math.abs(figure.top - name.top) < 4 && figure.left >= name.right,
    below: !bar || (bar.top >= name.bottom && bar.width > 300 && bar.height > 4),
  };
})
"""
ROOM_ABOVE_HEADINGS = """
[...document.querySelectorAll("h2")].map((each) => {
  const others = [...document.querySelectorAll("table, dl")];
  const before = others.map((other) => other.getBoundingClientRect().bottom);
  const top = each.getBoundingClientRect().top;
  return top - Math.max(0, ...before.filter((bottom) => bottom <= top + 1));
})
"""


@pytest.mark.slow
@pytest.mark.skipif(blocker() is not None, reason=blocker() or "")
def test_on_a_phone_a_figure_stands_beside_its_name_and_its_bar_below_both(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report(BARE), encoding="utf-8")
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 360, "height": 740})
        page.goto(path.as_uri())
        rows = page.evaluate(OF_ROWS)
        assert len(rows) >= 6
        assert rows == [{"beside": True, "below": True}] * len(rows)
        assert min(page.evaluate(ROOM_ABOVE_HEADINGS)) >= 24
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert serious(page) == []


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.skipif(blocker() is not None, reason=blocker() or "")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_a_request_a_word_or_a_serious_finding(
    corpus_database: str, tmp_path: Path, scheme: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text(report(of_store(corpus_database, "media/<b>talks</b>")), encoding="utf-8")
    with browser() as chromium:
        page: Page = chromium.new_page(color_scheme=scheme, viewport={"width": 1100, "height": 900})  # type: ignore[arg-type]  # both words are schemes
        told = watched(page)
        page.goto(path.as_uri())
        assert serious(page) == []
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/report-{scheme}.png", full_page=True)
        assert [each for each in told if each != path.as_uri()] == []
