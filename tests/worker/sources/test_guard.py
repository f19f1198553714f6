"""What may be reached: by number, by name, and by every connection that is really made."""

import socket
from ipaddress import ip_address

import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import AllowedSources
from ingest_worker.errors import StageError
from ingest_worker.sources.guard import AddressRefusedError, Guard, is_public, policy_of
from testkit.media.site import Site


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 -- an address to refuse
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:0001::1",
        "64:ff9b::a9fe:a9fe",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_addresses_that_are_not_the_public_internet_are_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "142.250.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_not_refused(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.mp4",
        "https://localhost:8443/a.mp4",
        "http://[::1]/a",
        "http://2130706433/a",
        "http://0x7f.1/a",
        "http://127.1/a",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:password@10.0.0.1/a",
        "http://[::ffff:10.0.0.1]/",
    ],
)
def test_every_spelling_of_a_private_host_is_refused_with_the_setting_that_allows_it(url: str) -> None:
    with pytest.raises(StageError, match=r"fetch\.allow\.privateAddresses") as caught:
        Guard(policy_of(AllowedSources())).check(url)
    assert caught.value.reason is Reason.SOURCE_REFUSED
    assert "password" not in str(caught.value)


def test_private_hosts_are_fine_where_the_profile_allows_them() -> None:
    Guard(policy_of(AllowedSources(private_addresses=True))).check("http://127.0.0.1/a.mp4")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a",
        "gopher://x/",
        "javascript:1",
        "example.org/a",
        "http://",
        "http://a:99999/",
        "data:,x",
    ],
)
def test_other_schemes_and_half_addresses_are_no_sources(url: str) -> None:
    with pytest.raises(StageError) as caught:
        Guard(policy_of(AllowedSources(private_addresses=True))).check(url)
    assert caught.value.reason is Reason.SOURCE_UNSUPPORTED


def test_a_name_that_does_not_resolve_is_a_failed_download() -> None:
    with pytest.raises(StageError) as caught:
        Guard(policy_of(AllowedSources())).check("http://no-such-host.invalid/a.mp4")
    assert caught.value.reason is Reason.DOWNLOAD_FAILED


def test_a_connection_is_refused_where_it_is_made_whatever_was_checked_before(site: Site) -> None:
    guard = Guard(lambda address: str(address) == "127.0.0.1")
    with guard.up():
        socket.create_connection(("127.0.0.1", site.port)).close()
        assert guard.refused is None
        with pytest.raises(AddressRefusedError):
            socket.create_connection(("127.0.0.2", site.port))
        assert guard.refused == "127.0.0.2"
        with pytest.raises(AddressRefusedError), socket.socket() as raw:
            raw.connect_ex(("127.0.0.2", site.port))
        with pytest.raises(AddressRefusedError), socket.socket(type=socket.SOCK_DGRAM) as raw:
            raw.sendto(b"?", ("127.0.0.2", 53))
    socket.create_connection(("127.0.0.2", site.port)).close()


def test_a_name_that_is_rebound_after_the_check_is_refused_at_the_connection(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["127.0.0.1", "127.0.0.2"]
    resolve = socket.getaddrinfo

    def rebinding(host: str, port: int, *rest: int, **more: int) -> object:
        return resolve(answers.pop(0) if host == "media.example" else host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    guard = Guard(lambda address: str(address) == "127.0.0.1")
    guard.check(site.url(host="media.example"))
    with guard.up(), pytest.raises(AddressRefusedError):
        socket.create_connection(("media.example", site.port))


def test_a_name_given_to_c_code_to_resolve_is_refused(site: Site) -> None:
    with Guard(lambda _: True).up(), pytest.raises(AddressRefusedError), socket.socket() as raw:
        raw.connect(("localhost", site.port))


def test_sockets_that_are_not_of_the_internet_are_let_through() -> None:
    with Guard(lambda _: False).up():
        one, other = socket.socketpair()
        one.sendall(b"x")
        assert other.recv(1) == b"x"
        one.close()
        other.close()
