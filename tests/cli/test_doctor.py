"""What a machine lacks, one check at a time, over facts that are written down; and once over this machine."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ingest_contract.failures import Reason
from ingest_contract.profile import Device, IngestProfileSpec, RuntimeProfile
from ingest_operator.local.sources import Mounts
from ingest_worker.gpu.port import Card
from ingest_worker.sandbox.walls import Wall
from ingest_worker.store.schema import expected_version
from ingest_worker.trial import Tried
from ingestctl import doctor
from ingestctl.commands.every import app
from ingestctl.doctor import Finding, State, findings
from ingestctl.machine import (
    Facts,
    GpuFacts,
    ModelFacts,
    SiteFacts,
    StoreFacts,
    js_runtime,
    sites_of,
    store_of,
    trials,
)
from ingestctl.place import Workplace

GIB = 2**30
GPU = GpuFacts("GPU-1", 24_000, Card((8, 6), "550.54.15"), cublas=True)
HOPPER, RTX_5080 = (9, 0), (12, 0)
STORE = StoreFacts("embedded", 180_003, "0.8.6", expected_version())
GOOD = Facts(
    python=(3, 12, 1),
    cores=8,
    memory=32 * GIB,
    disk=100 * GIB,
    home=Path("/home/ann/.local/share/video-ingest"),
    gpu=GPU,
    js_runtime="deno 2.9.8",
    profile=IngestProfileSpec(),
    lacking=(),
    models=ModelFacts("default", 4 * GIB),
    store=STORE,
)
WANTS_GPU = IngestProfileSpec(runtime=RuntimeProfile(device=Device.CUDA))
CPU_ONLY = IngestProfileSpec(runtime=RuntimeProfile(device=Device.CPU))


def test_a_machine_that_has_everything_gets_a_line_per_check_and_all_are_ok() -> None:
    found = findings(GOOD)
    assert [finding.name for finding in found] == [
        "python",
        "memory",
        "disk",
        "gpu",
        "cublas",
        "javascript",
        "walls",
        "models",
        "sites",
        "store",
    ]
    assert {finding.state for finding in found} == {State.OK}
    assert (
        str(found[-1])
        == f"ok      store       embedded: Postgres 18, pgvector 0.8.6, schema {expected_version()}"
    )


CASES: list[tuple[Callable[[Facts], Finding], dict[str, Any], State, str]] = [
    (doctor.python, {"python": (3, 10, 14)}, State.MISSING, "3.10.14; 3.11 or newer is needed"),
    (doctor.memory, {"memory": 4 * GIB}, State.MISSING, "needs 5.0 GiB or more"),
    (
        doctor.memory,
        {"memory": 4 * GIB, "models": ModelFacts("demo", GIB // 4)},
        State.OK,
        "8 cores, 4.0 GiB",
    ),
    (doctor.disk, {"disk": GIB}, State.NOTE, "name another folder with --home"),
    (doctor.disk, {"writable": False}, State.MISSING, "cannot be written. Name another folder with --home"),
    (doctor.gpu, {"gpu": None}, State.OK, "no GPU: workers run on the CPU"),
    (doctor.gpu, {"gpu": None, "profile": WANTS_GPU}, State.MISSING, "Install NVIDIA's driver"),
    (
        doctor.gpu,
        {"gpu": replace(GPU, card=Card((8, 6), "470.256.02"))},
        State.MISSING,
        "CUDA 12 needs driver 525.60.13 or newer",
    ),
    (
        doctor.gpu,
        {"gpu": replace(GPU, card=Card((8, 9), "525.60.13"))},
        State.OK,
        "GPU-1, 23.4 GiB, compute capability 8.9, driver 525.60.13",
    ),
    (
        doctor.gpu,
        {"gpu": replace(GPU, card=Card(HOPPER, "565.57.01"))},
        State.MISSING,
        "this GPU needs driver 570.0.0 or newer",
    ),
    (
        doctor.gpu,
        {"gpu": replace(GPU, card=Card(RTX_5080, "570.86.15"))},
        State.OK,
        "compute capability 12.0, driver 570.86.15",
    ),
    (doctor.gpu, {"profile": CPU_ONLY}, State.OK, "not used, the profile says Cpu"),
    (doctor.cublas, {"gpu": None}, State.OK, "not needed without a GPU"),
    (doctor.cublas, {"gpu": replace(GPU, cublas=False)}, State.MISSING, "pip install nvidia-cublas-cu12"),
    (doctor.javascript, {"js_runtime": None}, State.MISSING, "pip install 'yt-dlp[default,deno]'"),
    (
        doctor.walls,
        {"lacking": (Wall.LANDLOCK, Wall.SECCOMP)},
        State.NOTE,
        "lacks landlock, seccomp, so media are decoded without",
    ),
    (
        doctor.models,
        {"models": ModelFacts("default", fault="Not here. Run `x`.")},
        State.MISSING,
        "Not here. Run `x`.",
    ),
    (doctor.sites, {"sites": SiteFacts(("youtube",))}, State.OK, "cookies or a proxy for youtube are there"),
    (doctor.sites, {"sites": SiteFacts(("youtube",), "say --secret")}, State.MISSING, "say --secret"),
    (doctor.store, {"store": StoreFacts("db", fault="Postgres failed.")}, State.MISSING, "Postgres failed."),
    (
        doctor.store,
        {"store": replace(STORE, server=150_004)},
        State.MISSING,
        "Postgres 16 or newer is needed",
    ),
    (doctor.store, {"store": replace(STORE, pgvector=None)}, State.MISSING, "the server has no pgvector"),
    (doctor.store, {"store": replace(STORE, pgvector="0.7.4")}, State.MISSING, "pgvector 0.7.4 is too old"),
    (doctor.store, {"store": replace(STORE, pgvector="0.8.3")}, State.NOTE, "update it to 0.8.4 or newer"),
    (doctor.store, {"store": replace(STORE, schema=None)}, State.MISSING, "Run: ingestctl migrate --dsn"),
    (doctor.store, {"store": replace(STORE, schema=999)}, State.MISSING, "Use the newer program"),
]


@pytest.mark.parametrize(("check", "change", "state", "told"), CASES)
def test_each_lack_is_reported_with_how_to_fix_it(
    check: Callable[[Facts], Finding], change: dict[str, Any], state: State, told: str
) -> None:
    found = check(replace(GOOD, **change))
    assert found.state is state
    assert told in found.message


def test_every_check_has_a_case_above() -> None:
    assert {check for check, *_ in CASES} == set(doctor.CHECKS)


LOGIN = {"secretName": "login", "key": "cookies.txt"}
COOKIES = "127.0.0.1\tTRUE\t/\tFALSE\t0\tsid\tgeheimnis\n"


@pytest.mark.parametrize(
    ("file", "secret", "told"),
    [
        (COOKIES, "login", None),
        (COOKIES, "other", "--secret login=FOLDER"),
        (None, "login", "login/cookies.txt cannot be read"),
        ("sid=geheimnis", "login", "login/cookies.txt has no cookie"),
    ],
)
def test_the_cookies_that_a_profile_names_are_looked_for_as_a_run_would(
    file: str | None, secret: str, told: str | None, tmp_path: Path
) -> None:
    folder = tmp_path / "login"
    folder.mkdir()
    if file is not None:
        (folder / "cookies.txt").write_text(file)
    profile = IngestProfileSpec.from_object({"fetch": {"sites": [{"name": "youtube", "cookies": LOGIN}]}})
    found = sites_of(profile, Mounts(secrets={secret: folder}))
    assert found.wanting == ("youtube",)
    assert (found.fault is None) is (told is None)
    assert (told or "") in (found.fault or "")
    assert "geheimnis" not in (found.fault or "")


def test_one_file_with_cookies_does_for_every_site_and_a_profile_without_sites_wants_none(
    tmp_path: Path,
) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(COOKIES)
    profile = IngestProfileSpec.from_object({"fetch": {"sites": [{"name": "youtube", "cookies": LOGIN}]}})
    assert sites_of(profile, Mounts(cookies=cookies)) == SiteFacts(("youtube", "*"))
    assert sites_of(IngestProfileSpec(), Mounts()) == SiteFacts()


def test_an_engine_that_cannot_be_used_is_reported_with_what_to_do() -> None:
    found = doctor.engine(Tried("transcription turbo", "no int8 here", Reason.COMPUTE_TYPE_UNSUPPORTED))
    assert found.state is State.MISSING
    assert "no int8 here" in found.message
    assert "`runtime.computeType`" in found.message


def run_doctor(place: Workplace, monkeypatch: pytest.MonkeyPatch, database: str, profile: str) -> Result:
    from testkit.models.demo_set import models

    monkeypatch.setenv("INGEST_MODELS", str(models()))
    spec = f"{{{profile}, transcription: {{model: tiny.en}}, embedding: {{model: all-MiniLM-L6-v2}}}}"
    path = place.home.parent / "profile.yaml"
    path.write_text(
        f"{{apiVersion: video-ingest.dev/v1alpha1, kind: IngestProfile, metadata: {{name: p}}, spec: {spec}}}"
    )
    return CliRunner().invoke(
        app,
        ["doctor", "--profile", str(path), "--home", str(place.home), "--dsn", database],
        catch_exceptions=False,
    )


@pytest.mark.models
@pytest.mark.postgres
@pytest.mark.parametrize(("reason", "code"), [(None, 0), (Reason.GPU_BROKEN, 1)])
def test_the_exit_code_says_whether_every_engine_computes(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, database: str, reason: Reason | None, code: int
) -> None:
    monkeypatch.setattr(
        sys.modules["ingestctl.commands.doctor"],
        "trials",
        lambda *_: [Tried("transcription tiny.en", "so", reason)],
    )
    assert run_doctor(place, monkeypatch, database, "modelSet: demo").exit_code == code


def test_a_trial_that_dies_is_reported(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    (died,) = trials(place, GOOD)
    assert died.reason is Reason.UNKNOWN
    assert "ended with 1" in died.message


def test_deno_is_found_where_its_package_put_it() -> None:
    assert (js_runtime() or "").startswith("deno 2.")


@pytest.mark.postgres
def test_the_embedded_postgres_is_really_started(place: Workplace) -> None:
    found = store_of(place)
    assert found.fault is None
    assert doctor.store(replace(GOOD, store=found)).state is State.OK
    assert not place.home.exists()


@pytest.mark.postgres
def test_another_server_is_asked_and_left_as_it_is(
    place: Workplace, database: str, empty_database: str
) -> None:
    good, bare = (store_of(replace(place, dsn=dsn)) for dsn in (database, empty_database))
    assert doctor.store(replace(GOOD, store=good)).state is State.OK
    assert (bare.schema, doctor.store(replace(GOOD, store=bare)).state) == (None, State.MISSING)


def test_a_server_that_does_not_answer_is_reported_without_its_password(place: Workplace) -> None:
    found = doctor.store(
        replace(GOOD, store=store_of(replace(place, dsn="postgresql://ann:secret@127.0.0.1:1/video")))
    )
    assert found.state is State.MISSING
    assert "ann@127.0.0.1:1/video" in found.message
    assert "secret" not in found.message


@pytest.mark.models
@pytest.mark.postgres
@pytest.mark.parametrize(
    ("profile", "code", "engines"),
    [
        ("modelSet: demo, runtime: {computeType: float16}", 1, ["missing", "ok", "ok"]),
        ("modelSet: other", 1, []),
    ],
)
def test_the_exit_code_says_whether_something_needed_is_missing(
    place: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    database: str,
    profile: str,
    code: int,
    engines: list[str],
) -> None:
    done = run_doctor(place, monkeypatch, database, profile)
    lines = done.stdout.splitlines()
    assert (done.exit_code, [line.split()[0] for line in lines[10:]]) == (code, engines)
