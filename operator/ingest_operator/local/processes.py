"""Worker processes on this machine: each has its own process group, is watched for memory and time, and is
ended as a group.

Whoever sees an end writes it to `ended.json`: the session that started the process, or a later one that finds
it orphaned.
"""

import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from ingest_contract.failures import Reason
from ingest_contract.order_variables import DSN_VARIABLE, ORDER_VARIABLE
from ingest_operator.core.outcome import SHELL_SIGNAL, Ended
from ingest_operator.core.phases import Phase
from ingest_operator.local.folders import RunFolder, read_json, write_atomically
from ingest_operator.local.forks import Forks
from ingest_operator.local.starting import Alone, Launch, Process, born_at

GRACE_SECONDS: Final = 25.0
"""Seconds between SIGTERM and SIGKILL; a worker rolls back and exits well within this time."""

_PASSED_ON: Final = (
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "TMPDIR",
    "TZ",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "SSL_CERT_FILE",
    "INGEST_YTDLP_PLUGINS",
)
"""Environment variables that a worker inherits: paths and the choice of GPUs. None that could hold a secret
or change a model."""

_OF_STORES: Final = "AWS_"
"""How the variables begin from which S3 clients read credentials: only for a worker whose order lets it read
buckets with this machine's own."""

_SEEN: Final = {"memory": Reason.HOST_OUT_OF_MEMORY, "deadline": Reason.DEADLINE_EXCEEDED}
"""Why we killed a process, as a reason of the failure table."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process may use."""

    memory_bytes: int | None
    """Resident memory of the process and its children together."""
    seconds: float
    """Wall time."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Which run it is of its recording, and since when."""

    started_at: float
    charged_attempts: int
    rung: int
    disruptions: int
    phase: Phase = Phase.INGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(RunFacts):
    """What a later session must know about a run that it did not start."""

    pid: int
    born: float
    """The kernel's creation time of the process: a pid is reused, a pair of both is not."""


class WorkerProcess:
    """One live worker of this session."""

    def __init__(self, folder: RunFolder, process: Process, started: Started, limits: Limits) -> None:
        self.folder, self.started = folder, started
        self._process, self._limits = process, limits
        self._stopped_at: float | None = None
        self._killed_for: str | None = None

    def poll(self, now: float) -> Ended | None:
        """How it ended, or None while it runs. Also enforces the limits."""
        ended = self._process.ended()
        if ended is None:
            self._enforce(now)
            return None
        end_group(self._process.pid, signal.SIGKILL)  # whatever it left behind
        code = ended.code
        exit_code = SHELL_SIGNAL - code if code is not None and code < 0 else code
        return _record(self.folder, exit_code, self._killed_for, now)

    def stop(self, now: float) -> None:
        """Ask it to end; a second request changes nothing."""
        if self._stopped_at is None:
            self._stopped_at, self._killed_for = now, "request"
            end_group(self._process.pid, signal.SIGTERM)

    def _enforce(self, now: float) -> None:
        if self._stopped_at is not None and now - self._stopped_at > GRACE_SECONDS:
            end_group(self._process.pid, signal.SIGKILL)
        elif self._killed_for is None and now - self.started.started_at > self._limits.seconds:
            self._kill("deadline")
        elif (
            self._killed_for is None
            and self._limits.memory_bytes
            and resident_bytes(self._process.pid) > self._limits.memory_bytes
        ):
            self._kill("memory")

    def _kill(self, why: str) -> None:
        self._killed_for = why
        end_group(self._process.pid, signal.SIGKILL)


def passed_on(*more: str) -> dict[str, str]:
    """The environment that every worker gets, and these variables."""
    return {name: os.environ[name] for name in (*_PASSED_ON, *more) if name in os.environ}


def _opening_buckets(order: str) -> list[str]:
    """The variables with this machine's own credentials for buckets, where the order lets its worker use
    them."""
    allowed = json.loads(order)["fetch"]["allow"]["buckets"]
    return [name for name in os.environ if name.startswith(_OF_STORES)] if allowed else []


def launch(
    folder: RunFolder,
    order: str,
    dsn: str,
    limits: Limits,
    facts: RunFacts,
    forks: Forks | None = None,
) -> WorkerProcess:
    """Start a worker: as a fork where there is something to fork from, by itself otherwise."""
    folder.path.mkdir(parents=True, exist_ok=True)
    for stale in (folder.ended, folder.receipt, folder.progress):
        stale.unlink(missing_ok=True)
    write_atomically(folder.order, order)
    environment = passed_on(*_opening_buckets(order)) | {ORDER_VARIABLE: order, DSN_VARIABLE: dsn}
    wanted = Launch(folder.path, environment, folder.output, folder.log)
    process = (forks.start(wanted) if forks is not None else None) or Alone(wanted)
    started = Started(**asdict(facts), pid=process.pid, born=born_at(process.pid) or 0.0)
    write_atomically(folder.started, json.dumps(asdict(started)))
    return WorkerProcess(folder, process, started, limits)


def read_started(folder: RunFolder) -> Started | None:
    """Who ran it, as recorded by the session that started it."""
    facts = read_json(folder.started)
    return Started(**facts | {"phase": Phase(facts["phase"])}) if facts else None


def read_ended(folder: RunFolder) -> tuple[Ended, float] | None:
    """(how it ended, when), if a session saw it end."""
    facts = read_json(folder.ended)
    return (_ended(folder, facts["exitCode"], facts["killedFor"]), facts["endedAt"]) if facts else None


def bury_orphan(folder: RunFolder, started: Started, now: float) -> Ended:
    """End what an earlier session left running and no session waits for any more.
    Its Receipt says what it committed."""
    if born_at(started.pid) == started.born:
        end_group(started.pid, signal.SIGKILL)
    return _record(folder, None, "request", now)


def _record(folder: RunFolder, exit_code: int | None, killed_for: str | None, now: float) -> Ended:
    write_atomically(
        folder.ended, json.dumps({"exitCode": exit_code, "killedFor": killed_for, "endedAt": now})
    )
    return _ended(folder, exit_code, killed_for)


def _ended(folder: RunFolder, exit_code: int | None, killed_for: str | None) -> Ended:
    return Ended(
        exit_code=exit_code,
        receipt=_text(folder.receipt),
        seen=_SEEN.get(killed_for or ""),
        on_request=killed_for == "request",
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def end_group(pid: int, how: signal.Signals) -> None:
    """Send a signal to a process and everything it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, how)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its children; 0 for one that is gone."""
    total = 0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total
