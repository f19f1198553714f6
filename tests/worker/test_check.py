"""The check of an installation:
what a worker would find, each in one line, with the real models and a real Postgres."""

import re
from pathlib import Path

import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_worker.store.connect import connect
from ingest_worker.store.schema import ensure_dimension, expected_version
from testkit.models.demo_set import models
from tests.support.commands import run_module
from tests.support.played_worker import played_models
from tests.support.text_model import text_model

CHECK = "ingest_worker.check"

pytestmark = pytest.mark.postgres


@pytest.mark.models
def test_a_good_installation_is_reported_line_by_line_and_every_engine_computes(database: str) -> None:
    ensure_dimension(database, 384)
    run = run_module(CHECK, "--models", str(models()), "--set", "demo", environment={"INGEST_DSN": database})
    assert (run.returncode, run.stderr) == (0, "")
    gpu, found, store, whisper, pyannote, sentences, walls = run.stdout.splitlines()
    assert gpu == "ok      gpu: none asked for; the models run on the CPU"
    assert found.startswith("ok      models: set demo, every file as locked: ")
    assert "community-1@" in found
    assert store.startswith("ok      store: ")
    assert re.search(
        rf"has schema {expected_version()}, and a table for the 384 numbers of all-MiniLM-L6-v2@\w+$", store
    )
    assert re.fullmatch(
        r"ok      transcription tiny\.en: cpu, int8: loaded in .* s, first call .* s", whisper
    )
    assert pyannote.startswith("ok      diarization community-1: cpu: loaded in ")
    assert sentences.startswith("ok      embedding all-MiniLM-L6-v2: cpu: loaded in ")
    assert walls == "ok      walls: the decoder runs behind no_new_privs, landlock and seccomp"


def test_everything_that_is_missing_is_reported_at_once_and_the_first_of_it_is_the_exit_code(
    tmp_path: Path,
) -> None:
    nowhere = {"INGEST_DSN": "postgresql://ann:secret@127.0.0.1:1/video", "CUDA_VISIBLE_DEVICES": ""}
    run = run_module(CHECK, "--gpu", "--models", str(tmp_path), environment=nowhere)
    gpu, found, store, _ = run.stdout.splitlines()
    assert gpu.startswith("missing gpu: GpuUnavailable: ")
    assert found.startswith("missing models: ModelsUnavailable: ")
    assert store.startswith("missing store: DatabaseUnavailable: ")
    assert "secret" not in run.stdout + run.stderr
    assert run.returncode == FAILURES[Reason.GPU_UNAVAILABLE].exit_code


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("drop schema ingest cascade", Reason.SCHEMA_MISMATCH),
        ("insert into ingest.schema_version values (99, '0099_later.sql', 'x')", Reason.SCHEMA_MISMATCH),
    ],
)
def test_a_store_of_another_version_is_not_one(
    tmp_path: Path, database: str, change: str, reason: Reason
) -> None:
    with connect(database, application="tests") as owner:
        owner.execute(change.encode())
    run = run_module(CHECK, "--models", str(tmp_path), environment={"INGEST_DSN": database})
    assert run.stdout.splitlines()[-2].startswith(f"missing store: {reason.value}: ")
    assert run.returncode == FAILURES[Reason.MODELS_UNAVAILABLE].exit_code


def test_a_store_without_a_table_for_the_sets_text_model_is_not_one(tmp_path: Path, database: str) -> None:
    place = played_models(tmp_path, lambda models: text_model(models / "demo" / "all-MiniLM-L6-v2", 5))
    run = run_module(CHECK, "--models", str(place), "--set", "demo", environment={"INGEST_DSN": database})
    store = run.stdout.splitlines()[2]
    assert store.startswith(
        "missing store: DimensionMismatch: The store has no table for vectors of 5 numbers"
    )
    assert run.returncode == FAILURES[Reason.DIMENSION_MISMATCH].exit_code


def test_a_table_that_nobody_looked_for_is_reported(tmp_path: Path, database: str) -> None:
    place = played_models(tmp_path)
    for folder, set_name, why in (
        (place, "demo", "the files of all-MiniLM-L6-v2@"),
        (place, "none", "the set of models is not there"),
    ):
        run = run_module(
            CHECK, "--models", str(folder), "--set", set_name, environment={"INGEST_DSN": database}
        )
        store = run.stdout.splitlines()[2]
        assert store.startswith("ok      store: ")
        assert f"has schema {expected_version()}, no table of vectors was looked for: {why}" in store


@pytest.mark.models
def test_a_model_that_differs_from_its_lock_is_not_one(tmp_path: Path, database: str) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    for each in (models() / "demo").iterdir():
        if each.name != "lock.yaml":
            (folder / each.name).symlink_to(each)
    (folder / "lock.yaml").write_bytes(
        (models() / "demo" / "lock.yaml").read_bytes().replace(b"size: ", b"size: 1")
    )
    run = run_module(CHECK, "--models", str(tmp_path), "--set", "demo", environment={"INGEST_DSN": database})
    assert run.returncode == FAILURES[Reason.MODELS_UNAVAILABLE].exit_code
    assert "bytes instead of 1" in run.stdout
