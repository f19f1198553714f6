"""What a person sees who goes the same way: each command and its answer, as a page; and how long each phase
took."""

import difflib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "journey.md"
HEAD = """\
# One batch on a cluster

Written by `make e2e` as it went this way on a real node: kubelet, containerd, images from our Dockerfiles, \
the chart, demo models
on the CPU, demo recordings over HTTP, Postgres with pgvector. \
Figures are of a machine that had {cores} cores for all of it, API server and
database included. The node offers one `nvidia.com/gpu`, so one worker runs at a time.
"""
VOLATILE = (
    (re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b"), "-0"),
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2}\b"), "0"),
    (re.compile(r"\d+(\.\d+)?"), "0"),
    (re.compile(r"[0-9a-f]*0[0-9a-f]*"), "0"),
    (re.compile(r" +"), " "),
    (re.compile(r"0([smhd]0)*[smhd]"), "0s"),
)
"""What is another one each time: names that a server makes up, days, figures, hashes and ages, and how wide a
column is for them."""


class Transcript:
    """The page, as far as it has come."""

    def __init__(self, cores: int) -> None:
        self._parts = [HEAD.format(cores=cores)]
        self._phases: list[tuple[str, float]] = []

    def chapter(self, title: str, text: str = "") -> None:
        """What comes next."""
        self._parts.append(f"\n## {title}\n" + (f"\n{text}\n" if text else ""))

    def command(self, line: str, answer: str) -> None:
        """What was typed and what came."""
        self._parts.append(
            f"\n```console\n$ {line}\n{answer.strip()}\n```\n"
            if answer.strip()
            else f"\n```console\n$ {line}\n```\n"
        )

    def file(self, name: str, text: str) -> None:
        """What was in a file."""
        self._parts.append(f"\n`{name}`:\n\n```yaml\n{text.strip()}\n```\n")

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Something that takes time."""
        begun = time.monotonic()
        print(f"\ne2e: {name}", flush=True)
        try:
            yield
        finally:
            self._phases.append((name, time.monotonic() - begun))
            print(f"e2e: {name}: {self._phases[-1][1]:.0f} s", flush=True)

    def phases(self) -> str:
        """A line for each phase."""
        return "\n".join(f"{seconds:7.0f} s  {name}" for name, seconds in self._phases)

    def write(self) -> str:
        """Keep the page, unless the one that is there differs in figures only. The difference, in short, if
        it was written."""
        page = "".join(self._parts)
        before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        if still(page) == still(before):
            return ""
        PAGE.write_text(page, encoding="utf-8")
        return "\n".join(
            difflib.unified_diff(
                still(before).splitlines(), still(page).splitlines(), "before", "now", lineterm="", n=0
            )
        )


def still(page: str) -> str:
    """A page without what is another one each time."""
    for pattern, instead in VOLATILE:
        page = pattern.sub(instead, page)
    return page
