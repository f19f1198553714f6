"""What the stand-in kubelet asks of the API server: plain JSON over HTTPS, repeated until it is answered,
every write counted."""

import asyncio
import base64
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import yaml

Object = dict[str, Any]

AT_ONCE = 24
"""Requests under way at a time."""

PATIENCE = 0.2
"""Seconds between two runs of a request that nobody answered."""

MERGE = "application/strategic-merge-patch+json"
"""How a kubelet writes statuses: conditions are merged by their type."""


class GoneError(Exception):
    """The object is not there, or is another one of the same name."""


class RefusedError(Exception):
    """The API server says no, and would say so again."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API server is, and who is asking."""

    url: str
    tls: ssl.SSLContext
    headers: Mapping[str, str]


def address_in(kubeconfig: Path) -> Address:
    """The current context's cluster and user."""
    config = yaml.safe_load(kubeconfig.read_text())
    context = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context["cluster"])["cluster"]
    user = _named(config["users"], context["user"])["user"]
    tls = ssl.create_default_context(
        cadata=_content(cluster, "certificate-authority", kubeconfig.parent).decode()
    )
    if "token" in user:
        return Address(cluster["server"], tls, {"Authorization": f"Bearer {user['token']}"})
    with TemporaryDirectory() as folder:  # the standard library reads a client's certificate from files only
        for name in ("client-certificate", "client-key"):
            Path(folder, name).write_bytes(_content(user, name, kubeconfig.parent))
        tls.load_cert_chain(Path(folder, "client-certificate"), Path(folder, "client-key"))
    return Address(cluster["server"], tls, {})


def _named(entries: list[Object], name: str) -> Object:
    return next(entry for entry in entries if entry["name"] == name)


def _content(entry: Object, name: str, folder: Path) -> bytes:
    """A file that a kubeconfig holds, or names."""
    return (
        base64.b64decode(entry[f"{name}-data"])
        if f"{name}-data" in entry
        else (folder / entry[name]).read_bytes()
    )


@dataclass
class KubeletApi:
    """One session with the API server."""

    session: aiohttp.ClientSession
    address: Address
    writes: Counter[str] = field(default_factory=Counter)
    """Accepted writes by what they were for; a measurement of somebody else's subtracts them."""
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def get(self, path: str, **query: str) -> Object:
        return await self._until_answered("GET", path, params=query)

    async def create(self, what: str, path: str, body: Object) -> Object:
        return await self._write(what, "POST", path, json=body)

    async def patch(self, what: str, path: str, body: Object) -> Object:
        return await self._write(what, "PATCH", path, data=json.dumps(body), headers={"Content-Type": MERGE})

    async def delete(self, what: str, path: str, **options: Any) -> Object:
        return await self._write(
            what, "DELETE", path, json={"kind": "DeleteOptions", "apiVersion": "v1"} | options
        )

    async def watch(self, path: str, **query: str) -> AsyncIterator[Object]:
        """Events until the server ends the watch. Lines may be longer than any buffer, so they are put
        together here."""
        patience = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=90)
        params = {"watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": "60"} | query
        async with self.session.get(self.address.url + path, params=params, timeout=patience) as response:
            response.raise_for_status()
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    async def _write(self, what: str, method: str, path: str, **request: Any) -> Object:
        answer = await self._until_answered(method, path, **request)
        self.writes[what] += 1
        return answer

    async def _until_answered(self, method: str, path: str, **request: Any) -> Object:
        """An API server that restarts, or is busy, is asked again: a status that was not delivered is
        delivered later."""
        while True:
            async with self._turn:
                try:
                    async with self.session.request(method, self.address.url + path, **request) as response:
                        status, body = response.status, await response.read()
                except (aiohttp.ClientError, TimeoutError, OSError):
                    status, body = 503, b""
            if status < 400:
                answer: Object = json.loads(body)
                return answer
            if status in {404, 409}:
                raise GoneError(body.decode())
            if status != 429 and status < 500:
                raise RefusedError(f"{method} {path}: {status} {body.decode()}")
            await asyncio.sleep(PATIENCE)


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[KubeletApi]:
    address = address_in(kubeconfig)
    connector = aiohttp.TCPConnector(ssl=address.tls, limit=AT_ONCE + 4)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(
        connector=connector, headers=address.headers, timeout=timeout
    ) as session:
        yield KubeletApi(session, address)
