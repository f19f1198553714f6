"""Prevents a fetch from reaching loopback, private networks and cloud metadata (server-side request forgery).

A name is checked when an address is given, and every connection is checked when it is made, by an audit hook
under `socket.connect` (PEP 578). This covers redirects, the segments of a manifest and a name that resolves
differently the second time (DNS rebinding), whatever library opens the socket. The hook sees connections that
Python makes; libpq and other C libraries connect unseen and unchecked.
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_contract.profile import AllowedSources
from ingest_worker.errors import StageError
from ingest_worker.sources.addresses import shown, split

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

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.refused: str | None = None
        """The first address to which a connection was refused while the guard was up."""

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
        self.refused = None
        with _LOCK:
            _STANDING.append(self)
        try:
            yield
        finally:
            with _LOCK:
                _STANDING.remove(self)

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


def _install() -> None:
    """Hooks cannot be removed, so there is one for the process, and it asks the active guards."""
    with _LOCK:
        if not _INSTALLED.is_set():
            sys.addaudithook(_hook)
            _INSTALLED.set()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _STANDING or event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        return
    connection, address = arguments[0], arguments[1]
    if connection.family in _INTERNET and address is not None:
        for guard in tuple(_STANDING):
            guard.connecting(address[0])
