"""Real batches for the benchmarks: the demo's profile and models, by `ingestctl run`, in a home that goes
away afterwards."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from testkit.models.demo_set import models
from testkit.speech import catalogue

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "bench" / "results"
NAMES: Final = ("joe", "mina")
"""The dialogue's enrolled voices; the third stays unknown."""


def run_batch(home: Path, urls: Sequence[str], **fetch: Any) -> dict[str, Any]:
    """Ingest the recordings behind `urls`, one at a time; the batch's final status. `fetch` replaces
    settings of the profile."""
    environment = os.environ | {"INGEST_HOME": str(home), "INGEST_MODELS": str(models())}
    command = [sys.executable, "-m", "ingestctl", "run", str(_batch(home, urls, fetch)), "--output", "json"]
    result = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT
    )
    return dict(json.loads(result.stdout)["status"])


def _batch(home: Path, urls: Sequence[str], fetch: dict[str, Any]) -> Path:
    batch, profile, *others = yaml.safe_load_all((ROOT / "demo" / "batch.yaml").read_text())
    voices = home / "voices"
    voices.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        shutil.copyfile(catalogue.recordings()[f"voice-{name}"].path, voices / f"{name}.wav")
    profile["spec"]["fetch"] |= fetch
    batch["spec"]["sources"] = [{"url": url} for url in urls]
    path = home / "batch.yaml"
    path.write_text(yaml.safe_dump_all([batch, profile, *others]).replace("$VOICES", str(voices)))
    return path


def receipts(home: Path) -> dict[str, dict[str, Any]]:
    """The last receipt of each recording, by the name of its file."""
    found: dict[str, dict[str, Any]] = {}
    for folder in sorted((home / "batches" / "default" / "demo" / "runs").iterdir()):
        url = json.loads((folder / "order.json").read_text())["item"]["url"]
        found[url.rsplit("/", 1)[-1]] = json.loads((folder / "receipt.json").read_text())
    return found


def keep(name: str, result: dict[str, Any]) -> None:
    """Write a result into the tree."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
