"""`python -m bench.hostile`: mutated media and mutated pages through the real entries, and what the walls
cost. Resumable row by row.

Every row is a seed, so that any file can be made again: `media-007` is 100 media of 21 formats, `pages-003`
50 feeds and pages. A mutation overwrites, cuts, doubles, deletes or bends a few places of a good file. An end
is typed when it is the failure table's and not `Unknown`.
"""

import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.forks import ForkedChild
from bench.rows import Figures, rows_main
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_worker.audio import process
from ingest_worker.audio.decode import LimitedDecoder
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.sandbox.limits import Limits
from ingest_worker.sources.apart import FetcherApart
from testkit.media.site import serving
from testkit.media.tones import FORMATS, make

MEDIA_ROWS, MEDIA_EACH = 100, 100
PAGE_ROWS, PAGES_EACH = 20, 50

PROFILE = FetchProfile(
    allow=AllowedSources(private_addresses=True),
    timeout_seconds=60,
    max_bytes=1 << 26,
    max_duration_seconds=3600,
)

FEED = (
    "<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel><title>Talks</title>"
    + "".join(
        f"<item><title>Talk {n}</title><enclosure url='/a{n}.mp3' type='audio/mpeg'/><guid>{n}</guid></item>"
        for n in range(1, 6)
    )
    + "</channel></rss>"
)
PAGES = {
    "xml": FEED,
    "html": (
        '<html><head><title>t</title><meta property="og:video" content="/v.mp4"></head>'
        '<body><video src="/v.mp4"></video>'
    ),
    "m3u8": (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
        "#EXTINF:2.0,\n0.ts\n#EXTINF:2.0,\n1.ts\n#EXT-X-ENDLIST\n"
    ),
    "mpd": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1">'
        "<BaseURL>/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
    ),
    "json": (
        '{"@context": "https://schema.org", "@type": "VideoObject", "contentUrl": "/v.mp4", '
        '"duration": "PT5S", "name": "t"}'
    ),
}


BITEXACT = "+bitexact"
"""No random serial numbers and no dates (ffmpeg-formats(1))."""


@cache
def good() -> dict[str, bytes]:
    """One second of each format."""
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for name, how in FORMATS.items():
            path = make(Path(folder) / name, seconds=1, fflags=BITEXACT, **how)  # type: ignore[arg-type]  # a table of keywords
            made[name] = path.read_bytes()
        return made


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content with one to eight places changed, more often near its beginning, where headers are."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        place = int(len(found) * chance.random() ** 3)
        length = chance.choice((1, 1, 2, 4, 8, 64, 1024))
        kind = chance.randrange(5)
        if kind == 0:
            found[place : place + length] = chance.randbytes(length)
        elif kind == 1:
            found[place : place + length] = bytes([chance.choice((0, 0x7F, 0x80, 0xFF))]) * length
        elif kind == 2:  # noqa: PLR2004 -- the third kind
            del found[place : place + length]
        elif kind == 3:  # noqa: PLR2004 -- the fourth
            found[place:place] = found[place : place + length]
        else:
            del found[max(place, 16) :]
    return bytes(found)


def media(row: int) -> Figures:
    """One row of mutated media through the decoder, each file in a process of its own, forked."""
    return _forked(row).figures()


def alike() -> Figures:
    """The first row once more, in started processes as the product has them: whether each file ends as in a
    forked one."""
    forked, started = _forked(0), _decoded(0)
    differing = [name for name, end in started.named.items() if forked.named[name] != end]
    return {**started.figures(), "differing": differing}


def _forked(row: int) -> "_Ends":
    with patch.object(process, "Child", ForkedChild):
        return _decoded(row)


def _decoded(row: int) -> "_Ends":
    chance, names = random.Random(f"media-{row}"), sorted(good())  # noqa: S311 -- not for secrets
    decoder = LimitedDecoder(PROFILE)
    ends = _Ends()
    for number in range(MEDIA_EACH):
        name = names[number % len(names)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(mutated(good()[name], chance))
            ends.of(
                partial(decoder.decode, Media(path, name, None), Path(folder) / "scratch", lambda _: None),
                f"{row}/{number} {name}",
            )
    return ends


def pages(row: int) -> Figures:
    """One row of mutated feeds and pages through the fetcher."""
    chance, kinds = random.Random(f"pages-{row}"), sorted(PAGES)  # noqa: S311 -- not for secrets
    ends = _Ends()
    with serving() as site:
        for number in range(PAGES_EACH):
            kind = kinds[number % len(kinds)]
            url = site.put(f"/{number}.{kind}", mutated(PAGES[kind].encode(), chance))
            item = Item(index=0, id="url:0123456789abcdef", url=url, title="")
            with tempfile.TemporaryDirectory() as folder:
                ends.of(
                    partial(FetcherApart(PROFILE).fetch, item, Path(folder), lambda _: None),
                    f"{row}/{number} {kind}",
                )
    return ends.figures()


class _Ends:
    """How each of a row ended."""

    def __init__(self) -> None:
        self.named: dict[str, str] = {}
        self._untyped: list[str] = []
        self._slowest = (0.0, "")

    def of(self, work: Callable[[], object], name: str) -> None:
        """Do it, and note its end."""
        begun = time.monotonic()
        try:
            work()
            self.named[name] = "Succeeded"
        except StageError as error:
            self.named[name] = error.reason.value
            if error.reason is Reason.UNKNOWN:
                self._untyped.append(f"{name}: {error}"[:200])
        except Exception as error:  # noqa: BLE001 -- that is what is looked for
            self.named[name] = type(error).__name__
            self._untyped.append(f"{name}: {type(error).__name__}: {error}"[:200])
        self._slowest = max(self._slowest, (time.monotonic() - begun, name))

    def figures(self) -> Figures:
        """Of the row; memory is of the largest child so far."""
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        slowest, name = self._slowest
        return {
            "ends": dict(Counter(self.named.values()).most_common()),
            "untyped": self._untyped,
            "slowest_seconds": round(slowest, 2),
            "slowest": name,
            "largest_mib": largest,
        }


WITHOUT = "from ingest_worker.audio import child; child.raise_walls = lambda: (); child.main()"


def walls() -> Figures:
    """Decoding with walls : without, in turns: ten minutes of MP3, and a start that decodes one second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = folder / "python"
        bare.write_text(f"#!/bin/sh\nexec {sys.executable} -I -c '{WITHOUT}'\n", encoding="utf-8")
        bare.chmod(0o755)
        files = {
            "second": make(folder / "a.mp3", "libmp3lame", seconds=1),
            "ten minutes": make(folder / "b.mp3", "libmp3lame", seconds=600),
        }
        return {
            what: _ratio(path, folder, str(bare), repeats=15 if what == "second" else 5)
            for what, path in files.items()
        }


def _ratio(path: Path, folder: Path, bare: str, repeats: int) -> Figures:
    """CPU seconds of the child, the median of several, in turns."""
    found: dict[str, list[float]] = {"with": [], "without": []}
    before = sys.executable
    for _ in range(repeats):
        for how, program in (("with", before), ("without", bare)):
            sys.executable = program
            begun = resource.getrusage(resource.RUSAGE_CHILDREN)
            request = {
                "do": "decode",
                "source": str(path),
                "target": str(folder / "x.pcm"),
                "rate": 16_000,
                "most": 16_000 * 3600,
            }
            list(process.run(request, Limits(600, 1 << 30)))
            ended = resource.getrusage(resource.RUSAGE_CHILDREN)
            found[how].append(ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime)
    sys.executable = before
    medians = {how: round(statistics.median(values), 3) for how, values in found.items()}
    return {**medians, "ratio": round(medians["with"] / medians["without"], 3), "repeats": repeats}


ROWS: dict[str, Callable[[], Figures]] = {
    "walls": walls,
    "alike": alike,
    **{f"pages-{row:03}": partial(pages, row) for row in range(PAGE_ROWS)},
    **{f"media-{row:03}": partial(media, row) for row in range(MEDIA_ROWS)},
}


def table(found: dict[str, Figures]) -> str:
    """What all rows came to."""
    lines = [f"walls, CPU seconds with : without: {found['walls']}"] if "walls" in found else []
    if "alike" in found:
        differing = found["alike"]["differing"]
        lines.append(
            f"forked and started processes: {len(differing)} of {MEDIA_EACH} ends differ {differing}"
        )
    for kind in ("pages", "media"):
        rows = [figures for name, figures in found.items() if name.startswith(kind)]
        ends: Counter[str] = Counter()
        for figures in rows:
            ends.update(figures["ends"])
        if rows:
            slowest: Any = max((figures["slowest_seconds"], figures["slowest"]) for figures in rows)
            untyped = [each for figures in rows for each in figures["untyped"]]
            largest = max(figures["largest_mib"] for figures in rows)
            lines.append(
                f"{kind}: {sum(ends.values())} tried, {len(untyped)} untyped {untyped}; {dict(ends)}"
            )
            lines.append(f"  slowest {slowest}, largest {largest} MiB")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(rows_main("hostile", __doc__, ROWS, table))
