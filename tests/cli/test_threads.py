"""How many threads numpy has in the command: few, whatever the machine, and before it is loaded."""

import os
import subprocess
import sys

import pytest

VARIABLE = "OPENBLAS_NUM_THREADS"

LOADING = f"""
import os, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        print(os.environ.get({VARIABLE!r}))
        raise KeyboardInterrupt

from ingestctl.__main__ import main
sys.meta_path.insert(0, Finder())
main()
"""


@pytest.mark.parametrize(("chosen", "threads"), [(None, "4"), ("16", "16")])
def test_they_are_said_before_anything_is_imported_unless_somebody_chose(
    chosen: str | None, threads: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment |= {} if chosen is None else {VARIABLE: chosen}
    command = [sys.executable, "-c", LOADING]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert (done.returncode, done.stdout.splitlines()) == (130, [threads])
