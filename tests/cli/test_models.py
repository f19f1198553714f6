"""Sets of models, as a person sees them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingestctl.commands.every import app
from ingestctl.models import listed, verified
from ingestctl.place import Workplace
from tests.cli.conftest import small_set


def run(place: Workplace, *arguments: str) -> tuple[int, str]:
    """(exit code, everything printed); what `main` would turn into a sentence is raised."""
    done = CliRunner().invoke(app, [*arguments, "--home", str(place.home)], catch_exceptions=False)
    return done.exit_code, done.output


def test_the_list_shows_what_is_not_here_too(place: Workplace) -> None:
    rows = {(row.set_name, row.model): row.state for row in listed(place.models)}
    assert rows["default", "bge-large-en-v1.5"] == "not fetched"
    code, text = run(place, "models", "list")
    assert code == 0
    assert "bge-large-en-v1.5" in text


def test_models_put_there_by_hand_can_be_locked_by_their_sets_file_and_are_listed_then(
    place: Workplace,
) -> None:
    path = small_set(place.models)
    code, text = run(place, "models", "lock", str(path))
    assert code == 0
    assert f"small: 3 models, 0 MiB, locked in {place.models / 'small' / 'lock.yaml'}" in text
    assert "does not pin every file's hash" in text
    states = {row.model: row.state for row in listed(place.models) if row.set_name == "small"}
    assert states.keys() == {"tiny", "who", "mini"}
    assert states["mini"].startswith("here, mini@")


def test_a_changed_file_is_found_by_name_or_by_path_and_the_exit_code_says_so(place: Workplace) -> None:
    path = small_set(place.models)
    run(place, "models", "lock", str(path))
    assert run(place, "models", "verify", str(path)) == (
        0,
        "".join(f"{name}: every file as locked\n" for name in ("tiny", "who", "mini")),
    )
    weights = place.models / "small" / "who" / "weights.bin"
    weights.write_text(weights.read_text().upper())
    code, text = run(place, "models", "verify", "small")
    assert code == 1
    assert f"who: {weights} differs from its lock." in text
    assert [verdict.model for verdict in verified(place.models, "small") if verdict.fault] == ["who"]


@pytest.mark.parametrize("command", ["fetch", "lock"])
def test_a_set_that_nobody_knows_is_answered_with_those_there_are(place: Workplace, command: str) -> None:
    with pytest.raises(StageError, match=r"There is no model set 'defualt'\. Known: default") as verdict_text:
        run(place, "models", command, "defualt")
    assert verdict_text.value.reason is Reason.MODELS_UNAVAILABLE


def test_a_set_that_was_never_fetched_cannot_be_verified(place: Workplace) -> None:
    with pytest.raises(StageError, match="Run `ingestctl models fetch default`"):
        run(place, "models", "verify", "default")


@pytest.mark.models
def test_the_demo_set_is_fetched_locked_and_then_only_checked(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from testkit.models.demo_set import models

    monkeypatch.setenv("INGEST_MODELS", str(models()))
    demo = Path(__file__).parents[2] / "demo" / "models.yaml"
    code, text = run(place, "models", "fetch", str(demo))
    assert code == 0
    assert [line for line in text.splitlines() if line.endswith(": here")] == [
        f"{m}: here" for m in ("tiny.en", "community-1", "all-MiniLM-L6-v2")
    ]
    assert "demo: 3 models, 193 MiB, locked in" in text
    assert "does not pin" not in text
