"""The operator as its users run it: a process of its own, `python -m ingest_operator`, that can be killed and
started again at once."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from signal import SIGTERM
from typing import Any, Self

from testkit.cluster.program import until

ROOT = Path(__file__).parents[2]
ZYGOTE = Path(__file__).with_name("operator_zygote.py")


class OperatorProcesses:
    """`with OperatorProcesses() as processes:`. May be asked from any thread. All operators end with it,
    however the test run ends."""

    def __init__(self) -> None:
        self.turn = threading.RLock()
        self._zygote: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._zygote = subprocess.Popen(
            [sys.executable, str(ZYGOTE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._zygote is not None
        self._zygote.communicate()
        self._zygote = None

    def start(self, kubeconfig: Path, log: Path, *arguments: str) -> "OperatorProcess":
        """Starts in the time of a fork."""
        return OperatorProcess(self, self.ask(start=arguments, kubeconfig=str(kubeconfig), log=str(log)), log)

    def ask(self, **order: Any) -> Any:
        """See the zygote."""
        with self.turn:
            assert self._zygote is not None
            assert self._zygote.stdin is not None
            assert self._zygote.stdout is not None
            self._zygote.stdin.write(json.dumps(order) + "\n")
            self._zygote.stdin.flush()
            answer = self._zygote.stdout.readline()
        assert answer, f"the zygote ended with {self._zygote.wait()}"
        return json.loads(answer)


class OperatorProcess:
    """One operator, from its start to its end."""

    def __init__(self, processes: OperatorProcesses, pid: int, log: Path) -> None:
        self._processes, self.pid, self.log = processes, pid, log
        self._code: int | None = None

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._after(look=self.pid) is None

    def kill(self) -> None:
        """SIGKILL. When this returns it is gone."""
        self._after(kill=self.pid)

    def end(self, seconds: float = 60) -> int:
        """SIGTERM, as a node sends it to a pod that is to go; the exit code."""
        with self._processes.turn:
            if self.runs:
                os.kill(self.pid, SIGTERM)  # nobody has heard of its end yet, so the pid is still its own
        until(lambda: not self.runs, "the operator ends when it is asked to", seconds)
        assert self._code is not None
        return self._code

    def _after(self, **order: int) -> int | None:
        """The exit code after an order, None of one that runs. Whose end is known is not asked about again:
        its pid may be another's."""
        with self._processes.turn:
            if self._code is None:
                self._code = self._processes.ask(**order)
            return self._code
