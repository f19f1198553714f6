"""The small commands beside the worker, as Jobs run them: a process with an environment, and what it said."""

import os
import subprocess
import sys
from collections.abc import Mapping


def run_module(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m <module>` to its end, with nothing of ours in its environment but what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INGEST_", "HF_"))}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, env=kept | dict(environment or {}), capture_output=True, text=True, check=False, timeout=300
    )
