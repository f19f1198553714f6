"""A real forward proxy (`proxy.py` from PyPI) in a process of its own: CONNECT and plain requests, with a
name and a password if a test wants them."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.environment import CHECKOUT

_PATIENCE_SECONDS: Final = 180
"""A busy machine may take its time to start a process."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs."""

    port: int
    egress: str
    """The address that sites see."""
    user: str
    """`name:password`; empty if anybody may use it."""
    log: Path
    """One line for each connection that it has made, with the host and the port, once it is over."""

    @property
    def url(self) -> str:
        """With name and password, as yt-dlp takes it."""
        return f"http://{self.user}{'@' if self.user else ''}127.0.0.1:{self.port}"


@contextmanager
def forwarding(egress: str = "127.0.0.7", *, user: str = "") -> Iterator[Proxy]:
    """A proxy while the block runs. Sites see `egress`, any address of the loopback."""
    with tempfile.TemporaryDirectory(prefix="proxy-") as folder:
        port, log = Path(folder) / "port", Path(folder) / "log"
        command = [
            *(sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", "--port-file", port),
            *("--num-acceptors", "1", "--num-workers", "1", "--log-file", log),
            *("--plugins", "testkit.site.egress.EgressPlugin", "--egress", egress),
            *(("--basic-auth", user) if user else ()),
        ]
        process = subprocess.Popen(
            command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield Proxy(_port(port, process), egress, user, log)
        finally:
            process.terminate()
            process.wait()


def _port(file: Path, process: "subprocess.Popen[bytes]") -> int:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if file.exists() and (text := file.read_text("ascii").strip()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError(f"the proxy did not start: {process.poll()}")
