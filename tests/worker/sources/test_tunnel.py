"""What proxies answer, byte by byte."""

import socket

import pytest

from ingest_worker.sources.tunnel import Proxy, ProxyError

PROXY = Proxy.parsed("socks5://127.0.0.1:1080")


def met(answer: bytes) -> bytes:
    """What is left behind the answer of a SOCKS proxy that lets us in; raises what the tunnel raises."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"\5\0" + answer)
        theirs.shutdown(socket.SHUT_WR)
        PROXY.tunnel(ours, "192.0.2.1", 80)
        return ours.recv(99)


@pytest.mark.parametrize("kind", [0, 2, 5, 255])
def test_a_socks_answer_with_an_address_of_no_known_type_is_the_proxys_fault(kind: int) -> None:
    with pytest.raises(ProxyError, match="what no proxy says"):
        met(bytes((5, 0, 0, kind)) + bytes(6))


@pytest.mark.parametrize("rest", [b"\0" + bytes(6), b"\1" + bytes(6), b"\0"])
def test_a_socks_refusal_tells_what_it_refuses_whatever_address_it_has(rest: bytes) -> None:
    with pytest.raises(ConnectionRefusedError, match=r"does not reach 192\.0\.2\.1 \(SOCKS 5\)"):
        met(b"\5\5\0" + rest)
    with pytest.raises(ProxyError, match="refuses this connection"):
        met(b"\5\2\0" + rest)


@pytest.mark.parametrize("bound", [b"\1" + bytes(4), b"\3\4name", b"\4" + bytes(16)])
def test_the_address_of_a_socks_answer_is_read_to_its_end(bound: bytes) -> None:
    assert met(b"\5\0\0" + bound + bytes(2) + b"hello") == b"hello"
