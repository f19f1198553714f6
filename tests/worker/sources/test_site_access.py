"""Sites that want cookies, a proxy or tokens: what a worker gives them, and what it never says of them."""

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from yt_dlp.extractor.youtube.pot import _registry as pot_registry

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import Item
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.selection import Order
from ingest_contract.sites import SiteAccess, SiteReport
from ingest_worker.errors import StageError
from ingest_worker.sources.apart import FetcherApart, make_plan_apart
from ingest_worker.sources.fetcher import SourceFetcher
from ingest_worker.sources.guard import AddressRefusedError, Guard
from ingest_worker.sources.site_secrets import read_secrets
from ingest_worker.sources.sites import Site as KnownSite
from ingest_worker.sources.sites import Sites
from ingest_worker.sources.tunnel import Proxy, ProxyError
from testkit.media.site import Site as WebServer
from testkit.site.entries import Tab, channel
from testkit.site.extractor import VARIABLE, folder, registered
from testkit.site.proxy import forwarding
from testkit.site.rules import Refusal
from testkit.site.server import Site, serving
from testkit.site.visits import Kind, cookie_file
from tests.worker.sources.planner import Planner

HERE = FetchProfile(allow=AllowedSources(private_addresses=True))
EGRESS = "127.0.0.7"


TALKS = channel(6, seconds=(3, 4), shares={})


@pytest.fixture
def tube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv(VARIABLE, str(folder(tmp_path / "plugins")))
    with registered(), serving(Site(TALKS)) as found:
        yield found


def item(site: Site, number: int = 0) -> Item:
    entry = TALKS.entries[number]
    return Item(index=number, id=f"tube:{entry.id}", url=site.url(f"watch/{entry.id}"))


def secret(folder: Path, key: str, text: str) -> str:
    path = folder / "tube-login" / key
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def cookies(site: Site, folder: Path, account: str = "ann") -> str:
    path = Path(secret(folder, "cookies.txt", ""))
    cookie_file(path, site.visits.join(account), host="127.0.0.1")
    return str(path)


def failure(fetcher: FetcherApart | SourceFetcher, wanted: Item, into: Path) -> StageError:
    with pytest.raises(StageError) as caught:
        fetcher.fetch(wanted, into, lambda _: None)
    return caught.value


def test_cookies_lift_a_bot_check_and_stay_in_memory(tube: Site, tmp_path: Path) -> None:
    tube.rules.refused["127.0.0.1"] = Refusal.BOT_CHECK
    assert failure(FetcherApart(HERE), item(tube), tmp_path / "a").reason is Reason.BOT_CHECK
    path = cookies(tube, tmp_path)
    before = Path(path).read_bytes()
    met: list[SiteReport] = []
    access = (SiteAccess(name="tube", cookies=path),)
    FetcherApart(HERE, access, met.append).fetch(item(tube), tmp_path / "b", lambda _: None)
    assert {(each.name, bool(each.secrets)) for each in met} == {("tube", True)}
    assert tube.visits.of(Kind.PAGE, account="ann")
    assert Path(path).read_bytes() == before
    everything = [each.read_bytes() for each in (tmp_path / "b").rglob("*") if each.is_file()]
    assert everything
    assert not any(b"ann-1-secret" in content for content in everything)


def test_cookies_that_a_site_renews_are_the_ones_of_the_next_request(tube: Site, tmp_path: Path) -> None:
    tube.rules.refused["127.0.0.1"] = Refusal.BOT_CHECK
    tube.rules.renew_after, tube.rules.grace = 1, 0
    planner = Planner(tmp_path / "scratch")
    order = planner.order(tube.url("@talks/videos"), min_duration_seconds=1, order=Order.NEWEST_FIRST)
    order = order.model_copy(update={"sites": (SiteAccess(name="*", cookies=cookies(tube, tmp_path)),)})
    plan = make_plan_apart(order, planner.store, planner.kept.update, lambda: None)
    assert len(plan.items) == len([each for each in TALKS.tab(Tab.VIDEOS) if each.fate is None])
    assert not tube.visits.of(Kind.PAGE, account=None)


def test_an_entry_of_another_site_is_not_used(tube: Site, tmp_path: Path) -> None:
    tube.rules.refused["127.0.0.1"] = Refusal.CAPTCHA
    access = (SiteAccess(name="vimeo", cookies=cookies(tube, tmp_path)),)
    assert failure(FetcherApart(HERE, access), item(tube), tmp_path / "a").reason is Reason.BOT_CHECK


@pytest.mark.parametrize("name", ["tube", "127.0.0.1", "*"])
def test_a_proxy_is_what_the_site_sees(name: str, tube: Site, tmp_path: Path) -> None:
    with forwarding(EGRESS, user="geheim-user:verborgen") as proxy:
        access = (SiteAccess(name=name, proxy=secret(tmp_path, "proxy", proxy.url + "\n")),)
        media = FetcherApart(HERE, access).fetch(item(tube), tmp_path / "a", lambda _: None)
    assert media.path.stat().st_size > 1000
    assert tube.visits.of(Kind.PAGE, egress=EGRESS)
    assert not tube.visits.of(Kind.PAGE, egress="127.0.0.1")


def test_a_proxy_that_refuses_us_says_so_and_nothing_of_its_secrets(
    tube: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with forwarding(EGRESS, user="geheim-user:verborgen") as proxy:
        wrong = proxy.url.replace("verborgen", "heimlich")
        refused = failure(
            FetcherApart(HERE, (SiteAccess(name="*", proxy=secret(tmp_path, "proxy", wrong)),)),
            item(tube),
            tmp_path / "a",
        )
        url = proxy.url
    dead = failure(
        FetcherApart(HERE, (SiteAccess(name="*", proxy=secret(tmp_path, "proxy", url)),)),
        item(tube),
        tmp_path / "b",
    )
    assert (refused.reason, dead.reason) == (Reason.PROXY_FAILED, Reason.PROXY_FAILED)
    assert "wants another user or password" in str(refused)
    assert "does not answer" in str(dead)
    said = f"{refused}{dead}{caplog.text}"
    assert not [word for word in ("geheim", "verborgen", "heimlich", EGRESS) if word in said]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("cookies.txt", None),
        ("cookies.txt", '[{"name": "sid", "value": "geheim"}]'),
        ("cookies.txt", "127.0.0.1\tTRUE\t/\tFALSE\tgeheim\tsid\tgeheim\n"),
        ("cookies.txt", ""),
        ("proxy", None),
        ("proxy", ""),
        ("proxy", "geheim:verborgen@proxy:3128"),
        ("proxy", "ftp://geheim:verborgen@proxy:21"),
        ("proxy", "http://geheim:verborgen@proxy"),
        ("proxy", "http://geheim:verborgen@proxy:99999999"),
        ("proxy", "http://geheim:1@proxy:1\nhttp://geheim:2@proxy:2"),
    ],
)
def test_a_secret_that_is_not_what_it_should_be_stops_the_batch_and_is_not_quoted(
    key: str, text: str | None, tmp_path: Path
) -> None:
    path = str(tmp_path / "tube-login" / key) if text is None else secret(tmp_path, key, text)
    access = SiteAccess(name="*", **{"cookies" if key == "cookies.txt" else "proxy": path})
    with pytest.raises(StageError) as caught:
        read_secrets([access])
    assert caught.value.reason is Reason.CREDENTIALS_INVALID
    assert f"tube-login/{key}" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "verborgen" not in str(caught.value)


def test_a_line_that_is_no_cookie_is_left_out_because_yt_dlp_would_print_it(tmp_path: Path) -> None:
    text = "# a file\n127.0.0.1\tTRUE\t/\tFALSE\t0\tsid\tgut\n127.0.0.1 TRUE / FALSE 0 sid geheim\n"
    found = read_secrets([SiteAccess(name="*", cookies=secret(tmp_path, "cookies.txt", text))])
    assert "gut" in found.cookies["*"]
    assert "geheim" not in found.cookies["*"]


@pytest.mark.parametrize(
    "said",
    [
        "for http://ann:p%40ss%2Fw%C3%B6rt@proxy:3128",
        "as ann:p@ss/wört",
        "p%40ss/w%C3%B6rt",
        "Basic YW5uOnBAc3Mvd8O2cnQ=",
        "session=gut+und%2Fteuer",
        "session=gut und/teuer",
    ],
)
def test_a_secret_is_hidden_in_every_form_in_which_a_library_may_say_it(said: str, tmp_path: Path) -> None:
    access = SiteAccess(
        name="*",
        cookies=secret(tmp_path, "cookies.txt", "127.0.0.1\tTRUE\t/\tFALSE\t0\tsid\tgut und/teuer\n"),
        proxy=secret(tmp_path, "proxy", "http://ann:p%40ss%2Fw%C3%B6rt@proxy:3128"),
    )
    read_secrets([access])
    told = str(StageError(Reason.UNKNOWN, f"the site says {said}."))
    assert told.startswith("the site says ")
    assert "***" in told
    assert not [word for word in ("p@ss", "p%40ss", "BAc3Mv", "und") if word in told]


def test_a_digest_changes_with_the_secret_and_tells_nothing(tmp_path: Path) -> None:
    def digest(password: str) -> str:
        path = secret(tmp_path, "proxy", f"http://ann:{password}@proxy:3128")
        return read_secrets([SiteAccess(name="*", proxy=path)]).digests["*"]

    assert digest("verborgen") == digest("verborgen") != digest("heimlich")
    assert len(digest("verborgen")) == 8


class TestGuarded:
    """Behind a proxy, too, only one address of this machine may be reached, the proxy's own apart."""

    def fetcher(self, url: str) -> SourceFetcher:
        entry = {"name": "*", "cookies": None, "proxy": url, "provider": None, "missing": None}
        sites = Sites.parsed([entry], lambda _, __: None)
        return SourceFetcher(FetchProfile(), policy=lambda address: str(address) == "127.0.0.1", sites=sites)

    def test_a_redirect_to_a_private_address_is_refused_before_the_proxy_hears_of_it(
        self, site: WebServer, media: dict[str, bytes], tmp_path: Path
    ) -> None:
        site.put("/secret.mp4", media["film.mp4"])
        away = site.url("/secret.mp4", host="127.0.0.2")
        url = site.put("/a.mp4", status=302, headers={"Location": away})
        wanted = Item(index=0, id="url:1", url=url)
        with forwarding(EGRESS) as proxy:
            error = failure(self.fetcher(proxy.url), wanted, tmp_path / "a")
            assert error.reason is Reason.SOURCE_REFUSED
            assert "127.0.0.2" in str(error)
            assert site.times("/a.mp4") == 1
            assert site.times("/secret.mp4") == 0
            site.put("/a.mp4", media["film.mp4"])
            self.fetcher(proxy.url).fetch(wanted, tmp_path / "b", lambda _: None)

    def test_the_proxy_gets_the_address_that_was_checked_and_no_name(self) -> None:
        with listening() as (port, heard):
            guard = Guard(lambda _: True, Proxy.parsed(f"http://127.0.0.1:{port}"))
            with guard.up(), pytest.raises(OSError, match="no proxy says"):
                socket.create_connection(("localhost", 80))
        assert heard[0].startswith((b"CONNECT 127.0.0.1:80 HTTP/1.1", b"CONNECT [::1]:80 HTTP/1.1"))

    def test_nothing_leads_past_the_proxy(self) -> None:
        guard = Guard(lambda _: True, Proxy.parsed("http://127.0.0.1:9"))
        with guard.up():
            with pytest.raises(ProxyError), socket.socket() as raw:
                raw.connect(("127.0.0.1", 80))
            with pytest.raises(AddressRefusedError), socket.socket() as raw:
                raw.connect_ex(("127.0.0.1", 80))
            with pytest.raises(AddressRefusedError), socket.socket(type=socket.SOCK_DGRAM) as raw:
                raw.sendto(b"?", ("127.0.0.1", 53))

    def test_a_service_of_our_own_is_reached_directly_and_nothing_beside_it(self, site: WebServer) -> None:
        guard = Guard(lambda _: False, Proxy.parsed("http://127.0.0.1:9"), (site.url(),))
        with guard.up():
            socket.create_connection(("127.0.0.1", site.port)).close()
            with pytest.raises(AddressRefusedError):
                socket.create_connection(("127.0.0.2", site.port))


class listening:  # noqa: N801 -- used as a function
    """(port, what the first client sent): a server that answers nonsense."""

    def __enter__(self) -> tuple[int, list[bytes]]:
        self.server, self.heard = socket.create_server(("127.0.0.1", 0)), list[bytes]()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self.server.getsockname()[1], self.heard

    def _serve(self) -> None:
        for _ in range(2):
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            with client:
                self.heard.append(client.recv(4096))
                client.sendall(b"220 a mail server\r\n\r\n")

    def __exit__(self, *_: object) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()


@pytest.mark.parametrize("password", ["", "geheim", "falsch"])
def test_a_socks_proxy_is_spoken_to_as_its_rfc_says(password: str) -> None:
    with socks(80, b"ann:geheim" if password else b"") as port:
        user = f"ann:{password}@" if password else ""
        proxy = Proxy.parsed(f"socks5://{user}127.0.0.1:{port}")
        with Guard(lambda _: True, proxy).up():
            if password == "falsch":
                with pytest.raises(ProxyError, match="another user or password"):
                    socket.create_connection(("127.0.0.1", 80))
                return
            with socket.create_connection(("127.0.0.1", 80)) as connection:
                connection.sendall(b"hello ")
                answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer == b"hello there"


class socks:  # noqa: N801 -- used as a function
    """A SOCKS5 server for one connection, which it answers itself: the guard counts for all of a process."""

    def __init__(self, port: int, pair: bytes) -> None:
        self.port, self.pair = port, pair

    def __enter__(self) -> int:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return int(self.server.getsockname()[1])

    def _serve(self) -> None:
        client, _ = self.server.accept()
        with client:
            client.recv(2 + 2)
            if self.pair:
                client.sendall(b"\5\2")
                client.recv(1)
                user = client.recv(client.recv(1)[0])
                right = user + b":" + client.recv(client.recv(1)[0]) == self.pair
                client.sendall(b"\1" + (b"\0" if right else b"\1"))
                if not right:
                    return
            else:
                client.sendall(b"\5\0")
            asked = client.recv(10)
            assert asked == b"\5\1\0\1" + socket.inet_aton("127.0.0.1") + self.port.to_bytes(2, "big")
            client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
            client.sendall(client.recv(4096) + b"there")

    def __exit__(self, *_: object) -> None:
        self.server.close()
        self.thread.join()


def test_a_token_provider_loads_its_plugin_and_no_other() -> None:
    parameters = KnownSite(provider="http://pot.media:4416").parameters
    assert parameters["extractor_args"] == {"youtubepot-bgutilhttp": {"base_url": ["http://pot.media:4416"]}}
    assert set(pot_registry._pot_providers.value) == {"BgUtilHTTP"}
    assert KnownSite().parameters == {}


def test_what_a_bot_check_wants_is_in_its_sentence() -> None:
    assert "fetch.sites" in FAILURES[Reason.BOT_CHECK].sentence
