"""The site of our own and the proxy before it, read by the real yt-dlp through the worker's own fetching."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from yt_dlp import YoutubeDL

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.ports import Fetcher
from ingest_worker.sources.apart import FetcherApart
from ingest_worker.sources.fetcher import SourceFetcher
from testkit.site.entries import Channel, Entry, Tab, Trait, channel
from testkit.site.extractor import VARIABLE, folder, registered
from testkit.site.proxy import Proxy, forwarding
from testkit.site.rules import Limit, Refusal
from testkit.site.server import Site, serving
from testkit.site.visits import Kind, cookie_file

FETCH = FetchProfile(allow=AllowedSources(private_addresses=True))
EVERYTHING = dict.fromkeys((each for each in Trait if each is not Trait.PLAIN), 0.04)
PROXY_AT = "127.0.0.7"


@pytest.fixture(scope="module")
def talks() -> Channel:
    return channel(60, seconds=(3, 5), shares=EVERYTHING)


@pytest.fixture
def site(talks: Channel) -> Iterator[Site]:
    with registered(), serving(Site(talks)) as found:
        yield found


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with forwarding(PROXY_AT, user="ann:secret") as found:
        yield found


def item(site: Site, entry: Entry) -> Item:
    return Item(index=0, id=f"tube:{entry.id}", url=site.url(f"watch/{entry.id}"), title=entry.title)


def outcome(site: Site, entry: Entry, into: Path, fetcher: Fetcher | None = None) -> Reason | Media:
    try:
        return (fetcher or SourceFetcher(FETCH)).fetch(item(site, entry), into, lambda _: None)
    except StageError as error:
        return error.reason


def titles(site: Site, path: str, **parameters: object) -> list[str]:
    quiet = {"quiet": True, "extract_flat": "in_playlist", "noprogress": True}
    with YoutubeDL({**quiet, **parameters}) as downloader:
        found = downloader.extract_info(site.url(path), download=False)
    return [entry["title"] for entry in found["entries"]]


def test_a_channel_is_the_same_for_the_same_seed_and_has_every_kind_of_recording() -> None:
    assert channel(5000) == channel(5000)
    assert channel(5000) != channel(5000, seed=1)
    assert {entry.trait for entry in channel(5000).entries} == set(Trait)
    assert len({entry.id for entry in channel(5000).entries}) == 5000
    assert all(len(channel(5000).tab(tab)) > 100 for tab in Tab)


def test_every_recording_ends_for_a_guest_as_its_trait_says(
    site: Site, talks: Channel, tmp_path: Path
) -> None:
    site.rules.slow_bytes_per_second = 200_000
    for trait in Trait:
        entry = talks.of(trait)[0]
        found = outcome(site, entry, tmp_path / entry.id)
        assert (found if isinstance(found, Reason) else None) == entry.fate, trait


def test_what_breaks_off_with_403_comes_whole_after_a_fresh_extraction(
    site: Site, talks: Channel, tmp_path: Path
) -> None:
    entry = talks.of(Trait.CUT)[0]
    assert outcome(site, entry, tmp_path) is Reason.DOWNLOAD_FAILED
    assert (
        403 in [visit.status for visit in site.visits.of(Kind.MEDIA)] or len(site.visits.of(Kind.MEDIA)) > 1
    )
    found = outcome(site, entry, tmp_path)
    assert isinstance(found, Media)
    assert abs((found.duration_seconds or 0) - entry.seconds) < 1


def test_a_tab_is_listed_page_by_page(site: Site, talks: Channel) -> None:
    site.rules.page_entries = 10
    assert titles(site, "@talks/videos") == [entry.title for entry in talks.tab(Tab.VIDEOS)]
    assert len(site.visits.of(Kind.LIST)) == -(-len(talks.tab(Tab.VIDEOS)) // 10)


def test_a_guest_is_checked_after_so_many_requests_and_an_account_is_not(
    site: Site, talks: Channel, tmp_path: Path
) -> None:
    plain = talks.of(Trait.PLAIN)
    site.rules.guests = Limit(2)
    cookie = cookie_file(tmp_path / "cookies", site.visits.join("ann"))
    found = [outcome(site, entry, tmp_path / entry.id) for entry in plain[:4]]
    assert Counter(each for each in found if isinstance(each, Reason)) == {Reason.BOT_CHECK: 2}
    assert len(titles(site, "@talks/videos", cookiefile=str(cookie))) == len(talks.tab(Tab.VIDEOS))
    assert {visit.account for visit in site.visits.of(Kind.LIST)} == {"ann"}
    assert len(site.visits.of(Kind.PAGE, account=None, refused=True)) == 2
    assert site.visits.most_within(3600, Kind.PAGE) == 4


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Refusal.BOT_CHECK, Reason.BOT_CHECK),
        (Refusal.CAPTCHA, Reason.BOT_CHECK),
        (Refusal.TOO_MANY, Reason.RATE_LIMITED),
        (Refusal.TRY_LATER, Reason.RATE_LIMITED),
    ],
)
def test_an_address_is_refused_until_the_site_says_otherwise(
    site: Site, talks: Channel, tmp_path: Path, refusal: Refusal, reason: Reason
) -> None:
    entry = talks.of(Trait.PLAIN)[0]
    site.rules.refused["127.0.0.1"] = refusal
    cookie = cookie_file(tmp_path / "cookies", site.visits.join("ann"))
    assert outcome(site, entry, tmp_path) is reason
    assert titles(site, "@talks/shorts", cookiefile=str(cookie))
    site.rules.refused.clear()
    assert isinstance(outcome(site, entry, tmp_path), Media)


def test_a_cookie_is_renewed_and_the_old_one_ends(site: Site, tmp_path: Path) -> None:
    site.rules.page_entries, site.rules.renew_after = 10, 2
    first = site.visits.join("ann")
    cookie = cookie_file(tmp_path / "cookies", first)
    titles(site, "@talks/videos", cookiefile=str(cookie))
    assert {visit.account for visit in site.visits.all} == {"ann"}  # yt-dlp goes on with the new ones
    assert first not in cookie.read_text()  # and writes them back
    assert "ann-" in cookie.read_text()
    stale = cookie_file(tmp_path / "stale", first)
    titles(site, "@talks/shorts", cookiefile=str(stale))
    assert site.visits.all[-1].account is None


def test_a_cookie_expires(site: Site, tmp_path: Path) -> None:
    cookie = cookie_file(tmp_path / "cookies", site.visits.join("ann"))
    site.visits.expire("ann")
    titles(site, "@talks/shorts", cookiefile=str(cookie))
    assert {visit.account for visit in site.visits.all} == {None}


def test_a_proxy_gives_its_own_address_and_its_country(site: Site, proxy: Proxy, talks: Channel) -> None:
    site.rules.countries[PROXY_AT] = "DE"
    entry = talks.of(Trait.GEO)[0]
    with YoutubeDL({"quiet": True, "proxy": proxy.url}) as downloader:
        found = downloader.extract_info(site.url(f"watch/{entry.id}"), download=False)
    assert found["id"] == entry.id
    assert {visit.egress for visit in site.visits.all} == {PROXY_AT}


def test_a_proxy_lets_nobody_through_without_its_password(site: Site, proxy: Proxy) -> None:
    with pytest.raises(Exception, match="407"):
        titles(site, "@talks/shorts", proxy=proxy.url.replace("secret", "wrong"))
    assert site.visits.all == []


def test_a_worker_reads_the_site_where_its_environment_names_the_plugin(
    site: Site, talks: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = talks.of(Trait.PRIVATE)[0]
    assert outcome(site, private, tmp_path / "without", FetcherApart(FETCH)) is not Reason.PRIVATE
    monkeypatch.setenv(VARIABLE, str(folder(tmp_path / "plugins")))
    assert outcome(site, private, tmp_path / "with", FetcherApart(FETCH)) is Reason.PRIVATE
