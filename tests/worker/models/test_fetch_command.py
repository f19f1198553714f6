"""Fetching as a Job does it: a set into a volume, licences before anything else,
the hub's token from the environment."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ingest_contract.failures import FAILURES, Reason
from ingest_worker.models import Role, open_models
from tests.support.commands import run_module
from tests.support.hub import Hub, Repository, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub() -> Iterator[Hub]:
    gated = Repository({"config.yaml": b"pipeline: x", "model.bin": b"weights"}, COMMIT, gated=True)
    with serving(
        Hub(
            {"someone/gated": gated, "someone/open": Repository({"config.json": b"{}"}, COMMIT)},
            token="hf_right",
        )
    ) as served:
        yield served


@pytest.fixture
def set_file(tmp_path: Path) -> Path:
    def model(name: str, role: str, licence: str, *, gated: bool) -> dict[str, object]:
        source = {"kind": "hub", "repository": f"someone/{name}", "take": ["*"], "gated": gated}
        return {"name": name, "role": role, "licence": licence, "attribution": "someone", "source": source}

    path = tmp_path / "mine.yaml"
    models = [
        model("open", "transcription", "MIT", gated=False),
        model("gated", "diarization", "CC-BY-4.0", gated=True),
    ]
    path.write_text(yaml.safe_dump({"name": "mine", "verified": False, "models": models}))
    return path


def fetched(hub: Hub, set_file: Path, *arguments: str, token: str = "") -> tuple[int, str, str]:
    own = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(set_file.parent / "hf"),
        "NO_PROXY": "127.0.0.1",
        "HF_HUB_DISABLE_XET": "1",
    }
    volume = str(set_file.parent / "models")
    run = run_module(
        "ingest_worker.models",
        str(set_file),
        "--into",
        volume,
        *arguments,
        environment=own | {"HF_TOKEN": token},
    )
    return run.returncode, run.stdout, run.stderr


def test_a_set_comes_with_its_licences_and_can_be_opened(hub: Hub, set_file: Path) -> None:
    code, said, mistakes = fetched(
        hub, set_file, "--licence", "MIT", "--licence", "CC-BY-4.0", token="hf_right"
    )
    assert (code, mistakes) == (0, "")
    assert said.splitlines()[:2] == ["open: MIT, someone", "gated: CC-BY-4.0, someone"]
    assert said.splitlines()[-1].startswith("mine: 2 models")
    assert open_models(set_file.parent / "models", "mine").path(Role.DIARIZATION, "gated").is_dir()


def test_a_licence_that_nobody_accepted_is_reported_before_anything_is_fetched(
    hub: Hub, set_file: Path
) -> None:
    code, _, mistakes = fetched(hub, set_file, "--licence", "MIT", token="hf_right")
    assert code == FAILURES[Reason.MODELS_UNAVAILABLE].exit_code
    assert "gated (CC-BY-4.0)" in mistakes
    assert "open (MIT)" not in mistakes
    assert hub.served == []
    assert not (set_file.parent / "models").exists()


def test_a_token_without_access_is_reported_with_the_page_to_open(hub: Hub, set_file: Path) -> None:
    code, _, mistakes = fetched(hub, set_file, token="hf_wrong")
    assert code == FAILURES[Reason.MODELS_UNAVAILABLE].exit_code
    assert "accept its conditions" in mistakes
    assert "hf_wrong" not in mistakes
    assert hub.served == []


def test_a_set_that_there_is_not_is_reported_with_those_there_are(tmp_path: Path) -> None:
    run = run_module("ingest_worker.models", "best", "--into", str(tmp_path))
    assert (run.returncode, "Known: default" in run.stderr) == (
        FAILURES[Reason.MODELS_UNAVAILABLE].exit_code,
        True,
    )
