"""`python -m ingest_reader.readiness URL`: asks a reader whether it is ready, and prints its answer.

`helm test` runs it. The exit code is 0 for a reader that is ready, or 1.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request
from typing import Final

TIMEOUT_SECONDS: Final = 40
"""Longer than a reader waits for its store (`pool.WAIT_SECONDS`) before it says that it is away."""


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest_reader.readiness", description="Ask a reader whether it is ready."
    )
    parser.add_argument("url", help="the address of its /readyz")
    url: str = parser.parse_args().url
    fault = fault_of(url)
    print(f"missing reader: {fault}" if fault else f"ok      reader: {url} is ready", flush=True)
    return 1 if fault else 0


def fault_of(url: str) -> str | None:
    """What the reader says is wrong, or why it cannot be asked; None if it is ready."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS):  # noqa: S310  the chart's own address
            return None
    except urllib.error.HTTPError as error:
        with error:
            return _said(error.read()) or f"{url} answers {error.code}"
    except (OSError, ValueError) as error:
        return f"{url} cannot be asked: {error}"


def _said(answer: bytes) -> str | None:
    """The reason and the sentence of a problem document; None for any other answer."""
    try:
        reported = json.loads(answer)
        return f"{reported['reason']}: {reported['detail']}"
    except (ValueError, KeyError, TypeError):
        return None


if __name__ == "__main__":
    sys.exit(main())
