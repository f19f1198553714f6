"""Who holds a secret cannot be looked into by other processes of the same user."""

import subprocess
import sys

import pytest

PROGRAMS = {
    "the worker": "from ingest_worker import __main__ as it; it.order_text = stop; it.main()",
    "a small command": "from ingest_worker import command as it; it.store_address(); stop()",
    "ingestctl": "from ingestctl import __main__ as it; it._app = stop; it.main()",
}
"""Each stopped where it has its secret; as ordinary as whoever looks."""

HOLDER = """
from ingest_worker.sandbox.kernel import no_capabilities
no_capabilities()
def stop(*_, **__):
    print("here", flush=True)
    input()
"""

LOOKER = """
import sys
from ingest_worker.sandbox.kernel import no_capabilities
no_capabilities()
for what in ("environ", "mem", "maps"):
    try:
        with open(f"/proc/{sys.argv[1]}/{what}", "rb") as file:
            print(what, "is open" if file.read(1) or what == "environ" else "")
    except OSError as error:
        print(what, type(error).__name__)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has /proc")
@pytest.mark.parametrize("holder", PROGRAMS)
def test_no_other_process_of_this_user_reads_its_environment_or_its_memory(holder: str) -> None:
    environment = {"INGEST_DSN": "postgresql://ann:secret@db/video"}
    command = [sys.executable, "-I", "-c", HOLDER + PROGRAMS[holder]]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == "here\n"
        told = subprocess.run(
            [sys.executable, "-I", "-c", LOOKER, str(held.pid)], capture_output=True, text=True, check=True
        ).stdout
        held.kill()
    assert told == "environ PermissionError\nmem PermissionError\nmaps PermissionError\n"
