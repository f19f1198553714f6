"""etcd for one control plane, and its counters: how much was written is what a cluster's owner pays for a
batch."""

import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from testkit.cluster.binaries import program
from testkit.cluster.program import Program, free_port


@dataclass(frozen=True, slots=True)
class Written:
    """What was put since etcd started."""

    puts: int
    bytes: int
    """Keys and values of all puts."""

    def __sub__(self, other: "Written") -> "Written":
        return Written(self.puts - other.puts, self.bytes - other.bytes)


class Etcd:
    """One member, on the loopback, without waiting for the disk: it ends with the tests, and so does what it
    holds."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        """`url` is that of one that runs already."""
        self._folder = folder
        self.url = url or f"http://127.0.0.1:{free_port()}"

    @cached_property
    def program(self) -> Program:
        urls = [f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}"]
        peers = f"http://127.0.0.1:{free_port()}"
        urls += [
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
        ]
        # One member elects itself. Each heartbeat costs it, and nobody hears them.
        quick = [
            "--unsafe-no-fsync",
            "--heartbeat-interval=200",
            "--election-timeout=1000",
            "--quota-backend-bytes=8589934592",
        ]
        command: list[str | Path] = [
            program("etcd"),
            f"--data-dir={self._folder / 'etcd'}",
            *urls,
            *quick,
            "--log-level=error",
        ]
        return Program(command, self._folder / "etcd.log")

    def up(self) -> bool:
        """Whether it answers."""
        try:
            return b"true" in self._get("/health")
        except OSError:
            return False

    def written(self) -> Written:
        """What was put so far; the difference of two is what happened between them."""
        figures = dict(
            line.rsplit(b" ", 1) for line in self._get("/metrics").splitlines() if not line.startswith(b"#")
        )
        return Written(
            int(float(figures[b"etcd_mvcc_put_total"])),
            int(float(figures[b"etcd_debugging_mvcc_total_put_size_in_bytes"])),
        )

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310 -- our own etcd
            return bytes(answer.read())
