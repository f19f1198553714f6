"""Engines are imported without what only training needs, and answer as they do with all of it."""

import importlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import pytest

from ingest_worker.engines.lean import LEFT_OUT, METRICS, STAND_INS, lean_imports
from testkit.models import community1
from testkit.models.reference_diarization import pcm
from testkit.speech.catalogue import recordings
from tests.worker.embedding import tiny

NOBODYS: Final = (*LEFT_OUT, *STAND_INS)

HEARD: Final = """
import json, sys
from pathlib import Path
import numpy as np
import torch
torch.set_num_threads(1)
if sys.argv[1] == "whole":
    import matplotlib.pyplot, scipy.stats, sklearn.cluster, torch._dynamo, torchmetrics
from ingest_contract.order import SpeakerCount
from ingest_worker.domain import Audio
from ingest_worker.engines.diarization import PyannoteDiarizer
from ingest_worker.engines.embedding import SentenceEmbedder
from ingest_worker.engines.lean import STAND_INS, lean_imports
path, samples = Path(sys.argv[2]), int(sys.argv[3])
diarizer = PyannoteDiarizer(Path(sys.argv[4]), device="cpu", batch=32)
with lean_imports():  # as while another thread loads the text model
    found = diarizer.diarize(Audio(path, samples), SpeakerCount(), lambda _: None)
embedder = SentenceEmbedder(Path(sys.argv[5]), device="cpu", batch_tokens=512, model_key="tiny@1")
vectors = embedder.embed(["the bridge was repaired", "nobody came"], lambda _: None)
there = [name for name in ("matplotlib", *STAND_INS) if name in sys.modules]
from pyannote.audio.pipelines import clustering  # where the number of speakers is known
points = np.random.default_rng(1).normal(size=(60, 8))
print(json.dumps({
    "turns": [[turn.start, turn.end, turn.speaker] for turn in found.turns],
    "voices": found.vectors.tolist(),
    "three": clustering.KMeans(n_clusters=3, n_init=3, random_state=42).fit_predict(points).tolist(),
    "texts": vectors.values.tolist(),
    "there": there,
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

REPORTED: Final = """
import json, sys, threading
import ingest_worker.engines.diarization
from pyannote.audio.core.model import track_model_init
print(json.dumps([track_model_init(None), "opentelemetry" in sys.modules, threading.active_count()]))
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
    assert lean.pop("there") == []
    assert {"matplotlib", "sklearn.cluster", "torch._dynamo", METRICS} <= {*whole.pop("there")}
    assert len(whole["turns"]) > 3
    assert {*lean["three"]} == {0, 1, 2}
    assert lean == whole


@pytest.mark.parametrize("real", STAND_INS)
def test_nothing_is_hidden_where_one_of_them_is_imported_already(
    real: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NOBODYS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, real, sys)
    with lean_imports():
        assert sys.modules[real] is sys
        assert set(NOBODYS) & sys.modules.keys() == {real}


def test_what_stood_in_is_gone_when_an_import_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NOBODYS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ImportError, match="torchmetrics"), lean_imports():
        from torchmetrics import Accuracy  # noqa: F401 - the stand-in has no such name
    assert not set(NOBODYS) & sys.modules.keys()


def test_what_is_called_later_is_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NOBODYS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with lean_imports():
        from scipy.stats import scoreatpercentile

        with pytest.raises(ImportError, match="scoreatpercentile is called by an import"):
            scoreatpercentile([1, 2, 3], 50)
    assert scoreatpercentile([1, 2, 3], 50) == 2


def test_a_call_of_the_real_one_waits_for_imports_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NOBODYS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with ThreadPoolExecutor(1) as other:
        with lean_imports():
            from scipy.stats import scoreatpercentile

            calling = other.submit(scoreatpercentile, [1, 2, 3], 50)
            assert not wait([calling], timeout=0.2).done
        assert calling.result() == 2


def test_a_function_that_is_marked_for_the_compiler_stays_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NOBODYS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with lean_imports():
        marks: Any = importlib.import_module("torch._dynamo")
    assert marks.disable(answer) is answer
    assert marks.disable(recursive=False)(answer) is answer
    assert marks.allow_in_graph(answer) is answer


@pytest.mark.slow
def test_no_run_is_reported_to_the_makers_of_an_engine_and_no_thread_waits_for_it() -> None:
    assert answer(REPORTED) == [None, False, 1]
