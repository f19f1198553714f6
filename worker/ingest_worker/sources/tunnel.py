"""Connections through a proxy to an address that was checked before: CONNECT (RFC 9110, 9.3.6) and SOCKS5
(RFC 1928, 1929), on a socket that is already connected to the proxy.

Called by `guard`. The proxy gets a number and never a name: it could resolve a name to somewhere else.
"""

import base64
import socket
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import unquote, urlsplit

_HEADER_BYTES: Final = 16_384
_REFUSED: Final = {
    403: "refuses this connection",
    405: "does not let anybody through by CONNECT",
    407: "wants another user or password",
}
"""Answers that concern the proxy, and not the place behind it."""

_SOCKS_VERSION: Final = 5
_BY_PASSWORD_KEY: Final = 2
"""RFC 1928, 3: the method by user and password."""
_NOT_ALLOWED_KEY: Final = 2
"""RFC 1928, 6: the proxy's rules do not allow this connection."""


class ProxyError(OSError):
    """The proxy does not answer, or does not let us through. An `OSError`, so that libraries clean up as they
    do for any failed connection. Never holds its address."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy."""

    socks: bool
    host: str
    port: int
    user: str
    password: str

    @classmethod
    def parsed(cls, address: str) -> Self:
        """The proxy of an address that `site_secrets` has checked."""
        parts = urlsplit(address)
        return cls(
            parts.scheme != "http",
            parts.hostname or "",
            parts.port or 0,
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )

    def tunnel(self, connection: socket.socket, host: str, port: int) -> None:
        """Have a connection to the proxy lead to an address from now on.

        Raises:
            ProxyError: the proxy does not let us through.
            OSError: the place behind it cannot be reached.
        """
        try:
            if self.socks:
                self._socks(connection, host, port)
            else:
                self._connect(connection, host, port)
        except (LookupError, ValueError, EOFError) as error:
            raise ProxyError("the proxy says what no proxy says") from error

    def _connect(self, connection: socket.socket, host: str, port: int) -> None:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
        if self.user or self.password:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {pair}")
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        answer = bytearray()
        while not answer.endswith(b"\r\n\r\n"):
            # byte by byte: what follows belongs to the place behind the proxy
            answer += _exactly(connection, 1)
            if len(answer) > _HEADER_BYTES:
                raise ValueError
        status = int(answer.split(b" ", 2)[1])
        if status in _REFUSED:
            raise ProxyError(f"the proxy {_REFUSED[status]} (HTTP {status})")
        if status != HTTPStatus.OK:
            raise ConnectionRefusedError(f"the proxy does not reach {place} (HTTP {status})")

    def _socks(self, connection: socket.socket, host: str, port: int) -> None:
        methods = bytes((0, _BY_PASSWORD_KEY)) if self.user or self.password else b"\0"
        connection.sendall(bytes((_SOCKS_VERSION, len(methods))) + methods)
        _, method = _exactly(connection, 2)
        if method == _BY_PASSWORD_KEY and len(methods) > 1:
            user, password = self.user.encode(), self.password.encode()
            connection.sendall(bytes((1, len(user))) + user + bytes((len(password),)) + password)
            if _exactly(connection, 2)[1]:
                raise ProxyError("the proxy wants another user or password")
        elif method:
            raise ProxyError("the proxy wants a user and a password")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        kind = b"\4" if family is socket.AF_INET6 else b"\1"
        connection.sendall(
            bytes((_SOCKS_VERSION, 1, 0)) + kind + socket.inet_pton(family, host) + port.to_bytes(2, "big")
        )
        _, answer, _, bound = _exactly(connection, 4)
        if answer == _NOT_ALLOWED_KEY:
            raise ProxyError("the proxy refuses this connection")
        if answer:
            raise ConnectionRefusedError(f"the proxy does not reach {host} (SOCKS {answer})")
        # only behind a refusal may there be no address: some proxies say type 0 then
        length = {1: 4, 3: 0, 4: 16}[bound] or _exactly(connection, 1)[0]
        _exactly(connection, length + 2)


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        block = connection.recv(count - len(found))
        if not block:
            raise EOFError
        found += block
    return found
