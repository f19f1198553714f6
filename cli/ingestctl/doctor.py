"""What this machine lacks, and how to get it:
one pure check per need, on the facts that `machine` gathers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ingest_contract.failures import FAILURES
from ingest_contract.profile import Device
from ingest_worker.errors import StageError
from ingest_worker.store.schema import (
    MINIMUM_POSTGRES_VERSION,
    expected_version,
    require_pgvector,
    unsound_pgvector,
)
from ingest_worker.trial import Tried
from ingestctl.machine import Facts
from ingestctl.models import size

PYTHON: Final = (3, 11)
"""`requires-python` of the package."""

ENGINES_BYTES: Final = 2**30
"""Bytes that a worker holds before any model: importing torch, pyannote.audio, sentence-transformers and
faster-whisper leaves 0.8 GiB resident (`python -c "import ..."`, ru_maxrss, the versions in locks/dev.txt).
On a CPU the weights add to it."""

DISK_BYTES: Final = 5 * 2**30
"""Bytes: a long recording at full quality, its audio (115 MB an hour at 16 kHz),
and room for the store to grow."""

DRIVER: Final = (525, 60, 13)
"""The oldest Linux driver that runs CUDA 12 (CUDA Toolkit release notes, "CUDA Toolkit and Minimum Required
Driver Version")."""

COMPILING_DRIVER: Final = (570, 0, 0)
"""The oldest one that compiles PTX of CUDA 12.8: minor-version compatibility does not cover PTX
(CTranslate2#1978)."""


class State(StrEnum):
    """The result of a check."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; batches run."""
    MISSING = "missing"
    """Batches would fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    name: str
    state: State
    message: str
    """What was found; for something missing, also how to get it."""

    def __str__(self) -> str:
        return f"{self.state.value:8}{self.name:11} {self.message}"


def python(facts: Facts) -> Finding:
    """The interpreter."""
    found = ".".join(map(str, facts.python))
    if facts.python[:2] < PYTHON:
        return Finding(
            "python", State.MISSING, f"{found}; 3.11 or newer is needed. Make a new environment with one"
        )
    return Finding("python", State.OK, found)


def memory(facts: Facts) -> Finding:
    """Cores and memory."""
    message = f"{facts.cores} cores, {size(facts.memory)}"
    needed = ENGINES_BYTES + facts.models.size
    if facts.memory < needed:
        advice = (
            f"a worker with these models needs {size(needed)} or more. "
            "Use smaller models, or a bigger machine"
        )
        return Finding("memory", State.MISSING, f"{message}; {advice}")
    return Finding("memory", State.OK, message)


def disk(facts: Facts) -> Finding:
    """Room for media and the store."""
    if not facts.writable:
        return Finding(
            "disk", State.MISSING, f"{facts.home} cannot be written. Name another folder with --home"
        )
    message = f"{size(facts.disk)} free for {facts.home}"
    if facts.disk < DISK_BYTES:
        return Finding(
            "disk",
            State.NOTE,
            f"{message}; long recordings may not fit. Make room, or name another folder with --home",
        )
    return Finding("disk", State.OK, message)


def gpu(facts: Facts) -> Finding:
    """The GPU and its driver."""
    wanted = facts.profile.runtime.device
    if facts.gpu is None:
        if wanted is Device.CUDA:
            advice = (
                "the profile wants one (runtime.device: Cuda). Install NVIDIA's driver, or set device: Auto"
            )
            return Finding("gpu", State.MISSING, f"no GPU, and {advice}")
        return Finding("gpu", State.OK, "no GPU: workers run on the CPU")
    card = facts.gpu.card
    message = f"{facts.gpu.uuid}, {size(facts.gpu.total_mib * 2**20)}, {card}"
    needed, why = (COMPILING_DRIVER, "this GPU") if card.compiles_at_first_use else (DRIVER, "CUDA 12")
    if _numbers(card.driver) < needed:
        return Finding(
            "gpu",
            State.MISSING,
            f"{message}; {why} needs driver {'.'.join(map(str, needed))} or newer. Update NVIDIA's",
        )
    return Finding(
        "gpu", State.OK, message + (": not used, the profile says Cpu" if wanted is Device.CPU else "")
    )


def cublas(facts: Facts) -> Finding:
    """Which cuBLAS CTranslate2 finds."""
    if facts.gpu is None:
        return Finding("cublas", State.OK, "not needed without a GPU")
    if not facts.gpu.cublas:
        return Finding(
            "cublas",
            State.MISSING,
            "libcublas.so.12 is not found. Get it with: pip install nvidia-cublas-cu12",
        )
    return Finding("cublas", State.OK, "libcublas.so.12 is found")


def javascript(facts: Facts) -> Finding:
    """What yt-dlp runs YouTube's scripts with; other sources need none."""
    if facts.js_runtime is None:
        return Finding(
            "javascript",
            State.MISSING,
            "no deno, which YouTube needs. Get it with: pip install 'yt-dlp[default,deno]'",
        )
    return Finding("javascript", State.OK, f"{facts.js_runtime}, for YouTube")


def walls(facts: Facts) -> Finding:
    """The walls around the process that decodes."""
    if facts.lacking:
        message = f"this kernel or container lacks {', '.join(facts.lacking)}, so media are decoded without"
        return Finding(
            "walls", State.NOTE, f"{message}. Ingest what you trust, or use Linux 5.13 or newer (SECURITY.md)"
        )
    return Finding("walls", State.OK, "media are decoded behind no_new_privs, landlock and seccomp")


def models(facts: Facts) -> Finding:
    """The profile's model set."""
    if facts.models.fault:
        return Finding("models", State.MISSING, facts.models.fault)
    return Finding(
        "models", State.OK, f"set {facts.models.set_name}, {size(facts.models.size)}, every file as locked"
    )


def sites(facts: Facts) -> Finding:
    """The cookies and proxies that the profile's sites want."""
    found = facts.sites
    if found.fault:
        return Finding("sites", State.MISSING, found.fault)
    if not found.wanting:
        return Finding("sites", State.OK, "the profile names neither cookies nor a proxy")
    return Finding("sites", State.OK, f"cookies or a proxy for {', '.join(found.wanting)} are there")


def store(facts: Facts) -> Finding:
    """Postgres with pgvector and the schema."""
    found = facts.store
    if found.fault:
        return Finding("store", State.MISSING, found.fault)
    message = (
        f"{found.address}: "
        f"Postgres {found.server // 10_000}, pgvector {found.pgvector}, schema {found.schema}"
    )
    if advice := _store_advice(facts):
        return Finding("store", State.MISSING, f"{message}; {advice}")
    if warning := unsound_pgvector(found.pgvector or ""):
        return Finding("store", State.NOTE, f"{message}; {warning}")
    return Finding("store", State.OK, message)


def _store_advice(facts: Facts) -> str | None:
    found = facts.store
    if found.server < MINIMUM_POSTGRES_VERSION:
        return f"Postgres {MINIMUM_POSTGRES_VERSION // 10_000} or newer is needed"
    if found.pgvector is None:
        return "the server has no pgvector. Install it there (https://github.com/pgvector/pgvector)"
    try:
        require_pgvector(found.pgvector)
    except StageError as error:
        return str(error)
    if found.schema != expected_version():
        newer = found.schema is not None and found.schema > expected_version()
        return f"this program's is {expected_version()}. " + (
            "Use the newer program" if newer else "Run: ingestctl migrate --dsn ..."
        )
    return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def engine(tried: Tried) -> Finding:
    """One engine, as it did."""
    if tried.reason is None:
        return Finding(tried.name, State.OK, tried.message)
    return Finding(tried.name, State.MISSING, f"{tried.message} ({FAILURES[tried.reason].sentence})")


CHECKS: Final[tuple[Callable[[Facts], Finding], ...]] = (
    python,
    memory,
    disk,
    gpu,
    cublas,
    javascript,
    walls,
    models,
    sites,
    store,
)


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Every check, in the order in which a user would fix things."""
    return tuple(check(facts) for check in CHECKS)
