"""An HTTP server on the loopback that answers as it is told: for what a real API server does only on its
worst days."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: object
    at: float


@dataclass
class ScriptedApi:
    """Gives its answers in order; a request that finds none left is a fault of the test, and answered 418."""

    answers: list[Answer]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    @property
    def methods(self) -> list[str]:
        return [asked.method for asked in self.asked]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        at = asyncio.get_running_loop().time()
        self.asked.append(
            Asked(request.method, request.path, dict(request.query), dict(request.headers), body, at)
        )
        return await self.answers.pop(0)(request) if self.answers else web.Response(status=418)

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig that leads here, with a token."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {"token": "open-sesame"}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            "current-context": "here",
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path


@asynccontextmanager
async def scripted(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedApi]:
    """A server that gives these answers."""
    server = ScriptedApi(list(answers))
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


def says(body: object, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON, or the given text as it is."""
    text = body if isinstance(body, str) else json.dumps(body)

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(
            text=text,
            status=status,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return answer


def refuses(status: int, reason: str, message: str = "because", **headers: str) -> Answer:
    """The Status of a request that failed, as the API server writes it."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": status,
    }
    return says(body, status, **headers)


async def resets(request: web.Request) -> web.StreamResponse:
    """No answer: the connection is cut after the request was read."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def says_half(request: web.Request) -> web.StreamResponse:
    """The first bytes of an answer, then the connection is cut."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"kind": "Pod", "metadata"')
    assert request.transport is not None
    request.transport.close()
    return response


async def stalls(_: web.Request) -> web.StreamResponse:
    """No answer, for as long as the client waits for one."""
    await asyncio.Event().wait()
    return web.Response()
