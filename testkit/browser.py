"""A real Chromium, driven by Playwright: found on the machine, or installed from the system's packages where
the tests may. `python -m testkit.browser` installs it, or says why not."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

PACKAGE: Final = "chromium"
"""Of Debian, and of Ubuntu before it became a snap."""


def program() -> str | None:
    """Where it is; None if it is not here."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def blocker() -> str | None:
    """Why there is no browser here, as a sentence; None if there is one."""
    if program() is not None:
        return None
    return f"There is no Chromium here; `apt-get install {PACKAGE}`, or `make test` as root, brings it."


def install() -> None:
    """Install it where that is possible, saying so."""
    if program() is not None:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"browser: {blocker()} Tests of pages are skipped.", file=sys.stderr, flush=True)
        return
    print(f"browser: installing {PACKAGE} by apt-get", file=sys.stderr, flush=True)
    environment = dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
    commands = (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-qq", "--no-install-recommends", "--yes", PACKAGE],
    )
    for command in commands:
        done = subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL)
        if done.returncode:
            print(f"browser: {command[1]} failed. Tests of pages are skipped.", file=sys.stderr, flush=True)
            return


@contextmanager
def browser() -> Iterator[Browser]:
    """The browser, for as long as the block lasts."""
    found = program()
    assert found is not None, blocker()
    with sync_playwright() as playwright:
        # Its own sandbox needs namespaces that root in a container does not have; it opens our pages only.
        launched = playwright.chromium.launch(executable_path=found, chromium_sandbox=os.geteuid() != 0)
        try:
            yield launched
        finally:
            launched.close()


if __name__ == "__main__":
    install()
