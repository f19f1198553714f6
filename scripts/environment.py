"""Make the project's own Python environment, outside the checkout, and print its folder.

Called by the Makefile before every command. Needs nothing but Python >= 3.11: `uv` comes by pip from
`locks/uv.txt`, everything else by `uv` from `locks/dev.txt`, both hashed. One environment per checkout and
Python; a changed lock updates it in place, an unchanged one costs a tenth of a second. Must import the
standard library only.
"""

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LOCKS = CHECKOUT / "locks"
MINIMUM_PYTHON = (3, 11)


def cache_folder() -> Path:
    """Where environments, built tools and fetched models live:
    `$INGEST_CACHE`, else the user's cache folder."""
    if chosen := os.environ.get("INGEST_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "video-ingest-operator"


def say(text: str) -> None:
    """Tell the person what is going on; standard output carries the answer only."""
    print(f"environment: {text}", file=sys.stderr, flush=True)


def digest(*parts: bytes) -> str:
    """Twelve hex digits that change when any part does."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def uv_program(cache: Path) -> Path:
    """The pinned `uv`, installed on first use."""
    lock = LOCKS / "uv.txt"
    home = cache / f"uv-{digest(lock.read_bytes(), sys.version.encode())}"
    program = home / "bin" / "uv"
    if not program.exists():
        say("installing uv (first use on this machine)")
        venv.create(home, with_pip=True)
        pip = [
            str(home / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            str(lock),
        ]
        subprocess.run(pip, check=True, stdout=sys.stderr)
    return program


def environment(cache: Path) -> Path:
    """The checkout's environment, created or brought up to date with `locks/dev.txt`."""
    lock = LOCKS / "dev.txt"
    home = cache / f"env-{digest(str(CHECKOUT).encode(), str(sys.version_info[:2]).encode())}"
    stamp = home / "up-to-date-with"
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())[
        "project"
    ]  # linter settings change nothing that is installed
    wanted = digest(lock.read_bytes(), json.dumps(project, sort_keys=True).encode(), sys.version.encode())
    if stamp.exists() and stamp.read_text() == wanted:
        return home
    uv = str(uv_program(cache))
    python = ["--python", str(home / "bin" / "python")]
    say(
        f"bringing {home} up to date with locks/dev.txt "
        "(about 8 GB with torch for CUDA; minutes on first use)"
    )
    if not (home / "bin" / "python").exists():
        subprocess.run(
            [uv, "venv", "--quiet", "--python", sys.executable, str(home)], check=True, stdout=sys.stderr
        )
    subprocess.run([uv, "pip", "sync", *python, "--require-hashes", str(lock)], check=True, stdout=sys.stderr)
    editable = [
        uv,
        "pip",
        "install",
        "--quiet",
        *python,
        "--no-deps",
        "--no-build-isolation",
        "--editable",
        str(CHECKOUT),
    ]
    subprocess.run(editable, check=True, stdout=sys.stderr)
    stamp.write_text(wanted)
    return home


def main() -> int:
    """Print the folder of the environment, or of the pinned `uv` with `--uv`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--uv", action="store_true", help="print the path of the pinned uv instead (it makes the locks)"
    )
    arguments = parser.parse_args()
    if sys.version_info < MINIMUM_PYTHON:
        version = sys.version.split()[0]
        say(f"Python 3.11 or newer is needed; this is {version}. Try `make PYTHON=python3.12 ...`.")
        return 1
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "environment.lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)  # two makes at once would install into one folder
        print(uv_program(cache) if arguments.uv else environment(cache))
    return 0


if __name__ == "__main__":
    sys.exit(main())
