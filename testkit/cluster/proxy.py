"""A proxy in front of the API server that a test scripts:
`with RunningProxy(control_plane, script) as proxy:`.

It lives in a thread of its own, beside the test and whoever it serves. What a script raises inside is raised
at the proxy's end.
"""

import asyncio
import json
import ssl
from pathlib import Path

from testkit.cluster.control_plane import LOOPBACK, ControlPlane
from testkit.cluster.in_thread import InThread
from testkit.cluster.proxy_faults import Asked, Fault, Script
from testkit.cluster.proxy_server import Passed, Proxy, serving


class RunningProxy(InThread):
    """Passes on what its script lets through."""

    patience = 30.0

    def __init__(self, control_plane: ControlPlane, script: Script) -> None:
        super().__init__("proxy")
        self._plane, self._script = control_plane, script
        self._tls = ssl.create_default_context(cafile=str(control_plane.certificates.authority))
        self._proxy: Proxy | None = None
        self._port = 0

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

    def _scripted(self, asked: Asked) -> Fault | None:
        try:
            return self._script(asked)
        except Exception as error:
            self._error = error
            raise

    async def _serve(self, stop: asyncio.Event) -> None:
        async with serving(self._plane.url, self._tls, self._scripted) as (self._proxy, self._port):
            self._ready.set()
            await stop.wait()
