"""Gathers facts about this machine for `doctor`, without judging them.

Imports no engine: NVML and files are enough, and torch would take seconds.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from ingest_contract.failures import Reason
from ingest_contract.profile import Device, IngestProfileSpec
from ingest_operator.core.source_lists import SourceError
from ingest_operator.local.sources import Mounts, access_here
from ingest_worker.cgroup import usable_cores
from ingest_worker.errors import StageError
from ingest_worker.gpu.port import Card
from ingest_worker.sandbox.walls import Wall, walls_lacking
from ingest_worker.sources.site_secrets import read_secrets
from ingest_worker.store.connect import connect, redacted
from ingest_worker.store.schema import migrate
from ingest_worker.trial import Tried
from ingestctl.catalog import pgvector_version, schema_version, server_version
from ingestctl.models import verified
from ingestctl.place import Workplace
from ingestctl.prepare import require_models
from ingestctl.progress import going


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """The GPU that workers would use."""

    uuid: str
    total_mib: int
    card: Card
    cublas: bool
    """Whether CTranslate2 would find cuBLAS 12."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The models that a profile names."""

    set_name: str
    size: int = 0
    """Bytes of the models that the profile uses."""
    fault: str | None = None
    """What is missing or differs from the lock."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The Postgres that would be used, or what is wrong with it."""

    address: str
    server: int = 0
    """`server_version_num`."""
    pgvector: str | None = None
    schema: int | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What the profile's sites want of this machine."""

    wanting: tuple[str, ...] = ()
    """Entries that name cookies or a proxy."""
    fault: str | None = None
    """What is missing, or is not what it should be; never what is in it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All the facts that `doctor` judges."""

    python: tuple[int, int, int]
    cores: int
    memory: int
    """Bytes."""
    disk: int
    """Free bytes in the home folder."""
    home: Path
    gpu: GpuFacts | None
    js_runtime: str | None
    """Such as `deno 2.9.8`."""
    profile: IngestProfileSpec
    lacking: tuple[Wall, ...]
    """The walls around the decoder that this kernel does not have."""
    models: ModelFacts
    store: StoreFacts
    sites: SiteFacts = SiteFacts()
    writable: bool = True
    """Whether this user may write the home folder, or make it."""


def facts_of(place: Workplace, profile: IngestProfileSpec, mounts: Mounts) -> Facts:
    """Gather everything; takes seconds, because models are hashed and Postgres is started."""
    existing = next(folder for folder in (place.home, *place.home.parents) if folder.exists())
    return Facts(
        python=sys.version_info[:3],
        cores=usable_cores(),
        memory=psutil.virtual_memory().total,
        disk=shutil.disk_usage(existing).free,
        home=place.home,
        gpu=gpu_here(),
        js_runtime=js_runtime(),
        profile=profile,
        lacking=walls_lacking(),
        models=models_of(place, profile),
        store=store_of(place),
        sites=sites_of(profile, mounts),
        writable=existing.is_dir() and os.access(existing, os.W_OK | os.X_OK),
    )


def sites_of(profile: IngestProfileSpec, mounts: Mounts) -> SiteFacts:
    """What a run would read for its sites, read as its workers read it."""
    try:
        access = access_here(profile.fetch.sites, mounts)
        wanting = tuple(each.name for each in access if each.cookies or each.proxy)
        read_secrets(access)
    except (SourceError, StageError) as error:
        named = tuple(each.name for each in profile.fetch.sites if each.cookies or each.proxy)
        return SiteFacts(named, str(error))
    return SiteFacts(wanting)


def gpu_here() -> GpuFacts | None:
    """The GPU that a worker started now would use;
    None if there is none, or if `CUDA_VISIBLE_DEVICES` hides it."""
    from ingest_worker.gpu.nvml import find_gpu

    try:
        gpu = find_gpu()
        total, card = gpu.memory().total_mib, gpu.card()
    except StageError:
        return None
    return GpuFacts(gpu.uuid, total, card, _cublas_is_found())


def trials(place: Workplace, facts: Facts) -> Iterator[Tried]:
    """Every engine of the profile's set tried on the device that workers would use, each as soon as it is
    known. They run in a process of their own, whose memory comes back; a process that dies is told as an
    engine that cannot be used."""
    runtime = facts.profile.runtime
    wanted = runtime.device is not Device.CPU and (facts.gpu is not None or runtime.device is Device.CUDA)
    command = [
        sys.executable,
        "-m",
        "ingest_worker.trial",
        f"--models={place.models}",
        f"--set={facts.profile.model_set}",
        f"--device={'cuda' if wanted else 'cpu'}",
        f"--compute-type={runtime.compute_type.value}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                yield Tried.of(line)
            said = process.stderr.read() if process.stderr else ""
        except BaseException:  # SIGTERM comes to this process alone
            process.kill()
            raise
    if process.returncode:
        ended = f"the process that tried them ended with {process.returncode}: {said.strip()[-300:]}"
        yield Tried("engines", ended, Reason.UNKNOWN)


def _cublas_is_found() -> bool:
    from ingest_worker.engines.cublas import preload

    try:
        preload()
    except StageError:
        return False
    return True


def js_runtime() -> str | None:
    """The deno that yt-dlp will use: first next to this Python, then on PATH (its `utils/_jsruntime.py`)."""
    beside = Path(sysconfig.get_path("scripts")) / "deno"
    program = str(beside) if beside.is_file() else shutil.which("deno")
    if program is None:
        return None
    try:
        said = subprocess.run(
            [program, "--version"], check=True, capture_output=True, text=True, timeout=20
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"deno \S+", said)
    return found[0] if found else None


def models_of(place: Workplace, profile: IngestProfileSpec) -> ModelFacts:
    """Whether the profile's models are here, and every file of their set matches the lock."""
    try:
        used = require_models(place, profile)
        with going("looking at this machine: hashing the files of the models"):
            verdicts = verified(place.models, profile.model_set)
            fault = next((verdict.fault for verdict in verdicts if verdict.fault), None)
    except StageError as error:
        return ModelFacts(profile.model_set, fault=str(error))
    return ModelFacts(profile.model_set, sum(file.size for model in used for file in model.files), fault)


def store_of(place: Workplace) -> StoreFacts:
    """A server given by DSN as it is; the embedded one as it would be, made in a temporary folder."""
    with going("looking at this machine: asking the store"):
        return _store_of(place)


def _store_of(place: Workplace) -> StoreFacts:
    if place.dsn is not None:
        return _asked(redacted(place.dsn), place.dsn)
    from ingest_worker.store.embedded import embedded

    try:
        with (
            tempfile.TemporaryDirectory(prefix="video-ingest-") as folder,
            embedded(Path(folder) / "postgres") as dsn,
        ):
            migrate(dsn)
            return _asked("embedded", dsn)
    except StageError as error:
        return StoreFacts("embedded", fault=str(error))


def _asked(address: str, dsn: str) -> StoreFacts:
    try:
        with connect(dsn, application="doctor") as connection:
            return StoreFacts(
                address, server_version(connection), pgvector_version(connection), schema_version(connection)
            )
    except StageError as error:
        return StoreFacts(address, fault=str(error))
