"""Engines are imported without what only training needs, and answer as they do with all of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from ingest_worker.engines.lean import LEFT_OUT, METRICS, lean_imports
from testkit.models import community1
from testkit.models.reference_diarization import pcm
from testkit.speech.catalogue import recordings
from tests.worker.embedding import tiny

NOBODYS: Final = (*LEFT_OUT, METRICS)

HEARD: Final = """
import json, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
if sys.argv[1] == "whole":
    import matplotlib.pyplot, torchmetrics
from ingest_contract.order import SpeakerCount
from ingest_worker.domain import Audio
from ingest_worker.engines.diarization import PyannoteDiarizer
from ingest_worker.engines.embedding import SentenceEmbedder
path, samples = Path(sys.argv[2]), int(sys.argv[3])
found = PyannoteDiarizer(Path(sys.argv[4]), device="cpu", batch=32).diarize(
    Audio(path, samples), SpeakerCount(), lambda _: None
)
embedder = SentenceEmbedder(Path(sys.argv[5]), device="cpu", batch_tokens=512, model_key="tiny@1")
vectors = embedder.embed(["the bridge was repaired", "nobody came"], lambda _: None)
print(json.dumps({
    "turns": [[turn.start, turn.end, turn.speaker] for turn in found.turns],
    "voices": found.vectors.tolist(),
    "texts": vectors.values.tolist(),
    "there": [name for name in ("matplotlib", "torchmetrics") if name in sys.modules],
}))
"""

IMPORTED: Final = """
import json, sys
import ingest_worker.engines.diarization
early = [name for name in ("pyannote.audio.pipelines", "transformers") if name in sys.modules]
import ingest_worker.engines.sentence_parts
late = [name for name in sys.argv[1:] if name in sys.modules]
import torchmetrics
print(json.dumps([early, late, hasattr(torchmetrics, "functional")]))
"""


def answer(code: str, *arguments: str) -> Any:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_diarizers_import_is_complete_and_brings_nothing_that_only_training_needs() -> None:
    """Complete: where a model must wait for memory, its import is all that is done early."""
    early, late, real = answer(IMPORTED, *NOBODYS)
    assert early == ["pyannote.audio.pipelines"]
    assert late == []
    assert real, "whoever wants the real metrics afterwards gets them"


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_turns_and_vectors_are_those_that_come_with_everything_imported(tmp_path: Path) -> None:
    sound = pcm(recordings()["sample"].path, tmp_path / "audio.pcm")
    text_model = tiny.sentence_model(tmp_path, "roberta")
    arguments = (str(sound.path), str(sound.samples), str(community1.kit()), str(text_model))
    whole, lean = (answer(HEARD, which, *arguments) for which in ("whole", "lean"))
    assert (whole.pop("there"), lean.pop("there")) == (["matplotlib", "torchmetrics"], [])
    assert len(whole["turns"]) > 3
    assert lean == whole


def test_nothing_is_hidden_from_metrics_that_are_imported_already(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LEFT_OUT:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, METRICS, sys)
    with lean_imports():
        assert sys.modules[METRICS] is sys
        assert not set(LEFT_OUT) & sys.modules.keys()


def test_what_stood_in_is_gone_when_an_import_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NOBODYS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ImportError, match="torchmetrics"), lean_imports():
        from torchmetrics import Accuracy  # noqa: F401 - the stand-in has no such name
    assert not set(NOBODYS) & sys.modules.keys()
