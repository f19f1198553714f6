"""The process that talks to sites: `python -I -m ingest_worker.sources.child`, with limits, and without any
secret that is not for sites.

Started by `apart` alone. It reads one request (JSON) from standard input, and more only as answers to its own
questions. It writes JSON lines to standard output, the last one `done` or `failed`, and always ends when its
parent does. It cannot be walled off as the decoder is: it needs the network, files, and deno for YouTube's
scripts.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from ingest_contract.captions import CaptionsWish
from ingest_contract.failures import Reason
from ingest_contract.order import Item, PlanOrder
from ingest_contract.plan_document import frames
from ingest_contract.profile import FetchProfile
from ingest_worker.details import Detail, Memory
from ingest_worker.errors import StageError
from ingest_worker.hiding import hidden
from ingest_worker.planning import StoredRecording
from ingest_worker.sandbox.kernel import die_with, no_new_privileges, undumpable
from ingest_worker.sandbox.limits import Limits, limit_this_process
from ingest_worker.sources.child_reports import said_of
from ingest_worker.sources.fetcher import SourceFetcher
from ingest_worker.sources.plan import make_plan
from ingest_worker.sources.sites import Sites


def main() -> int:
    """Carry out the request. The exit code is 0 when a last line was written, whatever it says."""
    request = json.loads(sys.stdin.buffer.readline())
    die_with(request["parent"])
    undumpable()
    if sys.platform == "linux":
        no_new_privileges()
    limit_this_process(Limits(**request["limits"]))
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward()], force=True)
    work = {"fetch": _fetch, "plan": _plan}[request["do"]]
    try:
        _say({"done": work(request)})
    except StageError as error:
        _fail(error)
    except MemoryError:
        _fail(
            StageError(
                Reason.SOURCE_TOO_LARGE, "what is there takes more memory than is given to looking at it"
            )
        )
    except Exception as error:  # noqa: BLE001 -- an error without a name here gets one in the parent
        _fail(StageError(Reason.UNKNOWN, f"{type(error).__name__}: {error}"))
    return 0


def _fail(error: StageError) -> None:
    """The last line. Its message has no secret: this process alone knows the cookies that sites renewed."""
    _say(
        {
            "failed": error.reason.value,
            "message": str(error),
            "retry_after_seconds": error.retry_after_seconds,
        }
    )


class _Forward(logging.Handler):
    """Warnings, for the parent's log."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        _say({"log": hidden(record.getMessage())})


def _say(line: dict[str, Any]) -> None:
    text = memoryview(json.dumps(line).encode() + b"\n")
    while text:
        text = text[os.write(1, text) :]


def _fetch(request: dict[str, Any]) -> dict[str, Any]:
    """Fetch one recording's media into a folder: the file's name there, its title, the seconds that its
    source announces, its captions, and its language."""
    wish = request["captions"] and CaptionsWish.model_validate_json(request["captions"])
    fetch = FetchProfile.model_validate_json(request["fetch"])
    fetcher = SourceFetcher(fetch, sites=_sites(request), captions=wish)
    item = Item.model_validate_json(request["item"])
    media = fetcher.fetch(item, Path(request["into"]), lambda share: _say({"share": share}))
    return {
        "name": media.path.name,
        "title": media.title,
        "seconds": media.duration_seconds,
        "captions": said_of(media.captions),
        "language": media.language,
    }


def _sites(request: dict[str, Any]) -> Sites:
    """What the sites want. Which one is met is told before anything is sent to it."""
    return Sites.parsed(request["sites"], lambda name, entry: _say({"site": name, "entry": entry}))


class _OfParent(Memory):
    """Asks the parent, and tells it."""

    @override
    def recall(self, ids: Sequence[str], /) -> Mapping[str, Detail]:
        known: dict[str, Detail] = {}
        for start in range(0, len(ids), _ASKED_IDS):
            _say({"recall": list(ids[start : start + _ASKED_IDS])})
            answer = json.loads(sys.stdin.buffer.readline())["details"]
            known |= {name: Detail.from_said(said) for name, said in answer.items()}
        return known

    @override
    def remember(self, details: Mapping[str, Detail], /) -> None:
        every = list(details.items())
        for start in range(0, len(every), _KEPT_ADDRESSES):
            some = every[start : start + _KEPT_ADDRESSES]
            _say({"remember": {name: detail.to_said() for name, detail in some}})
            sys.stdin.buffer.readline()


def _plan(request: dict[str, Any]) -> dict[str, Any]:
    """A plan, framed, one line each. Questions to the store and addresses to keep there go through the
    parent: this process does not know the store's address."""

    def stored(languages: Mapping[str, str | None]) -> Mapping[str, StoredRecording]:
        known: dict[str, StoredRecording] = {}
        asked = list(languages.items())
        for start in range(0, len(asked), _ASKED_IDS):
            _say({"stored": dict(asked[start : start + _ASKED_IDS])})
            answer = json.loads(sys.stdin.buffer.readline())["known"]
            known |= {
                name: StoredRecording(unchanged, outcome and Reason(outcome))
                for name, (unchanged, outcome) in answer.items()
            }
        return known

    def keep(addresses: Mapping[str, str]) -> None:
        every = list(addresses.items())
        for start in range(0, len(every), _KEPT_ADDRESSES):
            _say({"keep": dict(every[start : start + _KEPT_ADDRESSES])})
            sys.stdin.buffer.readline()

    document = make_plan(
        PlanOrder.model_validate_json(request["order"]),
        stored,
        keep,
        on_request=lambda: _say({"looked": True}),
        memory=_OfParent(),
        sites=_sites(request),
    )
    for line in frames(document):
        _say({"frame": line})
    return {}


_ASKED_IDS: Final = 1000
"""Ids per question: 128 kB at most."""

_KEPT_ADDRESSES: Final = 100
"""Addresses per line: 2,048 characters each, at most six bytes for each character."""


if __name__ == "__main__":
    sys.exit(main())
