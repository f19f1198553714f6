"""The process that opens media: `python -I -m ingest_worker.audio.child`, with limits, without environment,
behind walls.

Started by `process` alone. It reads the request (JSON) from standard input, limits itself, opens the files,
raises the walls, and only then reads what is in them. It writes JSON lines to standard output, the last one
`done` or `failed`. It ends when its parent does.
"""

import errno
import json
import os
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import av.subtitles.codeccontext
import av.subtitles.stream  # noqa: F401 -- PyAV imports both when it meets a track of that kind, and behind the walls that is too late
from av.error import FFmpegError

from ingest_contract.failures import Reason
from ingest_worker.audio import lossless, media, scratch
from ingest_worker.audio.listen import Listener, Order
from ingest_worker.audio.source import MediaFile
from ingest_worker.errors import StageError, unreadable
from ingest_worker.sandbox.kernel import die_with
from ingest_worker.sandbox.limits import Limits, limit_this_process
from ingest_worker.sandbox.walls import raise_walls

_REPORT_SECONDS: Final = 15
"""Seconds of audio between two progress lines: a tenth of a second of work or less."""

_NO_FILES: Final = frozenset({errno.EINVAL, errno.ENXIO})
"""Errors of a pipe, a device or a socket in the place of a file."""


def main() -> int:
    """Carry out the request. The exit code is 0 when a last line was written, whatever it says."""
    request = json.loads(sys.stdin.buffer.readline())
    die_with(request["parent"])
    limit_this_process(Limits(**request["limits"]))
    work = {"decode": _decode, "probe": _probe, "pack": _pack, "unpack": _unpack}[request["do"]]
    try:
        _say({"done": work(request)})
    except StageError as error:
        _say({"failed": error.reason.value, "message": str(error)})
    except MemoryError:
        _say(
            {
                "failed": Reason.UNDECODABLE.value,
                "message": f"decoding wants more than {request['limits']['address_space'] >> 20} MiB",
            }
        )
    except FFmpegError as error:  # before OSError, which some of them are as well
        _say({"failed": Reason.UNDECODABLE.value, "message": f"{type(error).__name__}: {error}"})
    except OSError as error:
        if error.errno == errno.EPIPE:
            return 1
        _say({"failed": Reason.UNDECODABLE.value, "message": f"{type(error).__name__}: {error}"})
    except Exception as error:  # noqa: BLE001 -- whatever PyAV raises is about the media, and its message helps
        _say({"failed": Reason.UNDECODABLE.value, "message": f"{type(error).__name__}: {error}"})
    return 0


def _say(line: dict[str, Any]) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def _decode(request: dict[str, Any]) -> dict[str, Any]:
    """Decode `source` into `target`, at `rate`, at most `most` samples; `expected` is the length in seconds
    that its source announces."""
    source = Path(request["source"])
    order = Order(source.name, request["rate"], request["most"], request.get("expected"))
    with _foreign(source) as file, scratch.created(request["target"]) as sink:
        _wall_off()
        try:
            return Listener(file, order, _reporter(request)).listen(
                sink, lambda seconds: _say({"announced": seconds})
            )
        finally:
            file.check(source.name)


def _pack(request: dict[str, Any]) -> dict[str, Any]:
    """The PCM `source` as FLAC in `target`."""
    with _own(request["source"]) as pcm, scratch.created(request["target"]) as flac:
        _wall_off()
        return {"samples": lossless.pack(pcm, flac, request["rate"], _reporter(request))}


def _unpack(request: dict[str, Any]) -> dict[str, Any]:
    """The FLAC `source` as the PCM that it was made of, in `target`, at most `most` samples."""
    with _own(request["source"]) as flac, scratch.created(request["target"]) as pcm:
        _wall_off()
        return {"samples": lossless.unpack(flac, pcm, request["rate"], request["most"], _reporter(request))}


def _reporter(request: dict[str, Any]) -> Callable[[int], None]:
    """Tells how many samples are done, now and then."""
    reported = 0

    def report(samples: int) -> None:
        nonlocal reported
        if samples - reported >= _REPORT_SECONDS * request["rate"]:
            reported = samples
            _say({"samples": samples})

    return report


def _probe(request: dict[str, Any]) -> dict[str, Any]:
    """The announced length of each of `sources`, one line each, as soon as it is known: a file that kills
    this process costs only itself."""
    with ExitStack() as stack:
        files: list[MediaFile | None] = []
        for source in request["sources"]:
            try:
                files.append(stack.enter_context(_media(source)))
            except OSError:
                files.append(None)
        _wall_off()
        for place, (source, file) in enumerate(zip(request["sources"], files, strict=True)):
            _say({"probing": place})
            if file is not None:
                with suppress(Exception):
                    _say({"probed": place, "seconds": _length(file, source)})
    return {}


def _foreign(source: Path) -> MediaFile:
    """The open media. Raises `StageError`: `UNDECODABLE` for what is no file, `NOT_FOUND`,
    `DOWNLOAD_FAILED`."""
    try:
        return _media(str(source))
    except OSError as error:
        if error.errno in _NO_FILES:
            raise StageError(Reason.UNDECODABLE, f"{source.name} is not a file") from error
        raise unreadable(source.name, error) from error


def _own(source: str) -> AbstractContextManager[MediaFile]:
    """A file that this worker has written, open. Raises `StageError(SCRATCH_FULL)`."""
    try:
        return scratch.reading(_media(source), source)
    except OSError as error:
        raise scratch.failure(source, error) from error


def _media(source: str) -> MediaFile:
    """The open file. Raises `OSError` if it is not a regular file: a pipe or a device would block."""
    file = MediaFile(os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a file")
    return file


def _wall_off() -> None:
    """Raise the walls, and report which of them this kernel lacks. Nothing has been read from the media yet.

    Behind the walls nothing can be imported, and error messages need text codecs that Python imports on first
    use: so one message is made before.
    """
    StageError(Reason.UNDECODABLE, "rehearsed: \ud800 https://ann:secret@example.org/")
    if lacking := raise_walls():
        _say({"lacking": ", ".join(lacking)})


def _length(file: BinaryIO, source: str) -> float | None:
    with media.opened(file, source) as container:
        return media.announced_seconds(container, media.audio_tracks(container, source)[0], file)


if __name__ == "__main__":
    sys.exit(main())
