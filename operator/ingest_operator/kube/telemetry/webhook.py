"""Delivers notifications to the webhook of an installation. It delays nobody, and never raises an error: what
went wrong is the outcome of an attempt.

Nothing is remembered here that matters: what is to be told stands in the status of its batch, and so does the
outcome of an attempt, once it is written.

The address and the signing key are files that the chart mounts from a Secret, because the operator may read
no Secrets. They are read at each attempt: a changed Secret counts as soon as the kubelet has brought it. The
address is the installer's own choice, so whoever may write that Secret decides which host the operator talks
to. No redirect is followed, no proxy used, and no answer read.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from ingest_operator.kube.telemetry.cloud_events import SigningKeyError, headers, keys_of

TIMEOUT_SECONDS: Final = 10.0
"""Seconds for one attempt, connecting included; Standard Webhooks recommends 15 to 30 for a sender that has
nothing else to do."""

CONNECTIONS: Final = 4
"""Attempts under way at once."""

WAITING_EVENTS: Final = 256
"""Attempts that may wait; with more, their batches come back when they are reconciled next."""

URL_FILE: Final = "url"
KEY_FILE: Final = "key"
"""Files in the mounted folder."""


class Webhook:
    """Takes events, and says what became of them."""

    def __init__(self, folder: Path, clock: Callable[[], float], patience: float = TIMEOUT_SECONDS) -> None:
        """`clock` returns epoch seconds; `patience` is how many seconds an attempt may take."""
        self._folder, self._clock, self._patience = folder, clock, patience
        self._next: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: dict[str, tuple[bytes, Callable[[], object]]] = {}
        self._sending: set[str] = set()
        self._problems: dict[str, str] = {}

    def offer(self, identity: str, body: bytes, ended: Callable[[], object]) -> None:
        """Deliver an event soon, unless that is under way already, or too many wait. `ended` is called when
        the outcome is there."""
        known = identity in self._waiting or identity in self._sending or identity in self._problems
        if known or len(self._waiting) >= WAITING_EVENTS:
            return
        self._waiting[identity] = body, ended
        self._next.put_nowait(identity)

    def problems(self, identities: Iterable[str]) -> dict[str, str]:
        """What went wrong with each of these whose attempt has ended since the last `recorded`; nothing, if
        it was delivered."""
        return {each: self._problems[each] for each in identities if each in self._problems}

    @property
    def sending(self) -> Collection[str]:
        """The events that are on their way, `CONNECTIONS` at most."""
        return frozenset(self._sending)

    def recorded(self, identities: Iterable[str]) -> None:
        """The outcomes of these attempts are written."""
        for each in identities:
            self._problems.pop(each, None)

    def forget(self, identities: Iterable[str]) -> None:
        """Nobody asks for these any more: they are not sent, and of those on their way no outcome is kept."""
        for each in identities:
            self._waiting.pop(each, None)
            self._sending.discard(each)
            self._problems.pop(each, None)

    async def deliver_all(self, session: aiohttp.ClientSession) -> None:
        """Deliver what was offered, one after the other, for ever."""
        while True:
            identity = await self._next.get()
            offered = self._waiting.pop(identity, None)
            if offered is None:
                continue
            body, ended = offered
            self._sending.add(identity)
            problem = await self._deliver(session, identity, body)
            if identity in self._sending:
                self._sending.discard(identity)
                self._problems[identity] = problem
                ended()

    async def _deliver(self, session: aiohttp.ClientSession, identity: str, body: bytes) -> str:
        """What went wrong, in words that repeat neither address nor key; nothing, if it was delivered."""
        try:
            url, keys = self._address(), keys_of(self._read(KEY_FILE))
            signed = headers(identity, body, keys, self._clock())
            async with (
                asyncio.timeout(self._patience),
                session.post(url, data=body, headers=signed, allow_redirects=False) as answer,
            ):
                return _refusal(answer.status)
        except TimeoutError:
            return f"no answer within {self._patience:g} s"
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is the outcome of this attempt
            return _words(error)

    def _address(self) -> URL:
        try:
            url = URL(self._read(URL_FILE).strip())
        except ValueError:
            url = URL()
        if url.scheme not in ("http", "https") or not url.host:
            raise _SetupError("the address is no http or https URL: correct it in the Secret")
        return url

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeError):
            raise _SetupError(f"the Secret has no readable {name}") from None


class _SetupError(Exception):
    """Address or key cannot be used; the message may be shown."""


def _refusal(status: int) -> str:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"HTTP {status}: redirects are not followed; put the final address into the Secret"
    return f"HTTP {status}"


def _words(error: Exception) -> str:
    """Of a foreign error, no text that could hold an address."""
    if isinstance(error, _SetupError | SigningKeyError):
        return str(error)
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate is not trusted, or it speaks no TLS"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not resolved"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return f"no connection: {os.strerror(error.errno)}"
    return f"no connection: {type(error).__name__}"


@asynccontextmanager
async def delivering(folder: Path | None, clock: Callable[[], float]) -> AsyncIterator[Webhook | None]:
    """A webhook at work; None where none is configured."""
    if folder is None:
        yield None
        return
    webhook = Webhook(folder, clock)
    async with working(webhook):
        yield webhook


@asynccontextmanager
async def working(webhook: Webhook) -> AsyncIterator[None]:
    """Have it deliver until the end of the context. What is under way then is told anew by the next
    operator."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "video-ingest-operator"},
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, force_close=True),
        trust_env=False,
    ) as session:
        tasks = [asyncio.create_task(webhook.deliver_all(session)) for _ in range(CONNECTIONS)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
