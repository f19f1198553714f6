"""The process that reads captions: `python -I -m ingest_worker.captions.child`, with limits, without
environment, behind walls.

Started by `process` alone. It reads the request (JSON) from standard input, limits itself, opens the file,
raises the walls, and only then reads what is in it. It writes JSON lines to standard output, the last one
`done` or `failed`. It ends when its parent does.
"""

import json
import os
import stat
import sys
from contextlib import suppress
from typing import Any, BinaryIO, Final

from ingest_contract.captions import CaptionsProblem
from ingest_worker.captions.bounds import MAX_BYTES
from ingest_worker.captions.reading import UnusableError, read
from ingest_worker.sandbox.kernel import die_with
from ingest_worker.sandbox.limits import Limits, limit_this_process
from ingest_worker.sandbox.walls import raise_walls

_LINE_ENTRIES: Final = 50
"""Of at most `MAX_CUE_CHARACTERS`, each at most six bytes: fewer than the bytes of a line that is read."""

_REHEARSAL: Final = (
    b"WEBVTT\n\n00:00.000 --> 00:01.000\n<v Ann>One &amp; all\xff\n",
    b"1\n00:00:00,000 --> 00:00:01,000\nOne\n",
    b"WEBVTT\n\n00:99.000 --> 00:99.000\nOne\n",
)


def main() -> int:
    """Carry out the request. The exit code is 0 when a last line was written, whatever it says."""
    request = json.loads(sys.stdin.buffer.readline())
    die_with(request["parent"])
    limit_this_process(Limits(**request["limits"]))
    try:
        with _opened(request["path"]) as file:
            _wall_off()
            _tell(file.read(MAX_BYTES + 1))
        _say({"done": {}})
    except UnusableError as error:
        _say({"failed": error.problem.value, "message": str(error)})
    except MemoryError:
        _say({"failed": CaptionsProblem.TOO_LARGE.value, "message": "reading them takes too much memory"})
    except Exception as error:  # noqa: BLE001 -- whatever a parser raises is about the file
        _say({"failed": CaptionsProblem.UNREADABLE.value, "message": f"{type(error).__name__}: {error}"})
    return 0


def _tell(content: bytes) -> None:
    cues = read(content)
    for first in range(0, len(cues), _LINE_ENTRIES):
        some = cues[first : first + _LINE_ENTRIES]
        _say({"cues": [(cue.start, cue.end, cue.text) for cue in some]})


def _say(line: dict[str, Any]) -> None:
    text = memoryview(json.dumps(line).encode() + b"\n")
    while text:
        text = text[os.write(1, text) :]


def _opened(path: str) -> BinaryIO:
    """The open file. Raises `UnusableError` if it is not a regular file: a pipe or a device would block."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UnusableError(CaptionsProblem.UNREADABLE, "not a file")
    return file


def _wall_off() -> None:
    """Raise the walls, and report which of them this kernel lacks. Behind them nothing can be imported, and
    Python imports codecs and more on first use: so everything is used once before."""
    for each in _REHEARSAL:
        with suppress(UnusableError):
            read(each)
    json.dumps({"text": "\ud800"})
    if lacking := raise_walls():
        _say({"lacking": ", ".join(lacking)})


if __name__ == "__main__":
    sys.exit(main())
