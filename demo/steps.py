"""What the demo's commands share: where it keeps things, its port, and how it runs `ingestctl`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from scripts.environment import cache_folder

HERE: Final = Path(__file__).parent

PORT: Final = int(os.environ.get("INGEST_DEMO_PORT", "18080"))
"""Fixed, because a recording's identity is its address: with another port at each run, nothing would ever be
known already."""


def home_folder() -> Path:
    """Models, store and batch of the demo."""
    return cache_folder() / "demo" / "home"


def ingestctl(*arguments: str, home: Path, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, and show that. Ctrl-C reaches the command as well, and it is waited
    for: it ends its Postgres first."""
    if not quiet:
        print(f"\n$ ingestctl {' '.join(arguments)}", flush=True)
    environment = os.environ | {"INGEST_HOME": str(home)}
    command = [sys.executable, "-m", "ingestctl", *arguments]
    told = subprocess.PIPE if quiet else None
    with subprocess.Popen(command, env=environment, text=True, stdout=told) as running:
        try:
            answer, _ = running.communicate()
        except KeyboardInterrupt:
            running.wait()
            raise
    return subprocess.CompletedProcess(command, running.returncode, answer)
