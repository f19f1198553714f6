"""Fetching from a hub: with the hub's real client, against a stand-in server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ingest_worker.models import Role, load_set, lock, open_models
from ingest_worker.models.locks import read_lock
from tests.support.hub import Hub, Repository, serving

pytestmark = pytest.mark.slow

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FETCH = """
import sys
from pathlib import Path
from ingest_worker.errors import StageError
from ingest_worker.models import fetch, load_set
try:
    fetch(load_set(sys.argv[1]), Path(sys.argv[2]), lambda name, share: None)
except StageError as error:
    sys.exit(f"{error.reason}: {error}")
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    open_model = Repository(
        {"config.json": b"{}", "model.bin": b"weights" * 1000, "flax.msgpack": b"the same, for others"},
        COMMIT,
    )
    gated_model = Repository({"config.yaml": b"pipeline: x", "plda/plda.npz": b"plda"}, COMMIT, gated=True)
    with serving(Hub({"someone/open": open_model, "someone/gated": gated_model}, token="hf_right")) as served:
        yield served


@pytest.fixture
def set_file(tmp_path: Path) -> Path:
    def model(
        name: str, role: str, repository: str, take: list[str], *, gated: bool = False
    ) -> dict[str, object]:
        source = {"kind": "hub", "repository": repository, "take": take, "gated": gated}
        return {"name": name, "role": role, "licence": "MIT", "attribution": "nobody", "source": source}

    models = [
        model("words", "transcription", "someone/open", ["config.json", "model.*"]),
        model("voices", "diarization", "someone/gated", ["config.yaml", "plda/*.npz"], gated=True),
    ]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"name": "mine", "verified": False, "models": models}))
    return path


def fetch(set_file: Path, folder: Path, hub: Hub, token: str | None) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the client reads its address and token once, when it is imported."""
    own = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
    own |= {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder.parent / "hf"),
        "NO_PROXY": "127.0.0.1",
        "HF_HUB_DISABLE_XET": "1",
    }
    if token:
        own["HF_TOKEN"] = token
    return subprocess.run(
        [sys.executable, "-c", FETCH, set_file, folder], env=own, capture_output=True, text=True, check=False
    )


def test_a_gated_model_without_a_token_is_reported_with_its_page_before_anything_is_fetched(
    hub: Hub, set_file: Path, tmp_path: Path
) -> None:
    run = fetch(set_file, tmp_path / "models", hub, token=None)
    assert run.returncode == 1
    assert "ModelsUnavailable: someone/gated asks people to accept its conditions" in run.stderr
    assert "https://huggingface.co/someone/gated" in run.stderr
    assert hub.served == []


def test_a_token_whose_owner_has_not_accepted_the_conditions_is_reported_the_same(
    hub: Hub, set_file: Path, tmp_path: Path
) -> None:
    run = fetch(set_file, tmp_path / "models", hub, token="hf_wrong")
    assert "accept its conditions" in run.stderr
    assert hub.served == []


def test_the_first_fetch_locks_commit_and_hashes_and_takes_only_what_the_set_names(
    hub: Hub, set_file: Path, tmp_path: Path
) -> None:
    run = fetch(set_file, tmp_path / "models", hub, token="hf_right")
    assert run.returncode == 0, run.stderr
    assert sorted(hub.served) == ["config.json", "config.yaml", "model.bin", "plda/plda.npz"]
    locked = read_lock(tmp_path / "models", "mine")
    assert [model.revision for model in locked.models] == [COMMIT, COMMIT]
    assert (
        open_models(tmp_path / "models", "mine")
        .path(Role.DIARIZATION, "voices")
        .joinpath("plda/plda.npz")
        .read_bytes()
        == b"plda"
    )


def test_a_second_fetch_fetches_nothing_though_the_repository_moved_on(
    hub: Hub, set_file: Path, tmp_path: Path
) -> None:
    assert fetch(set_file, tmp_path / "models", hub, token="hf_right").returncode == 0
    hub.served.clear()
    hub.repositories["someone/open"].commit = "f" * 40
    assert fetch(set_file, tmp_path / "models", hub, token="hf_right").returncode == 0
    assert hub.served == []


def test_a_model_that_was_changed_on_disk_is_fetched_again_and_alone(
    hub: Hub, set_file: Path, tmp_path: Path
) -> None:
    assert fetch(set_file, tmp_path / "models", hub, token="hf_right").returncode == 0
    hub.served.clear()
    (tmp_path / "models/mine/words/model.bin").write_bytes(b"other weights")
    assert fetch(set_file, tmp_path / "models", hub, token="hf_right").returncode == 0
    assert sorted(hub.served) == ["config.json", "model.bin"]


def test_a_hub_that_cannot_be_reached_is_reported_in_a_sentence(
    hub: Hub, set_file: Path, tmp_path: Path
) -> None:
    hub.port = 9  # nobody listens on the discard port
    run = fetch(set_file, tmp_path / "models", hub, token="hf_right")
    assert run.returncode == 1
    assert "could not be fetched from the hub" in run.stderr
    assert "Traceback" not in run.stderr


def test_models_put_there_by_hand_can_be_locked(set_file: Path, tmp_path: Path) -> None:
    for name in ("words", "voices"):
        place = tmp_path / "models/mine" / name
        place.mkdir(parents=True)
        (place / "weights.bin").write_bytes(name.encode())
    locked = lock(load_set(str(set_file)), tmp_path / "models")
    assert (
        open_models(tmp_path / "models", "mine").identity(Role.TRANSCRIPTION, "words")
        == locked.models[0].identity
    )
