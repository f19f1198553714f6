"""Where the command works: the user's folders and the store it connects to."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest_operator.local.folders import home_folder
from ingestctl.consoles import people
from ingestctl.ending import when_left


@dataclass(frozen=True, slots=True)
class Workplace:
    """The user's folders and store."""

    home: Path
    dsn: str | None
    """None for the embedded Postgres."""

    @classmethod
    def of(cls, home: Path | None, dsn: str | None) -> "Workplace":
        """The workplace that the options name: each has a default."""
        return cls((home or home_folder()).expanduser().resolve(), dsn or None)

    @property
    def models(self) -> Path:
        """The folder of model sets: `$INGEST_MODELS` if several homes share one, else the home's own."""
        shared = os.environ.get("INGEST_MODELS")
        return Path(shared).expanduser().resolve() if shared else self.home / "models"

    @property
    def has_store(self) -> bool:
        """Whether there is one to read: it was named, or something was stored here before."""
        return self.dsn is not None or (self.home / "postgres" / "data" / "PG_VERSION").exists()

    @contextmanager
    def store(self) -> Iterator[str]:
        """The store's DSN; the embedded Postgres is started before and stopped after."""
        if self.dsn is not None:
            yield self.dsn
            return
        from ingest_worker.store.embedded import embedded

        if not self.has_store:
            people().print(f"making a store in {self.home}: an embedded Postgres", soft_wrap=True)
        folder = self.home / "postgres"
        with embedded(folder) as dsn, when_left(partial(_stopped_by_another, folder)):
            yield dsn


def _stopped_by_another(folder: Path) -> None:
    """A process of its own stops the embedded Postgres once the workers, which are not waited for, have
    ended."""
    subprocess.Popen(
        [sys.executable, "-m", "ingest_worker.store.embedded", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
