"""Prevents a fetch from reaching loopback, private networks and cloud metadata (server-side request forgery).

A name is checked when an address is given, and every connection is checked when it is made, by an audit hook
under `socket.connect` (PEP 578). This covers redirects, the segments of a manifest and a name that resolves
differently the second time (DNS rebinding), whatever library opens the socket. The hook sees connections that
Python makes; libpq and other C libraries connect unseen and unchecked.

Behind a proxy it is the same: whatever a library connects to is checked, and then reached through the proxy,
by the very address that was checked.
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_contract.profile import AllowedSources
from ingest_worker.errors import StageError
from ingest_worker.sources.addresses import shown, split
from ingest_worker.sources.tunnel import Proxy, ProxyError

Address = IPv4Address | IPv6Address
Policy = Callable[[Address], bool]
"""Whether an address may be reached."""

_CLOUD: Final = frozenset({IPv4Address("168.63.129.16")})
"""Public by its number, but it belongs to the host: Azure's wire server. The other clouds' addresses are in
ranges that are refused anyway (169.254.169.254, fd00:ec2::254, 100.100.100.200, 192.0.0.192)."""

_SPECIAL: Final = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("3fff::/20"),
)
"""Special-purpose by IANA's registries and global for `ipaddress` before Python 3.11.10 (cpython#113171)."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last four bytes are the IPv4 address that is really reached."""


class AddressRefusedError(OSError):
    """A connection that the policy does not allow. An `OSError`, so that libraries clean up as they do for
    any failed connection."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet: IANA's special-purpose registries as `ipaddress`
    knows them, tunnels unpacked."""
    inner = _inside(address)
    if inner is not None:
        return is_public(inner)
    if address in _CLOUD or any(address in network for network in _SPECIAL):
        return False
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inside(address: Address) -> IPv4Address | None:
    """The IPv4 address embedded in an IPv6 address: mapped, 6to4, Teredo's client, NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def policy_of(allow: AllowedSources) -> Policy:
    """The policy of a profile."""
    return (lambda _: True) if allow.private_addresses else is_public


class Guard:
    """A policy, enforced for the duration of a fetch."""

    def __init__(self, policy: Policy, proxy: Proxy | None = None, direct: Sequence[str] = ()) -> None:
        """`proxy` is what every connection goes through; `direct` are addresses of services of our own, which
        are reached whatever the policy and the proxy."""
        self._policy, self.proxy, self._direct = policy, proxy, direct
        self._places: frozenset[tuple[str, int]] = frozenset()
        self.refused: str | None = None
        """The first address to which a connection was refused while the guard was up."""
        self.proxy_failure: str | None = None
        """Why the proxy let nothing through while the guard was up, if it did not."""

    def check(self, url: str) -> None:
        """Refuse an address before anything is sent.

        Raises:
            StageError: `SOURCE_UNSUPPORTED` for another scheme, `SOURCE_REFUSED` for a host with an address
                that the policy refuses, and `DOWNLOAD_FAILED` for a name that does not resolve.
        """
        parts = split(url)
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise StageError(Reason.DOWNLOAD_FAILED, f"{parts.hostname} has no address: {error}") from error
        for *_, place in found:
            if not self._policy(_numeric(str(place[0]))):
                raise self.refusal(f"{shown(url)} is at {place[0]}")

    def refusal(self, what: str) -> StageError:
        """The error for people: which address was refused and what to change."""
        return StageError(
            Reason.SOURCE_REFUSED,
            f"{what}, not on the public internet. Set `fetch.allow.privateAddresses: "
            "true` in the profile if workers may go there.",
        )

    @contextmanager
    def up(self) -> Iterator[None]:
        """Check every connection of this process until the block ends."""
        _install()
        self.refused = self.proxy_failure = None
        self._places = frozenset(place for url in self._direct for place in _places_of(url))
        with _LOCK:
            _STANDING.append(self)
        try:
            yield
        finally:
            with _LOCK:
                _STANDING.remove(self)

    def is_direct(self, address: Sequence[Any]) -> bool:
        """Whether this is one of our own services."""
        return (str(address[0]), address[1]) in self._places

    def through_proxy(self, connection: socket.socket, address: Sequence[Any]) -> None:
        """Connect a socket to an address, through the proxy. Raises `AddressRefusedError`, `ProxyError` and
        `OSError`."""
        assert self.proxy is not None  # noqa: S101 -- the caller looked
        self.connecting(address[0])
        try:
            try:
                found = socket.getaddrinfo(
                    self.proxy.host, self.proxy.port, connection.family, socket.SOCK_STREAM
                )
                with _to_proxy():
                    _CONNECT(connection, found[0][4])
            except OSError as error:
                raise ProxyError(
                    f"the proxy does not answer: {error.strerror or type(error).__name__}"
                ) from None
            self.proxy.tunnel(connection, str(_numeric(str(address[0]))), int(address[1]))
        except ProxyError as error:
            self.proxy_failure = self.proxy_failure or str(error)
            raise

    def connecting(self, host: object) -> None:
        """Called by the hook. Raises `AddressRefusedError`."""
        try:
            address = _numeric(str(host))
        except ValueError:
            # a name that C code would resolve unchecked: libraries resolve before they connect
            address = None
        if address is None or not self._policy(address):
            self.refused = self.refused or str(host)
            raise AddressRefusedError(f"the profile does not allow connections to {host}")


def _numeric(host: str) -> Address:
    return ip_address(host.partition("%")[0])


_LOCK: Final = threading.Lock()
_STANDING: Final[list[Guard]] = []
_INSTALLED: Final = threading.Event()
_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})


_CONNECT: Final = socket.socket.connect
_HERE: Final = threading.local()
"""Of each thread: whether it is connecting to a proxy."""


@contextmanager
def _to_proxy() -> Iterator[None]:
    """The one connection of this thread that goes to the proxy itself, which may be at a private address."""
    _HERE.to_proxy = True
    try:
        yield
    finally:
        _HERE.to_proxy = False


def _install() -> None:
    """Hooks cannot be removed, so there is one for the process, and it asks the active guards."""
    with _LOCK:
        if not _INSTALLED.is_set():
            sys.addaudithook(_hook)
            socket.socket.connect = _connect  # type: ignore[assignment,method-assign] # every library's sockets are these
            _INSTALLED.set()


def _connect(connection: socket.socket, address: Any) -> None:
    """`socket.connect`, through the proxy of the guard that is up, if it has one."""
    for guard in tuple(_STANDING):
        if guard.proxy is not None and connection.family in _INTERNET and not guard.is_direct(address):
            guard.through_proxy(connection, address)
            return
    _CONNECT(connection, address)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _STANDING or event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        return
    connection, address = arguments[0], arguments[1]
    if connection.family not in _INTERNET or address is None or getattr(_HERE, "to_proxy", False):
        return
    for guard in tuple(_STANDING):
        if guard.is_direct(address):
            continue
        if guard.proxy is not None:  # by a way that does not lead through it
            raise AddressRefusedError("connections must go through the proxy")
        guard.connecting(address[0])


def _places_of(url: str) -> Iterator[tuple[str, int]]:
    """Where a service of our own is; nowhere if its name does not resolve: then whoever asks it is told."""
    parts = split(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        for *_, place in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM):
            yield str(place[0]), port
    except OSError:
        return
