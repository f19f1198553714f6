"""Runs a program for as long as whoever started it lives: `python guard.py PROGRAM ARGUMENT...`.

Standard input is the string between them: the starter holds its other end, and it closes with the starter,
however that ended. Then the program and its children are killed. Must import the standard library only: it is
started by its path, several times per control plane.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


def main() -> int:
    """The program's own exit code; 128 and the signal's number where a signal ended it."""
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)

    def end_with_the_starter() -> None:
        while os.read(0, 4096):
            pass
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(program.pid, signal.SIGKILL)

    threading.Thread(target=end_with_the_starter, daemon=True).start()
    code = program.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    for ignored in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # a Ctrl+C is for the starter, which ends things in its own order
        signal.signal(ignored, signal.SIG_IGN)
    sys.exit(main())
