"""The pods of a cluster, kept up to date: a list, then a watch from there, and a new list whenever the watch
is lost."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from testkit.cluster.kubelet_api import GoneError, KubeletApi, Object

BACKOFF = 0.2
"""Seconds before a lost API server is asked for a list."""


class LostWatchError(Exception):
    """The server does not know any more where the watch stood."""


@dataclass
class PodMirror:
    """Tells of every pod that is new or changed, and of every one that is gone, whatever happens to the
    connection."""

    api: KubeletApi
    path: str
    changed: Callable[[Object], None]
    removed: Callable[[Object], None]
    pods: dict[str, Object] = field(default_factory=dict)
    """By uid."""
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the first list."""

    async def run(self) -> None:
        while True:
            try:
                version = await self._list()
                self.synced.set()
                while True:
                    version = await self._watch(version)
            except (aiohttp.ClientError, TimeoutError, OSError, LostWatchError, GoneError):
                await asyncio.sleep(BACKOFF)

    async def _list(self) -> str:
        """What was deleted while nobody watched is missed in the list."""
        answer = await self.api.get(self.path)
        listed = {pod["metadata"]["uid"]: pod for pod in answer["items"]}
        for uid in self.pods.keys() - listed.keys():
            self.removed(self.pods.pop(uid))
        for pod in listed.values():
            self._keep({"apiVersion": "v1", "kind": "Pod"} | pod)
        return str(answer["metadata"]["resourceVersion"])

    async def _watch(self, version: str) -> str:
        async for event in self.api.watch(self.path, resourceVersion=version):
            thing = event["object"]
            if event["type"] == "ERROR":
                raise LostWatchError(thing.get("message"))
            version = thing["metadata"]["resourceVersion"]
            if event["type"] == "DELETED":
                self.removed(self.pods.pop(thing["metadata"]["uid"], thing))
            elif event["type"] != "BOOKMARK":
                self._keep(thing)
        return version

    def _keep(self, pod: Object) -> None:
        pod["metadata"].pop("managedFields", None)
        uid = pod["metadata"]["uid"]
        known = self.pods.get(uid)
        self.pods[uid] = pod
        if known is None or known["metadata"]["resourceVersion"] != pod["metadata"]["resourceVersion"]:
            self.changed(pod)
