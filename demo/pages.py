"""`make demo-pages`: what `make demo` stored, in a browser, with the recordings to listen to. Ctrl-C ends it.

The pages play a recording from its own address, so the demo's media are served beside them.
"""

import os
import sys
from typing import Final

from demo.steps import PORT, home_folder, ingestctl
from testkit.media import packing
from testkit.media.server import serving

PAGES_PORT: Final = os.environ.get("INGEST_DEMO_PAGES_PORT", "8300")
"""As `ingestctl serve` has it."""
QUESTION: Final = "who+pays+for+the+night+bus"


def main() -> int:
    """Serve media and pages until Ctrl-C; 1 if there is nothing to show yet."""
    home = home_folder()
    if not (home / "batches" / "default" / "demo" / "plan-0.json").exists():
        print(f"there is nothing below {home} yet: run `make demo` first", file=sys.stderr)
        return 1
    with serving(packing.folder(), PORT):
        print(
            f"a question: http://127.0.0.1:{PAGES_PORT}/?q={QUESTION} (open a passage, click a word)",
            flush=True,
        )
        return ingestctl("serve", "--port", PAGES_PORT, home=home).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
