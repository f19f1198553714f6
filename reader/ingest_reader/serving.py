"""Listening: where a reader may, and until somebody stops it."""

import gc
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from socket import socket
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from ingest_reader.doors import TokenError, is_loopback, token_in
from ingest_reader.guard import LOOPBACK, Access

MAX_REQUEST_HEAD_BYTES: Final = 4_194_304
"""A head this long is still read, so that its sender gets an answer that says why it is too long."""

GRACE_SECONDS: Final = 5
"""How long running answers may take after the reader was asked to stop."""


class ListeningError(ValueError):
    """A reader may not listen so; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where to listen, and who is let in."""

    host: str
    port: int
    token_file: Path | None = None
    behind_ingress: bool = False
    """Whether something in front of it decides who may ask."""
    grace_seconds: int = GRACE_SECONDS


def access_of(door: Door) -> Access:
    """Who is let in. Loopback needs nothing; elsewhere whoever reaches the port could read everything.

    Raises:
        ListeningError: no token and no ingress; or a token that is none.
    """
    try:
        token = None if door.token_file is None else token_in(door.token_file)
    except TokenError as error:
        raise ListeningError(str(error)) from error
    if is_loopback(door.host):
        own = LOOPBACK | {door.host.lower().strip("[]")}  # all of 127.0.0.0/8 is loopback
        return Access(token, None if token or door.behind_ingress else own)
    if token is None and not door.behind_ingress:
        raise ListeningError(
            f"{door.host} is reachable from other machines, and whoever reaches it would read everything. "
            "Give --token-file FILE, or say --behind-ingress if something in front of it asks who they are."
        )
    return Access(token)


def said_of(door: Door, access: Access) -> str:
    """Who is let in, as a sentence for whoever starts it."""
    who = "whoever shows the token" if access.token else "everybody on this machine"
    if door.behind_ingress and not access.token:
        who = "whoever the ingress lets through"
    return f"Serving http://{_shown(door.host)}:{door.port}/ to {who}. Ctrl-C ends it."


def serve(app: ASGIApp, door: Door, tell: Callable[[Door], None]) -> bool:
    """Serve until SIGINT or SIGTERM; `tell` is called with the port in use when it listens.

    Returns:
        Whether it ever listened.
    """
    server = server_of(app, door, tell)
    with _nothing_to_collect():
        try:
            server.run()
        except KeyboardInterrupt:  # uvicorn raises the signal again when it has stopped
            pass
        except SystemExit:  # the port is taken: it has said so
            return False
    return server.started


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Take what is loaded out of the garbage collector's sight. A web framework and a store's client are
    160,000 objects, none of which ever goes; walking through all of them stops every answer for a tenth of
    a second, once in some thirty transcripts (decision 0070)."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGINT end the block, so that what it opened is closed. SIGINT too where it was ignored, as
    in what a script starts in the background."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def server_of(app: ASGIApp, door: Door, tell: Callable[[Door], None]) -> uvicorn.Server:
    """A server that does not run yet."""
    config = uvicorn.Config(
        app,
        host=door.host.strip("[]"),
        port=door.port,
        http="h11",
        h11_max_incomplete_event_size=MAX_REQUEST_HEAD_BYTES,
        log_level=logging.WARNING,
        access_log=False,  # questions are people's own
        server_header=False,
        proxy_headers=False,  # no answer depends on the scheme or the address in front
        timeout_graceful_shutdown=door.grace_seconds,
    )
    return _Telling(config, door, tell)


class _Telling(uvicorn.Server):
    """Says when it listens, and on which port: 0 is any that is free."""

    def __init__(self, config: uvicorn.Config, door: Door, tell: Callable[[Door], None]) -> None:
        super().__init__(config)
        self._door = door
        self._tell = tell

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        if self.started and self.servers:
            port = self.servers[0].sockets[0].getsockname()[1]
            self._tell(replace(self._door, port=port))


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
