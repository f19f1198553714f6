"""What the stand-in serves: logs, where an API server asks a kubelet for them, and each pod's own progress at
the pod's own address."""

import asyncio
import itertools
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from aiohttp import web

from ingest_contract.progress import Progress
from ingest_operator.kube.api.names import PROGRESS_PORT
from testkit.cluster.certificates import Pair
from testkit.cluster.kubelet_status import HOST

Read = Callable[[str, str], tuple[str | None, bool]]
"""(namespace, pod) to what it has printed, None before it begins, and whether it has ended. `LookupError` of
one that is not here."""

LOOK = 0.02
"""Seconds between two looks at a log that somebody follows."""


class SilentError(Exception):
    """The node of this pod does not answer."""


_numbers = itertools.count(1)


def an_address() -> str:
    """For a pod: each may listen on the same port. Test runs beside this one use another part of the
    loopback's network."""
    number = next(_numbers)
    return f"127.{1 + os.getpid() % 253}.{number >> 8 & 255}.{number & 255}"


@asynccontextmanager
async def logs(read: Read, pair: Pair) -> AsyncIterator[int]:
    """Serves `/containerLogs/<namespace>/<pod>/<container>`; the port."""
    times = _Times()

    async def answer(request: web.Request) -> web.StreamResponse:
        namespace, name = request.match_info["namespace"], request.match_info["pod"]
        try:
            text, _ = read(namespace, name)
        except LookupError as error:
            raise web.HTTPNotFound(text=str(error)) from None
        except SilentError:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()  # nobody gets it
        if text is None:
            said = (
                f'container "{request.match_info["container"]}" in pod "{name}" is waiting to start: '
                "ContainerCreating"
            )
            raise web.HTTPBadRequest(text=said)
        if "follow" not in request.query:
            return web.Response(text=text)
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(LookupError, SilentError):  # the connection ends with the pod
            async for line in _followed(lambda: read(namespace, name), times.of(namespace, name), request):
                await response.write(line.encode())
        return response

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    async with _served({"/containerLogs/{namespace}/{pod}/{container}": answer}, HOST, 0, tls) as port:
        yield port


class _Times:
    """When each line of each pod was first seen: what a container runtime writes in front of it."""

    def __init__(self) -> None:
        self._of = dict[tuple[str, str], list[datetime]]()

    def of(self, namespace: str, pod: str) -> list[datetime]:
        return self._of.setdefault((namespace, pod), [])


async def _followed(
    read: Callable[[], tuple[str | None, bool]], times: list[datetime], request: web.Request
) -> AsyncIterator[str]:
    """Lines with their times, from `sinceTime` on, until the container ends; of what is there at first the
    last `tailLines`. As `pkg/kubelet/kuberuntime/logs` does it."""
    text = request.query.get("sinceTime")
    since = datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
    given, tail = 0, request.query.get("tailLines")
    while True:
        printed, over = read()
        lines = (printed or "").splitlines()
        times += [datetime.fromtimestamp(time.time(), UTC)] * (len(lines) - len(times))
        if tail is not None:
            given, tail = max(0, len(lines) - int(tail)), None
        for at, line in zip(times[given:], lines[given:], strict=True):
            if at >= since:
                yield f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z {line}\n"
        given = len(lines)
        if over:
            return
        await asyncio.sleep(LOOK)


@asynccontextmanager
async def progress(address: str, read: Callable[[], Progress]) -> AsyncIterator[None]:
    """Serves a pod's `/progress`."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(text=read().to_json())

    async with _served({"/progress": answer}, address, PROGRESS_PORT):
        yield


@asynccontextmanager
async def _served(
    routes: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]],
    address: str,
    port: int,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    app = web.Application()
    app.add_routes([web.get(path, answer) for path, answer in routes.items()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port, ssl_context=tls).start()
        yield runner.addresses[0][1]
    finally:
        assert runner.server is not None
        for connection in runner.server.connections:  # a farewell over TLS would outlast the event loop
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()
