"""Programs from a Go module whose go.sum pins everything, built once and kept in the cache: for `binaries`,
and for the tools of tests."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.environment import cache_folder, digest
from testkit.cache import filled
from testkit.cluster.go import toolchain


@dataclass(frozen=True, slots=True)
class Module:
    """What is built, and from what."""

    what: str
    """For people, and the name of the folder in the cache."""
    folder: Path
    """Where go.mod lies."""
    packages: Sequence[str]
    """The main packages. All of one set: building one more costs seconds, starting over costs minutes."""
    ldflags: str
    label: str
    """What the folder in the cache is called beside a digest of everything that goes in."""
    takes: str
    """What a person is told about it: what is built, and how long that takes."""

    def said(self, pattern: str) -> str:
        """The first group of a pattern in go.mod."""
        match = re.search(pattern, (self.folder / "go.mod").read_text(encoding="utf-8"))
        assert match, f"{self.folder}/go.mod says nothing like {pattern}"
        return match[1]

    def built(self) -> Path:
        """The folder of the programs, filled if it is not there yet."""
        return filled(cache_folder() / f"{self.label}-{self._inputs()}", self._build)

    def _inputs(self) -> str:
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return digest(*(path.read_bytes() for path in files), self.ldflags.encode())

    def _build(self, programs: Path) -> None:
        oldest = tuple(int(number) for number in self.said(r"(?m)^go (\S+)$").split("."))
        self.say(f"building {self.takes}")
        with toolchain(oldest) as go:
            go.build(self.folder, list(self.packages), self.ldflags, programs)
        self.say(f"built {self.label}")

    def say(self, text: str) -> None:
        """Tell the person what takes time."""
        print(f"{self.what}: {text}", file=sys.stderr, flush=True)
