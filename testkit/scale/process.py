"""The operator as a process of its own, watched from outside: its memory, its processor time, and its
requests by the audit log."""

import sys
import threading
from collections import Counter
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import psutil

from testkit.cluster.audit import Request
from testkit.cluster.control_plane import ADMINS, ControlPlane
from testkit.cluster.program import Program, free_port

USER: Final = "operator"
"""Who it is for the API server, and in the audit log."""

EVERY: Final = 0.2
"""Seconds between two looks at its memory."""


class RunningOperator:
    """`with RunningOperator(plane, namespace) as operator:`. It is killed in the end: nothing that it knows
    is kept."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self._mark = plane.audit.now()
        variables = f"KUBECONFIG={plane.kubeconfig_for(USER, ADMINS)}"
        command = [
            sys.executable,
            "-m",
            "ingest_operator",
            "--namespace",
            namespace,
            "--port",
            str(free_port()),
        ]
        self._program = Program(["env", variables, *command], plane.folder / "operator.log")
        self._over = threading.Event()
        self._sampling = threading.Thread(target=self._sample, daemon=True)
        self._times = (0.0, 0)

    def __enter__(self) -> Self:
        self._program.start()
        self._sampling.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._sampling.join()
        self._program.kill()

    @property
    def cpu_seconds(self) -> float:
        """User and system time so far."""
        return self._times[0]

    @property
    def peak_rss_mib(self) -> int:
        """The most that was resident at any look."""
        return self._times[1] // 2**20

    def accepted(self) -> list[Request]:
        """Its writes that were accepted, in their order."""
        return [each for each in self._writes() if each.code < HTTPStatus.BAD_REQUEST]

    def writes(self) -> Counter[str]:
        """How many were accepted, by verb and resource."""
        return Counter(f"{each.verb} {each.resource}" for each in self.accepted())

    def refused(self) -> Counter[str]:
        """How many were not, by status, verb and resource."""
        return Counter(
            f"{each.code} {each.verb} {each.resource}"
            for each in self._writes()
            if each.code >= HTTPStatus.BAD_REQUEST
        )

    def _writes(self) -> list[Request]:
        return self._plane.audit.writes(self._mark, user=USER)

    def _sample(self) -> None:
        """Below the guard that the program runs under."""
        assert self._program.process is not None
        guard = psutil.Process(self._program.process.pid)
        while not self._over.wait(EVERY):
            for process in guard.children():
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_info()
                self._times = (times.user + times.system, max(self._times[1], memory.rss))
