"""Polls workers for their progress, at their pods' addresses. A worker that does not answer well is left out:
that loses a percentage, nothing else.

Anything may answer there, a stalled process or a foreign server on a reused address, so an answer must be
small, quick and valid by the contract, or it does not count: no redirect is followed, no proxy used, nothing
decompressed.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp

from ingest_contract.progress import Progress

TIMEOUT_SECONDS: Final = 2.0
"""Seconds for one answer, connecting included."""

ROUND_SECONDS: Final = 5.0
"""Seconds for all answers that one reconcile asks for, the wait for a free request included: where a policy
drops every connection, hundreds of workers would take half a minute of each."""

MAX_ANSWER_BYTES: Final = 4096
"""Bytes of an answer, at most. A real one has about sixty."""

RunKey = tuple[int, int]
"""(index, number)."""


class ProgressPoller:
    """Polls workers while it is entered."""

    def __init__(
        self, at_once: int = 32, patience: float = TIMEOUT_SECONDS, of_round: float = ROUND_SECONDS
    ) -> None:
        """`at_once` bounds the requests under way, over all reconciles together; `patience` is how many
        seconds each may take, and `of_round` all that are asked for at once."""
        self._at_once, self._patience, self._of_round = at_once, patience, of_round
        self._gate = asyncio.Semaphore(at_once)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # A worker closes after each answer, so no connection is worth keeping.
            connector=aiohttp.TCPConnector(limit=self._at_once, force_close=True),
            timeout=aiohttp.ClientTimeout(total=self._patience),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=False,
            read_bufsize=MAX_ANSWER_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def poll(self, targets: Mapping[RunKey, str]) -> Mapping[RunKey, Progress]:
        """The progress of every run whose worker, at `http://address:port`, answers. A worker that fails in
        any way is left out."""
        assert self._session is not None, "a poller polls while it is entered"  # noqa: S101 -- a mistake of ours, not of a worker
        if not targets:
            return {}
        asked = {key: asyncio.create_task(self._ask(self._session, base)) for key, base in targets.items()}
        try:
            await asyncio.wait(asked.values(), timeout=self._of_round)
        finally:
            for each in asked.values():
                each.cancel()
            answers = await asyncio.gather(*asked.values(), return_exceptions=True)
        return {
            key: answer for key, answer in zip(asked, answers, strict=True) if isinstance(answer, Progress)
        }

    async def _ask(self, session: aiohttp.ClientSession, base: str) -> Progress:
        """One worker's answer; raises whatever goes wrong."""
        async with self._gate, session.get(f"{base}/progress", allow_redirects=False) as answer:
            if answer.status != HTTPStatus.OK:
                raise ValueError(f"HTTP {answer.status}")
            return Progress.model_validate_json(await _bounded(answer.content))


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    body = b""
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError(f"more than {MAX_ANSWER_BYTES} bytes")
    return body
