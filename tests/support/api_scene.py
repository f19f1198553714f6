"""The operator's API client before a scripted server, and the calls that tests make with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from ingest_operator.kube.api.client import Api, connected
from ingest_operator.kube.api.resources import BATCHES, JOBS, PODS, Object
from tests.support.scripted_api import Answer, ScriptedApi, says, scripted

T = TypeVar("T")
Use = Callable[[Api], Awaitable[T]]
POD: Object = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "one", "uid": "u1", "resourceVersion": "7"},
}
BATCH: Object = {"metadata": {"namespace": "media", "name": "talks", "resourceVersion": "7"}, "status": {}}
OK = says(POD)


class Scene:
    """One client before one server; what was observed stays."""

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            environment.delenv(name, raising=False)
        self._folder, self._environment = folder, environment
        self.server = ScriptedApi([])
        self.observed: list[tuple[str, str, int]] = []

    def play(self, use: Use[T], *answers: Answer, seconds: float = 30.0) -> T:
        async def all_of_it() -> T:
            async with scripted(*answers) as self.server, self.before(self.server, seconds) as api:
                return await use(api)

        return asyncio.run(all_of_it())

    def refused(self, use: Use[object], *answers: Answer, seconds: float = 30.0) -> Exception:
        with pytest.raises(Exception) as caught:  # noqa: PT011 -- the caller looks at it
            self.play(use, *answers, seconds=seconds)
        return caught.value

    @asynccontextmanager
    async def before(self, server: ScriptedApi, seconds: float = 30.0) -> AsyncIterator[Api]:
        self._environment.setenv("KUBECONFIG", str(server.kubeconfig(self._folder)))
        async with connected(
            lambda verb, resource, status, _: self.observed.append((verb, resource, status)), seconds
        ) as api:
            yield api


async def get(api: Api) -> object:
    return await api.get(PODS, "media", "one")


async def create(api: Api) -> object:
    return await api.create(JOBS, "media", {"metadata": {"name": "one"}})


async def delete(api: Api) -> None:
    await api.delete(JOBS, "media", "one", uid="u1")


async def patch(api: Api) -> object:
    return await api.patch(JOBS, "media", "one", {"spec": {"suspend": True}})


async def replace(api: Api) -> object:
    return await api.replace_status(BATCHES, BATCH)
