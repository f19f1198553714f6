"""What a user reads who mistypes, names what is not there, or closes what the command writes to: one line
with the next step, the exit code of docs/command-line.md, and never a traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_contract.names import API_VERSION
from ingest_operator.local.folders import BatchFolder
from ingestctl import ending
from tests.support.command_line import CommandLine

URL = {"url": "https://media.example.org/talk.mp4"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with two batches of one namespace and one of another, none of which has a status."""
    for name in ("INGEST_MODELS", "INGEST_DSN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INGEST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for namespace, name in (("default", "talks"), ("default", "feeds"), ("team", "talks")):
        folder = BatchFolder.of(tmp_path / "home", namespace, name)
        folder.path.mkdir(parents=True)
        (folder.path / "settings.json").write_text("{}")
    return tmp_path / "home"


@pytest.fixture
def command(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert home.is_dir()
    return CommandLine(capsys, monkeypatch)


def written(path: Path, **spec: Any) -> Path:
    document = {"apiVersion": API_VERSION, "kind": "IngestBatch", "metadata": {"name": "talks"}, "spec": spec}
    path.write_text(yaml.safe_dump(document))
    return path


def batches(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home / "batches").parent) for path in home.rglob("settings.json"))


ALL = ["default/feeds", "default/talks", "team/talks"]


@pytest.mark.parametrize(
    "words",
    [[""], ["."], [".."], ["/"], ["../team"], ["talks", "-n", ".."], ["default", "-n", ""], ["talk"]],
    ids=" ".join,
)
def test_no_name_makes_forget_remove_more_than_one_batch(
    home: Path, command: CommandLine, words: list[str]
) -> None:
    said = command("forget", *words)
    assert (said.code, batches(home)) == (2, ALL)
    assert "no batch " in said.err


def test_a_dry_run_of_forgetting_a_batch_removes_nothing(home: Path, command: CommandLine) -> None:
    said = command("forget", "talks", "--dry-run", "-o", "json")
    assert (said.code, batches(home)) == (0, ALL)
    assert (json.loads(said.out)["dryRun"], json.loads(said.out)["batch"]) == (True, "default/talks")
    assert (command("forget", "talks").code, batches(home)) == (0, ["default/feeds", "team/talks"])


@pytest.mark.parametrize("name", ["status", "watch", "why", "report"])
def test_for_a_mistyped_batch_those_that_are_near_are_named(command: CommandLine, name: str) -> None:
    said = command(name, "tlaks")
    assert (said.code, "did you mean talks?" in said.err) == (2, True)


def test_a_status_that_is_not_there_yet_is_no_missing_batch(command: CommandLine) -> None:
    for name in ("status", "report"):
        said = command(name, "talks")
        assert (said.code, "no status yet: `ingestctl run`" in said.err, "mean" in said.err) == (
            2,
            True,
            False,
        )


def test_a_plan_that_cannot_be_read_is_one_line_with_the_file(home: Path, command: CommandLine) -> None:
    folder = BatchFolder.of(home, "default", "talks")
    batch = yaml.safe_load(written(home / "b.yaml", sources=[URL]).read_text())
    folder.status.write_text(json.dumps(batch))
    folder.plan(0).write_text(json.dumps({"sources": 1, "at": "", "document": {"items": "none"}}))
    said = command("status", "talks")
    assert (said.code, str(folder.plan(0)) in said.err, "ingestctl forget" in said.err) == (2, True, True)
    document = command("status", "talks", "-o", "yaml")
    assert (document.code, yaml.safe_load(document.out)["metadata"]["name"]) == (0, "talks")
    folder.plan(0).write_text(json.dumps({"at": "", "document": {"items": []}}))
    assert command("status", "talks").code == 2
    folder.status.write_bytes(b"\xff\xfe")
    assert (command("status", "talks").code, command("list").code) == (2, 0)
    assert "Unreadable" in command("list").out


@pytest.mark.parametrize("words", [["run", "b.yaml"], ["status", "talks"], ["list"], ["plan", "b.yaml"]])
def test_a_home_that_is_a_file_is_one_line(command: CommandLine, words: list[str]) -> None:
    file = written(Path("b.yaml"), sources=[URL])
    said = command(*words, "--home", file)
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) <= 2, "that a store is made, and why it is not"
    assert said.code == {"run": 1, "plan": 1, "status": 2, "list": 0}[words[0]]


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ({"profileRef": {"name": "large"}}, "Name its file too"),
        ({"speakers": {"profiles": ["ann"]}}, "no SpeakerProfile ann; there is none in the files given"),
    ],
)
def test_what_the_batch_names_must_be_in_the_files_before_anything_runs(
    home: Path, command: CommandLine, spec: dict[str, Any], part: str
) -> None:
    said = command("run", written(Path("b.yaml"), sources=[URL], **spec))
    assert (said.code, part in said.err) == (2, True), said.err
    assert not (home / "postgres").exists()


def test_a_store_is_not_made_before_the_models_are_there(home: Path, command: CommandLine) -> None:
    said = command("run", written(Path("b.yaml"), sources=[URL]))
    assert (said.code, "ingestctl models fetch default" in said.err) == (1, True)
    assert not (home / "postgres").exists()


@pytest.mark.parametrize("name", ["nope.yaml", "."])
def test_a_file_that_is_none_names_the_next_step(command: CommandLine, name: str) -> None:
    said = command("run", name)
    assert (said.code, "ingestctl example" in said.err) == (2, True)


@pytest.mark.parametrize("count", [0, 2])
def test_another_number_of_batches_than_one_is_reported_with_what_to_do(
    command: CommandLine, count: int
) -> None:
    profile = yaml.safe_dump(
        {"apiVersion": API_VERSION, "kind": "IngestProfile", "metadata": {"name": "p"}, "spec": {}}
    )
    Path("b.yaml").write_text(
        "---\n".join([profile, *[written(Path("one.yaml"), sources=[URL]).read_text()] * count])
    )
    said = command("run", "b.yaml")
    wanted = {0: "0 are there; `ingestctl example`", 2: "2 are there; give each a run of its own"}
    assert (said.code, wanted[count] in said.err) == (2, True)


def test_a_folder_without_a_name_is_no_volume(command: CommandLine) -> None:
    said = command("run", written(Path("b.yaml"), sources=[URL]), "--volume", "=.")
    assert (said.code, "NAME=FOLDER is wanted" in said.err) == (2, True)


def test_a_store_that_does_not_answer_names_the_next_step(command: CommandLine) -> None:
    said = command("verify", "--dsn", "postgresql://ann:geheim@127.0.0.1:1/x")
    assert (said.code, "--dsn (INGEST_DSN)" in said.err, "geheim" in said.err) == (1, True, False)


def test_the_mistakes_of_a_file_that_is_no_model_set_are_reported_by_field(command: CommandLine) -> None:
    said = command("models", "fetch", written(Path("b.yaml"), sources=[URL]))
    assert (said.code, "models: is required" in said.err, "pydantic" in said.err) == (1, True, False)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["watch", "talks", "-o", "yaml"], "Invalid value for --output"),
        (["export", "--all", "--format", "vtt"], "Invalid value for --to: which folder?"),
        (["export", "--all", "--format", "parquet"], "Invalid value for --to: which file?"),
        (["serve", "--token-file", "nope"], "Invalid value for --token-file"),
        (["serve", "--host", "192.0.2.1"], "Invalid value for --host"),
        (["status"], "Missing argument 'BATCH'"),
        (["run"], "Missing argument 'FILE'"),
        (["lits"], "Did you mean 'list'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistaken_option_is_named(command: CommandLine, words: list[str], part: str) -> None:
    said = command(*words)
    assert (said.code, part in said.err) == (2, True), said.err


@pytest.mark.parametrize("words", [["why", "--help"], ["retry", "--help"], ["run", "--help"]])
def test_usage_brackets_each_argument_once(command: CommandLine, words: list[str]) -> None:
    usage = command(*words).out.splitlines()[0]
    assert not any(double in usage for double in ("[[", "]]", "......", "...}"))


def test_the_version_is_said(command: CommandLine) -> None:
    said = command("--version")
    assert (said.code, said.out.split()[0], said.out.split()[1][0].isdigit()) == (0, "ingestctl", True)


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (PermissionError(13, "Permission denied", "/srv/a"), 1, "/srv/a: Permission denied. Next: "),
        (OSError(28, "No space left on device"), 1, "standard output: No space left on device. Next: make"),
        (OSError(30, "Read-only file system", b"/srv"), 1, "/srv: Read-only file system. Next: "),
        (UnicodeEncodeError("ascii", "a\u00e9", 1, 2, "no"), 1, "PYTHONIOENCODING=utf-8"),
    ],
)
def test_a_file_or_output_that_cannot_be_used_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, part: str
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    found = ending.of(error)
    assert found is not None
    assert (found.exit_code, len(found.lines), part in found.lines[0]) == (code, 1, True)


@pytest.mark.parametrize("error", [ValueError("?"), KeyError("a"), OSError("of a library")])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    assert ending.of(error) is None


def _nobody_reads() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def _full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize(("output", "words"), [(_nobody_reads, []), (_full, ["standard", "output:"])])
def test_a_result_that_nobody_takes_is_no_complaint_of_the_interpreter(
    home: Path, output: Callable[[], int], words: list[str]
) -> None:
    file = output()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ingestctl", "list", "-o", "json", "--home", str(home)],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"},
        )
    finally:
        os.close(file)
    assert (done.returncode, done.stderr.split()[1:3]) == (1, words)


def test_closed_standard_files_are_no_traceback(home: Path) -> None:
    command = f"{sys.executable} -m ingestctl list -o json --home {home} <&- >&-"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
