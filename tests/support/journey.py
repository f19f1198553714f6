"""The command as a person runs it, for tests that go the whole way: real recordings over HTTP, real models,
real Postgres.

A conftest imports the fixtures it wants. Models and media are fetched and made once and kept in the cache.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_contract.names import SPEAKER_KIND
from testkit.media import packing
from testkit.media.server import serving
from testkit.models.demo_set import models
from testkit.speech import catalogue
from tests.support.demo_store import demo_store

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ctl:
    """`ingestctl` with a home and a database of the test's own."""

    home: Path
    dsn: str
    base: str
    """Where the media are served."""
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The command's environment."""
        return (
            dict(os.environ)
            | {"INGEST_HOME": str(self.home), "INGEST_DSN": self.dsn, "INGEST_MODELS": str(models())}
            | dict(self.extra)
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command; its words go to a file in the home, its result to a pipe."""
        command = [sys.executable, "-m", "ingestctl", *arguments]
        with (self.home / "words.txt").open("a") as log:
            return subprocess.Popen(
                command, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=log, cwd=ROOT
            )

    def run(self, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [sys.executable, "-m", "ingestctl", *arguments]
        return subprocess.run(
            command,
            env=self.environment,
            text=True,
            capture_output=True,
            cwd=ROOT,
            timeout=timeout,
            check=False,
        )

    def batch(self, *files: str, name: str = "journey", voices: bool = False, **spec: Any) -> Path:
        """A batch over served files, with the demo's profile. Its voices are for journeys about them:
        each is heard by a process of its own first."""
        documents = list(yaml.safe_load_all((ROOT / "demo" / "batch.yaml").read_text()))
        documents = [each for each in documents if voices or each["kind"] != SPEAKER_KIND]
        others = json.loads(json.dumps(documents[1:]).replace("$VOICES", str(self.voices())))
        sources = [{"url": f"{self.base}/{file}"} for file in files]
        wanted = documents[0]["spec"] | {"sources": sources} | spec
        path = self.home / f"{name}.yaml"
        path.write_text(
            yaml.safe_dump_all([documents[0] | {"metadata": {"name": name}, "spec": wanted}, *others])
        )
        return path

    def voices(self) -> Path:
        """The folder of enrolled voices."""
        folder = self.home / "voices"
        folder.mkdir(exist_ok=True)
        for name in ("joe", "mina"):
            shutil.copyfile(catalogue.recordings()[f"voice-{name}"].path, folder / f"{name}.wav")
        return folder

    def status(self, name: str = "journey") -> dict[str, Any]:
        """The status as JSON."""
        result = self.run("status", name, "--output", "json")
        assert result.returncode == 0, result.stderr
        return dict(json.loads(result.stdout)["status"])

    def folder(self, name: str = "journey") -> Path:
        """Where the batch is kept."""
        return self.home / "batches" / "default" / name


@contextmanager
def workstation(home: Path) -> Iterator[Ctl]:
    """The command, a migrated database, and the demo's media over HTTP."""
    with demo_store() as dsn, serving(packing.folder()) as base:
        yield Ctl(home, dsn, base)


@pytest.fixture
def ctl(tmp_path: Path) -> Iterator[Ctl]:
    """A workstation of one test."""
    with workstation(tmp_path) as made:
        yield made
