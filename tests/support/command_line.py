"""The command as people run it: its arguments in, its exit code and both outputs out, in this process."""

import sys
from dataclasses import dataclass

import pytest

from ingest_worker.sandbox import kernel
from ingestctl import __main__ as entry


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """`command("list", "-o", "json")`; `plugin` is `kubectl ingest`."""

    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def __call__(self, *arguments: object) -> Said:
        return self._ran("ingestctl", arguments)

    def plugin(self, *arguments: object) -> Said:
        return self._ran("kubectl ingest", arguments)

    def _ran(self, name: str, arguments: tuple[object, ...]) -> Said:
        self.patch.setattr(kernel, "undumpable", lambda: None)
        self.patch.setattr(sys, "argv", [name, *map(str, arguments)])
        self.capture.readouterr()
        code: object = 0
        try:
            entry.main(name)
        except SystemExit as end:
            code = end.code or 0
        heard = self.capture.readouterr()
        assert isinstance(code, int)
        return Said(code, heard.out, heard.err)
