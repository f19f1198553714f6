import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestctl import programs
from ingestctl.place import Workplace
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.scene import Scene
from tests.support.hurry import hurry
from tests.support.json_times import odd_times
from tests.support.scenes import ready
from tests.support.text_model import text_model


@pytest.fixture(autouse=True)
def for_programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What a test here prints for programs, as JSON values: in none of it a time has a form of its own."""
    shown: list[Any] = []
    for name in ("show", "show_line"):
        printed = getattr(programs, name)

        def noted(value: Any, *rest: Any, printed: Any = printed) -> None:
            shown.append(json.loads(programs._json(value)))
            printed(value, *rest)

        monkeypatch.setattr(programs, name, noted)
    yield shown
    assert list(odd_times(shown)) == []


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A home of the test's own, without a store's address."""
    for name in ("INGEST_MODELS", "INGEST_DSN", "INGEST_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Workplace.of(tmp_path / "home", None)


@pytest.fixture
def scene(control_plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A namespace with a Secret and a profile, and nobody at work yet."""
    hurry(monkeypatch)
    with ready(control_plane, namespace) as made:
        yield made


def small_set(folder: Path, name: str = "small", *, dimension: int = 8) -> Path:
    """A set's file, its three models by hand in `folder`: enough for everything that does not load them."""
    models = [("tiny", "transcription"), ("who", "diarization"), ("mini", "embedding")]
    lines = [f"name: {name}", "verified: false", "models:"]
    for model, role in models:
        lines += [f"  - {{name: {model}, role: {role}, licence: MIT, attribution: us,"]
        lines += [f"     source: {{kind: hub, repository: us/{model}, take: ['*']}}}}"]
        place = folder / name / model
        place.mkdir(parents=True)
        (place / "weights.bin").write_text(f"{model} of {name}")
    text_model(folder / name / "mini", dimension)
    path = folder.parent / f"{name}.yaml"
    path.write_text("\n".join(lines))
    return path
