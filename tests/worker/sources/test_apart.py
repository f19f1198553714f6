"""Looking and downloading in a process apart, from sites that want to keep it:
how each end is told, and how soon."""

import itertools
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brotli
import psutil
import pytest
from typing_extensions import override

from ingest_contract.failures import Reason
from ingest_contract.order import Item, PlannedSource, PlanOrder
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.selection import Order, Reprocess, Select
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.planning import CHANNEL, StoredRecording
from ingest_worker.sources.apart import FetcherApart, make_plan_apart
from testkit.media.site import Site
from tests.support.worker import SETTINGS, TRACE, place_in

pytestmark = pytest.mark.slow

HERE = AllowedSources(private_addresses=True)


def item(url: str) -> Item:
    return Item(index=0, id="url:0123456789abcdef", url=url, title="")


def fetch(url: str, into: Path, report: Callable[[float], None] = lambda _: None, **profile: int) -> Media:
    return FetcherApart(FetchProfile.model_validate({"allow": HERE, **profile})).fetch(
        item(url), into, report
    )


def failure(url: str, into: Path, **profile: int) -> StageError:
    with pytest.raises(StageError) as caught:
        fetch(url, into, **profile)
    return caught.value


def order(folder: Path, *urls: str, **changed: Any) -> PlanOrder:
    return PlanOrder(
        trace_id=TRACE,
        batch="default/test",
        sources=tuple(PlannedSource(url=url) for url in urls),
        select=changed.pop("select", Select()),
        reprocess=Reprocess.NEVER,
        settings=SETTINGS,
        fetch=FetchProfile.model_validate({"allow": HERE, **changed}),
        place=place_in(folder, folder),
    )


def feed(site: Site, *entries: str) -> str:
    rows = "".join(
        f"<item><title>{place}</title><enclosure url='{url}' type='audio/mpeg'/></item>"
        for place, url in enumerate(entries)
    )
    return site.put(
        "/feed.xml",
        f"<?xml version='1.0'?><rss version='2.0'><channel><title>t</title>{rows}</channel></rss>",
    )


def left() -> list[psutil.Process]:
    """Children of ours that run."""
    return [
        each for each in psutil.Process().children() if "ingest_worker.sources.child" in str(each.cmdline())
    ]


def kept_nowhere(addresses: Mapping[str, str]) -> None:
    assert not addresses


@contextmanager
def dripping(head: bytes, drop: bytes = b"x", pause: float = 0.2) -> Iterator[str]:
    """A server that answers at once, and then with a byte now and then for as long as somebody listens."""
    over = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        @override
        def handle(self) -> None:
            self.request.recv(65536)
            try:
                self.wfile.write(head)
                while not over.wait(pause):
                    self.wfile.write(drop)
            except OSError:
                return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            over.set()
            server.shutdown()


MEDIA = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: 1000000\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


def test_media_arrive_and_progress_is_shown(site: Site, media: dict[str, bytes], tmp_path: Path) -> None:
    shares: list[float] = []
    found = fetch(site.put("/talk.mp3", media["talk.mp3"]), tmp_path / "scratch", shares.append)
    assert found.path.read_bytes() == media["talk.mp3"]
    assert (found.path.parent, found.title) == (tmp_path / "scratch", "talk")
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_failure_is_reported_in_its_own_words_with_when_to_come_back(site: Site, tmp_path: Path) -> None:
    error = failure(site.put("/a.mp4", status=429, headers={"Retry-After": "77"}), tmp_path)
    assert (error.reason, error.retry_after_seconds) == (Reason.RATE_LIMITED, 77)


@pytest.mark.parametrize(("head", "path"), [(MEDIA, "/a.mp3"), (PAGE, "/page")], ids=["media", "a page"])
def test_one_byte_a_second_is_too_slow(head: bytes, path: str, tmp_path: Path) -> None:
    begun = time.monotonic()
    with dripping(head) as site:
        error = failure(site + path, tmp_path, timeout_seconds=4)
    assert error.reason is Reason.TOO_SLOW
    assert "longer than 4 s" in str(error)
    assert time.monotonic() - begun < 40


def test_headers_that_do_not_end_are_too_slow_or_a_broken_download(tmp_path: Path) -> None:
    with dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", pause=0.1) as site:
        assert failure(f"{site}/a.mp3", tmp_path, timeout_seconds=4).reason in (
            Reason.TOO_SLOW,
            Reason.DOWNLOAD_FAILED,
        )


def test_a_page_that_does_not_end_is_too_large(tmp_path: Path) -> None:
    with dripping(PAGE, b"<p>" + b"x" * 1_000_000, pause=0.0) as site:
        error = failure(f"{site}/page", tmp_path)
    assert error.reason is Reason.SOURCE_TOO_LARGE
    assert "32 MiB" in str(error)


def test_a_page_that_is_small_until_it_is_unpacked_is_too_large(site: Site, tmp_path: Path) -> None:
    bomb = brotli.compress(b"<html>" + b" " * 500_000_000, quality=1)
    assert len(bomb) < 100_000
    error = failure(site.put("/page.html", bomb, headers={"Content-Encoding": "br"}, ranges=False), tmp_path)
    assert error.reason is Reason.SOURCE_TOO_LARGE


def test_a_page_that_keeps_regular_expressions_busy_cannot_be_understood(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(monkeypatch, tmp_path, "budget._LISTING_CPU_SECONDS = 4")
    error = failure(site.put("/page.html", "<html>" + "<video " * 85_000), tmp_path / "scratch")
    assert error.reason is Reason.SOURCE_UNSUPPORTED
    assert "more than 4 s of CPU" in str(error)


def hurried(monkeypatch: pytest.MonkeyPatch, folder: Path, change: str) -> None:
    """The real child, with one of its budgets smaller, or one of its functions another."""
    code = f"import sys; from ingest_worker.sources import budget, child; {change}; sys.exit(child.main())"
    program = folder / "python"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -I -c '{code}'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_a_child_that_no_clock_of_its_own_interrupts_is_killed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried(
        monkeypatch,
        tmp_path,
        "import signal, time; signal.setitimer = print; "
        "child.SourceFetcher.fetch = lambda *_: time.sleep(600)",
    )
    monkeypatch.setattr("ingest_worker.sources.apart._SLACK_SECONDS", 1)
    error = failure(site.url("/a.mp3"), tmp_path, timeout_seconds=1)
    assert error.reason is Reason.TOO_SLOW
    assert left() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("bytearray(3 << 30)", Reason.SOURCE_TOO_LARGE),
        ('__import__("os").kill(__import__("os").getpid(), 11)', Reason.EXTRACTOR_BROKEN),
        ('__import__("os").kill(__import__("os").getpid(), 9)', Reason.HOST_OUT_OF_MEMORY),
        ('__import__("os")._exit(3)', Reason.UNKNOWN),
        ('print("garbage", flush=True)', Reason.EXTRACTOR_BROKEN),
        ('child._say({"failed": "DatabaseUnavailable", "message": "x"})', Reason.UNKNOWN),
        (
            'child._say({"done": {"name": "../../etc/passwd", "title": "", "seconds": 1}})',
            Reason.DOWNLOAD_FAILED,
        ),
        ('child._say({"done": {"name": "link", "title": "", "seconds": 1}})', Reason.DOWNLOAD_FAILED),
        ('child._say({"done": [1]})', Reason.DOWNLOAD_FAILED),
        ('(child._say({"share": 10**400}), child._say({"share": "x"}), 1 / 0)', Reason.UNKNOWN),
    ],
)
def test_each_end_of_the_child_has_its_reason(
    change: str, reason: Reason, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    hurried(monkeypatch, tmp_path, f"child.SourceFetcher.fetch = lambda *_: {change}")
    assert failure("http://127.0.0.1:9/a.mp3", tmp_path).reason is reason


def test_whoever_waits_is_asked_meanwhile_and_can_end_it(tmp_path: Path) -> None:
    asked: list[float] = []

    def impatient(_: float) -> None:
        asked.append(time.monotonic())
        if len(asked) == 4:
            raise InterruptedError

    with dripping(MEDIA) as site, pytest.raises(InterruptedError):
        fetch(f"{site}/a.mp3", tmp_path, impatient)
    assert max(after - before for before, after in itertools.pairwise(asked)) < 5
    assert left() == []


def test_the_child_knows_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_DSN", "postgresql://ann:secret@db/video")
    monkeypatch.setenv("https_proxy", "http://ann:secret@proxy:1")
    seen: list[dict[str, str]] = []

    def extract(_: float) -> None:
        seen.extend(each.environ() for each in left())

    with dripping(MEDIA) as slow, pytest.raises(StageError):
        fetch(f"{slow}/a.mp3", tmp_path, extract, timeout_seconds=2)
    assert seen
    assert not any("secret" in str(each) for each in seen)
    assert all("PATH" in each for each in seen)


class TestPlans:
    @pytest.mark.parametrize(
        "said",
        [
            '{"stored": 5}',
            '{"stored": [None]}',
            '{"stored": ["x" * 5000]}',
            '{"keep": ["x"]}',
            '{"keep": {"x": 5}}',
            '{"keep": {"": "x"}}',
            '{"frame": "x" * 1_000_000}',
        ],
    )
    def test_what_no_plan_says_is_reported_as_that_and_costs_no_memory(
        self, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hurried(monkeypatch, tmp_path, f"child._plan = lambda _: [child._say({said}) for _ in range(99)]")
        with pytest.raises(StageError, match="says what it never says") as caught:
            make_plan_apart(order(tmp_path, "http://127.0.0.1:9/"), lambda _: {}, kept_nowhere, lambda: None)
        assert caught.value.reason is Reason.EXTRACTOR_BROKEN

    def test_a_plan_is_made_and_the_store_is_asked_here(self, site: Site, tmp_path: Path) -> None:
        asked: list[str] = []

        def stored(ids: Any) -> dict[str, StoredRecording]:
            asked.extend(each for each in ids if not each.startswith(CHANNEL))
            return {next(iter(ids)): StoredRecording(unchanged=True)}

        url = feed(site, *(site.url(f"/{number}.mp3") for number in range(3)))
        document = make_plan_apart(order(tmp_path, url), stored, kept_nowhere, lambda: None)
        assert len(asked) == 3
        assert len(document.items) == 2

    def test_an_address_with_a_password_is_kept_by_us_and_the_plan_shows_it_without(
        self, site: Site, tmp_path: Path
    ) -> None:
        kept: dict[str, str] = {}
        secret = site.url("/a.mp3").replace("http://", "http://ann:secret@")
        document = make_plan_apart(
            order(tmp_path, feed(site, secret)), lambda _: {}, kept.update, lambda: None
        )
        assert kept == {document.items[0].id: secret}
        assert "secret" not in document.to_json()

    def test_a_store_that_does_not_answer_is_reported_as_that(self, site: Site, tmp_path: Path) -> None:
        def stored(_: Any) -> dict[str, StoredRecording]:
            raise StageError(Reason.DATABASE_UNAVAILABLE, "gone")

        with pytest.raises(StageError, match="gone") as caught:
            make_plan_apart(
                order(tmp_path, feed(site, site.url("/a.mp3"))), stored, kept_nowhere, lambda: None
            )
        assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
        assert left() == []

    def test_a_feed_that_drips_fails_its_plan_as_too_slow(self, tmp_path: Path) -> None:
        with (
            dripping(PAGE.replace(b"text/html", b"application/rss+xml")) as site,
            pytest.raises(StageError) as caught,
        ):
            make_plan_apart(
                order(tmp_path, f"{site}/feed.xml", timeout_seconds=3),
                lambda _: {},
                kept_nowhere,
                lambda: None,
            )
        assert caught.value.reason is Reason.TOO_SLOW

    def test_entries_that_drip_cost_three_pages_and_no_plan(self, site: Site, tmp_path: Path) -> None:
        with dripping(MEDIA) as slow:
            url = feed(site, *(f"{slow}/{number}.mp3" for number in range(20)), site.put("/a.wav", b""))
            wanted = order(tmp_path, url, timeout_seconds=4, select=Select(min_duration_seconds=1))
            begun = time.monotonic()
            document = make_plan_apart(wanted, lambda _: {}, kept_nowhere, lambda: None)
        assert len(document.items) == 21
        assert time.monotonic() - begun < 90

    def test_ten_thousand_entries_come_through(self, site: Site, tmp_path: Path) -> None:
        url = feed(site, *(f"http://127.0.0.1/{'x' * 100}/{number}.mp3" for number in range(10_000)))
        document = make_plan_apart(
            order(tmp_path, url, select=Select(limit=10_000, order=Order.SOURCE)),
            lambda _: {},
            kept_nowhere,
            lambda: None,
        )
        assert len(document.items) == 10_000

    def test_whoever_waits_can_end_it(self, tmp_path: Path) -> None:
        def impatient() -> None:
            raise InterruptedError

        with dripping(PAGE) as site, pytest.raises(InterruptedError):
            make_plan_apart(order(tmp_path, f"{site}/page"), lambda _: {}, kept_nowhere, impatient)
