"""From a clone to a passage that plays: what a new user types, and how long each step takes.

Everything is made anew in an empty cache, by the two commands that the README names. A real Chromium then
does what a person would: asks, opens the first hit, and clicks its time. Whatever downloads keeps of its own
(wheels, packages) is left as it is, so "downloads" are as quick as the machine's registries and caches.

    python -m bench.newcomer [--again]
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Page

from bench.batches import ROOT
from bench.rows import Figures, rows_main
from demo.pages import QUESTION
from testkit.browser import browser

STEPS: Final = {
    "testkit: everything is kept": "Python packages installed",
    "The batch (": "recordings made",
    "$ ingestctl run": "models fetched",
    "$ ingestctl search": "eight recordings ingested",
}
"""What stands at the start of the line that ends a step."""
PORT: Final = 8_319
HEARD_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 120


def new_user() -> Figures:
    """Seconds of each step."""
    with tempfile.TemporaryDirectory(prefix="ingest-bench-") as cache:
        environment = os.environ | {"INGEST_CACHE": cache, "INGEST_DEMO_PAGES_PORT": str(PORT)}
        figures = _demo(environment)
        began = time.monotonic()
        with _pages(environment), browser() as chromium:
            title = _heard(chromium.new_page())
            figures["a passage found, opened and played"] = round(time.monotonic() - began, 1)
    return figures | {"all": round(sum(figures.values()), 1), "what plays": title}


def _demo(environment: dict[str, str]) -> Figures:
    figures: Figures = {}
    began = time.monotonic()
    with subprocess.Popen(
        ["make", "demo"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as made:
        assert made.stdout is not None
        for line in made.stdout:
            sys.stderr.write(line)
            step = next((name for start, name in STEPS.items() if line.startswith(start)), None)
            if step and step not in figures:
                figures[step], began = round(time.monotonic() - began, 1), time.monotonic()
    if made.returncode:
        sys.exit(f"`make demo` ended with {made.returncode}")
    return figures | {"searched and exported": round(time.monotonic() - began, 1)}


@contextmanager
def _pages(environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(["make", "demo-pages"], cwd=ROOT, env=environment, process_group=0) as served:
        try:
            while not _answers():
                if served.poll() is not None:
                    sys.exit(f"`make demo-pages` ended with {served.returncode}")
                time.sleep(0.1)
            yield
        finally:
            os.killpg(served.pid, signal.SIGINT)


def _answers() -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", PORT)) == 0


def _heard(page: Page) -> str:
    """The title of what plays, once half a second of it was heard."""
    page.goto(f"http://127.0.0.1:{PORT}/?q={QUESTION}")
    page.locator(".said a").first.click()
    page.locator(".passage.here a.time").click()
    start = float(page.locator(".passage.here a.time").get_attribute("data-t") or 0)
    player = "document.querySelector('#player video, #player audio')"
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    # Asked from outside: the page's policy lets nothing in it evaluate text.
    while not page.evaluate(f"{player}.currentTime > {start + HEARD_SECONDS}"):
        if time.monotonic() > until:
            sys.exit("the passage does not play")
        page.wait_for_timeout(100)
    return page.title()


def table(rows: dict[str, Figures]) -> str:
    """One line for each step."""
    lines = ["| step | seconds |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in rows["from a clone"].items()])


if __name__ == "__main__":
    sys.exit(rows_main("newcomer", __doc__, {"from a clone": new_user}, table))
