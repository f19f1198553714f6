"""The proxy's work on one request after the other: plain HTTP in, TLS to the API server, watches passed on
event by event."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import assert_never

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from testkit.cluster.proxy_faults import (
    MUTATING,
    Asked,
    Broken,
    Fault,
    Half,
    Refusal,
    Reset,
    Script,
    Stall,
)

OF_THE_CONNECTION = ("Connection", "Content-Length", "Host", "Keep-Alive", "Transfer-Encoding")
"""Headers that concern one connection of the two only."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that came by, and what became of it."""

    asked: Asked
    fault: Fault | None
    code: int
    """What the API server answered; 0 where it was not asked, or not yet."""


@dataclass
class Proxy:
    """Between one client and the API server. The client's credentials are passed on: the API server sees who
    it is."""

    url: str
    session: aiohttp.ClientSession
    script: Script
    passed: list[Passed] = field(default_factory=list)
    """In the order in which they came in."""
    writes: int = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        asked = self._asked(request, body)
        place, fault = len(self.passed), self.script(asked)
        self.passed.append(Passed(asked, fault, 0))
        match fault:
            case Refusal():
                headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
                return web.Response(
                    status=fault.status, body=fault.body, content_type="application/json", headers=headers
                )
            case Reset(accepted=False):
                fault.first()
                return _broken_off(request)
            case Stall():
                await asyncio.sleep(fault.seconds)
            case Reset() | Half() | Broken() | None:
                pass
            case _:
                assert_never(fault)
        return await self._passed_on(request, body, place)

    def _asked(self, request: web.BaseRequest, body: bytes) -> Asked:
        write = None
        if request.method in MUTATING:
            self.writes += 1
            write = self.writes
        path = request.path
        name = (
            json.loads(body)["metadata"].get("name", "")
            if request.method == "POST"
            else path.rstrip("/").split("/")[-1]
        )
        name = path.split("/")[-2] if request.method != "POST" and name == "status" else name
        return Asked(request.method, path, request.query.get("watch", "") in ("1", "true"), name, write)

    async def _passed_on(self, request: web.BaseRequest, body: bytes, place: int) -> web.StreamResponse:
        """What the API server answers, or as much of it as is to come back."""
        asked, fault = self.passed[place].asked, self.passed[place].fault
        url = URL(self.url + request.raw_path, encoded=True)
        try:
            async with self.session.request(
                request.method, url, data=body or None, headers=_headers(request.headers)
            ) as answer:
                self.passed[place] = Passed(asked, fault, answer.status)
                if asked.watch and answer.status == 200:
                    return await _streamed(request, answer, fault if isinstance(fault, Broken) else None)
                content = await answer.read()
        except aiohttp.ClientError:
            return _broken_off(request)
        if isinstance(fault, Reset):
            fault.first()
            return _broken_off(request)
        if isinstance(fault, Half):
            return await _half(request, answer, content)
        return web.Response(status=answer.status, body=content, headers=_headers(answer.headers))


async def _streamed(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, fault: Broken | None
) -> web.StreamResponse:
    """Events as they come, until either side ends the watch or the fault does."""
    response = web.StreamResponse(status=answer.status, headers=_headers(answer.headers))
    try:
        await response.prepare(request)
        left = None if fault is None else fault.events
        async for line in answer.content:
            if left == 0:
                break
            await response.write(line)
            left = None if left is None else left - 1
        if fault is not None:
            await asyncio.sleep(fault.mute)
            await response.write(fault.last)
            if not fault.clean:
                return _broken_off(request)
    except (ConnectionError, aiohttp.ClientError):
        return _broken_off(request)
    return response


async def _half(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, content: bytes
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=_headers(answer.headers))
    response.content_length = len(content)
    with suppress(ConnectionError):  # its client may have gone
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
    return _broken_off(request)


def _broken_off(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # nobody gets it


def _headers(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in OF_THE_CONNECTION:
        kept.popall(name, None)
    return kept


@asynccontextmanager
async def serving(url: str, tls: ssl.SSLContext, script: Script) -> AsyncIterator[tuple[Proxy, int]]:
    """A proxy that serves on a port of the loopback."""
    connector, patience = (
        aiohttp.TCPConnector(ssl=tls, limit=0),
        aiohttp.ClientTimeout(total=None, sock_connect=5),
    )
    # What is compressed stays so, and lines of a watch may be as long as they like.
    async with aiohttp.ClientSession(
        connector=connector, timeout=patience, auto_decompress=False, read_bufsize=2**24
    ) as session:
        proxy = Proxy(url, session, script)
        runner = web.ServerRunner(web.Server(proxy.answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield proxy, runner.addresses[0][1]
        finally:
            await runner.cleanup()
