"""A proxy in front of the API server that a test scripts: `with RunningProxy(control_plane, script) as proxy:`.

It lives in a thread of its own, beside the test and whoever it serves. What a script raises inside is raised at the proxy's end.
"""

import asyncio
import json
import ssl
import threading
from pathlib import Path
from typing import Self

from tests.support.cluster.control_plane import LOOPBACK, ControlPlane
from tests.support.cluster.proxy_faults import Asked, Fault, Script
from tests.support.cluster.proxy_server import Passed, Proxy, serving

PATIENCE = 30.0


class RunningProxy:
    """Passes on what its script lets through."""

    def __init__(self, control_plane: ControlPlane, script: Script) -> None:
        self._plane, self._script = control_plane, script
        self._tls = ssl.create_default_context(cafile=str(control_plane.certificates.authority))
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._proxy: Proxy | None = None
        self._port = 0
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE), "the proxy is not ready"
        self._complain()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the proxy does not end"
        if kind is None:
            self._complain()

    @property
    def url(self) -> str:
        """Where a client finds it."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def passed(self) -> tuple[Passed, ...]:
        """Every request so far, in the order in which they came in."""
        assert self._proxy is not None
        return tuple(self._proxy.passed)

    def writes(self) -> list[Passed]:
        """Those that were to change something."""
        return [each for each in self.passed if each.asked.write is not None]

    def kubeconfig_of(self, namespace: str, account: str) -> Path:
        """A kubeconfig by which a ServiceAccount comes through here."""
        config = json.loads(self._plane.kubeconfig_of(namespace, account).read_text(encoding="utf-8"))
        config["clusters"][0]["cluster"] = {"server": self.url}
        path = self._plane.folder / f"{namespace}-{account}-{self._port}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    def _complain(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 -- raised where somebody sees it
            self._error = error
        finally:
            self._ready.set()

    def _scripted(self, asked: Asked) -> Fault | None:
        try:
            return self._script(asked)
        except Exception as error:
            self._error = error
            raise

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with serving(self._plane.url, self._tls, self._scripted) as (self._proxy, self._port):
            self._ready.set()
            await self._stop.wait()
