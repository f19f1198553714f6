"""Obeys the first word of the item's title: `succeed`, `fail REASON`, `hang`, `deaf`, `grow`, `vanish`,
`mute`, `family`, `broken` (until models/mended is there), `exit CODE`, `raise`, `interrupt`, `tell` (what it
was started with), `speak REASON` (writes to its log, reads from the pipe models/go-INDEX, writes what it
read, and fails where that is `fail`).

A plan takes each source as one item whose title is the last part of its address, with `+` for spaces;
`unplannable` is left out, or fails the plan if it is alone, `robot` fails its first run. A part of the store
is an item called like its channel.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ingest_contract.cache import Cached, cache_key
from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import FetchOrder, IngestOrder, Item, PlanOrder, read_order
from ingest_contract.order_variables import ORDER_VARIABLE
from ingest_contract.plan_document import PlanDocument, frames
from ingest_contract.receipt import Receipt, encode
from ingest_contract.sites import SiteReport
from ingest_contract.voice_orders import EnrolOrder
from ingest_contract.voice_report import Enrolled, EnrolledSource
from ingest_contract.voices import VoiceState

NEVER = threading.Event()


def leave(receipt: Receipt, path: str) -> int:
    Path(path).write_bytes(encode(receipt))
    return FAILURES[receipt.reason].exit_code or 1 if receipt.reason else 0


def interrupted(path: str) -> None:
    code = leave(Receipt(result="Failed", reason=Reason.INTERRUPTED, seconds=0.1), path)
    os._exit(code)


def planned(order: PlanOrder) -> int:
    titles = [
        source.store.channels[0] if source.store else source.url.rsplit("/", 1)[-1].replace("+", " ")
        for source in order.sources
    ]
    listed = list(zip(order.sources, titles, strict=True))
    there = [(source, title) for source, title in listed if title != "unplannable"]
    waiting = tuple(source.entry or 0 for source, title in listed if title == "unplannable")
    if not there:
        return leave(
            Receipt(result="Failed", reason=Reason.NOT_FOUND, message="as asked", seconds=0.1),
            order.place.receipt,
        )
    if "endless" in titles:
        NEVER.wait()
    if "robot" in titles and not (asked := Path(order.place.models) / "asked").exists():
        asked.parent.mkdir(exist_ok=True)
        asked.touch()
        site = SiteReport(name="media")
        refused = Receipt(result="Failed", reason=Reason.BOT_CHECK, message="Sign in", seconds=0.1, site=site)
        return leave(refused, order.place.receipt)
    items = [
        Item(
            index=order.first_index + place,
            id=f"url:{order.first_index + place}",
            url=source.url,
            title=title,
            duration_seconds=10,
        )
        for place, (source, title) in enumerate(there)
    ]
    document = PlanDocument(items=tuple(items), media_seconds=10 * len(items), waiting=waiting or None)
    print("a line of another kind", *frames(document), sep="\n", flush=True)
    return leave(Receipt(result="Succeeded", seconds=0.1, plan=document.summary), order.place.receipt)


def fetched(order: FetchOrder) -> int:
    """Leave an entry in the cache; `unfetchable REASON` leaves none."""
    word, *reason = order.item.title.split()
    if word == "unfetchable":
        return leave(Receipt(result="Failed", reason=Reason(reason[0]), seconds=0.1), order.place.receipt)
    folder = Path(order.place.cache or "nowhere")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{cache_key(order.batch, order.item.id)}.json").write_text("{}")
    cached = Cached(bytes=1_000_000)
    return leave(Receipt(result="Succeeded", seconds=0.1, cached=cached), order.place.receipt)


def enrolled(order: EnrolOrder) -> int:
    """Each recording is used, or ends as its address says: `refused+REASON`, `waits+REASON`."""
    sources = []
    for recording in order.recordings:
        match (recording.url or "").rsplit("/", 1)[-1].split("+"):
            case ["refused", reason]:
                sources.append(EnrolledSource(state=VoiceState.REFUSED, reason=Reason(reason)))
            case ["waits", reason]:
                sources.append(EnrolledSource(state=VoiceState.WAITING, reason=Reason(reason)))
            case ["claimed"] if not Path("claimed").exists():
                Path("claimed").touch()
                return leave(
                    Receipt(result="Failed", reason=Reason.CLAIMED_ELSEWHERE, seconds=0.1),
                    order.place.receipt,
                )
            case _:
                sources.append(EnrolledSource(state=VoiceState.USED, heard=True, seconds=12.5, score=0.75))
    report = Enrolled(model="voices@0", sources=tuple(sources))
    waits = [source.reason for source in sources if source.state is VoiceState.WAITING]
    receipt = Receipt(
        result="Failed" if waits else "Succeeded",
        reason=next(iter(waits), None),
        message="as asked" if waits else "",
        seconds=0.1,
        enrolled=report,
    )
    return leave(receipt, order.place.receipt)


def end_at_once(asked: list[str]) -> None:
    """The ways in which a Python program ends that nobody has written an end for."""
    match asked:
        case ["exit", code]:
            sys.exit(int(code) if code.isdecimal() else code)
        case ["raise"]:
            raise ValueError("as asked")
        case ["interrupt"]:
            raise KeyboardInterrupt
        case ["tell"]:
            Path("told.json").write_text(json.dumps(surroundings()))
            sys.exit()


def wish(order: IngestOrder) -> list[str]:
    """What the title asks for."""
    if order.item.title != "broken":
        return order.item.title.split()
    return (
        ["succeed"]
        if (Path(order.place.models) / "mended").exists()
        else ["fail", Reason.MODELS_UNAVAILABLE.value]
    )


def surroundings() -> dict[str, Any]:
    """What a process can see of how it was started."""
    opened = {each.name: each for each in Path("/proc/self/fd").iterdir()}
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "files": {name: str(each.readlink()) for name, each in opened.items() if each.is_symlink()},
        "leads its session": os.getsid(0) == os.getpgid(0) == os.getpid(),
        "arguments": len(sys.argv),
        "signals": {name: status[name] for name in ("SigBlk", "SigIgn", "SigCgt", "ShdPnd")},
        "mask": status["Umask"],
        "threads": status["Threads"],
        "main": sys.modules["__main__"].__name__,
        "buffered": sys.stdout.line_buffering,
    }


def main() -> int:
    order = read_order(os.environ[ORDER_VARIABLE])
    match order:
        case PlanOrder():
            return planned(order)
        case FetchOrder():
            return fetched(order)
        case EnrolOrder():
            return enrolled(order)
        case IngestOrder():
            return ingested(order)
    return 1


def spoken(order: IngestOrder, reason: Reason) -> int:
    """Two lines, with a pause between them in which the log can be read."""
    print(f"run {order.run} begins", file=sys.stderr, flush=True)
    word = (Path(order.place.models) / f"go-{order.item.index}").read_text()
    print(f"run {order.run} was told {word}", file=sys.stderr, flush=True)
    failed = Receipt(result="Failed", reason=reason, message="as asked", seconds=1.0)
    return leave(
        failed if word == "fail" else Receipt(result="Succeeded", seconds=1.0, media_seconds=10.0),
        order.place.receipt,
    )


def ingested(order: IngestOrder) -> int:
    receipt = order.place.receipt
    signal.signal(signal.SIGTERM, lambda *_: interrupted(receipt))
    asked = wish(order)
    end_at_once(asked)
    match asked:
        case ["succeed" | "robot"]:
            return leave(Receipt(result="Succeeded", seconds=1.0, media_seconds=10.0), receipt)
        case ["fail", reason]:
            return leave(
                Receipt(result="Failed", reason=Reason(reason), message="as asked", seconds=1.0), receipt
            )
        case ["speak", reason]:
            return spoken(order, Reason(reason))
        case ["mute"]:
            return 0
        case ["vanish"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["deaf"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case ["grow"]:
            ballast = bytearray(400 * 1024 * 1024)
            ballast[::4096] = b"x" * len(ballast[::4096])
        case ["family"]:
            child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
            Path("child.pid").write_text(str(child.pid))
    Path("ready").touch()
    NEVER.wait()
    return 1


if __name__ == "__main__":
    sys.exit(main())
