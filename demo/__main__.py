"""`make demo`: the main job on this machine, with nothing faked: recordings over HTTP, real models, real
Postgres, a search.

Every step is a command that a person could type, shown before it runs. Ends with 0 only if each recording
ended as it must, the broken ones with their reasons. A second run finds everything done and reprocesses
nothing.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from demo.steps import HERE, PORT, home_folder, ingestctl
from testkit.cache import say
from testkit.media import packing
from testkit.media.server import serving
from testkit.speech import catalogue

EXPECTED: Final = {
    "talk.mp4": ("Succeeded", None),
    "call.webm": ("Succeeded", None),
    "master.m3u8": ("Succeeded", None),
    "podcast.mp3": ("Succeeded", None),
    "meeting.ogg": ("Succeeded", None),
    "silent.mp4": ("Skipped", "NoSpeech"),
    "truncated.mp4": ("Failed", "Truncated"),
    "missing.mp4": ("Failed", "NotFound"),
}
"""How each recording must end."""

SEARCHES: Final = (
    ("when will the repair of the bridge begin", ()),
    ("who pays for the night bus", ("--speaker", "mina")),
    ("wisdom and foolishness", ()),
)


def written_batch(base: str, home: Path) -> Path:
    """The batch file with this machine's addresses in it, and the enrolled voices beside it."""
    voices = home / "voices"
    voices.mkdir(parents=True, exist_ok=True)
    known = catalogue.recordings()
    for name in ("joe", "mina"):
        shutil.copyfile(known[f"voice-{name}"].path, voices / f"{name}.wav")
    path = home / "batch.yaml"
    path.write_text((HERE / "batch.yaml").read_text().replace("$BASE", base).replace("$VOICES", str(voices)))
    return path


def unexpected(batch: dict[str, Any], urls: dict[str, str]) -> list[str]:
    """One line for each recording that did not end as it must."""
    ended = {urls[row["id"]]: (row["state"], row.get("reason")) for row in batch["status"]["recordings"]}
    return [
        f"{name}: {ended.get(name)} instead of {wanted}"
        for name, wanted in EXPECTED.items()
        if ended.get(name) != wanted
    ]


def names_by_id(home: Path) -> dict[str, str]:
    """File name by item id, from the frozen plan."""
    plan = json.loads((home / "batches" / "default" / "demo" / "plan-0.json").read_text())
    return {item["id"]: item["url"].rsplit("/", 1)[-1] for item in plan["document"]["items"]}


def main() -> int:
    """Prepare, ingest, search, export; 0 if everything came out as it must."""
    home = home_folder()
    say(f"everything is kept below {home}; delete it to begin anew")
    folder = packing.folder()
    with serving(folder, PORT) as base:
        batch = written_batch(base, home)
        print(f"\nThe batch ({batch}):\n\n{batch.read_text()}")
        if ingestctl("models", "fetch", str(HERE / "models.yaml"), home=home).returncode:
            return 1
        ingestctl("run", str(batch), home=home)
        if not (home / "batches" / "default" / "demo" / "plan-0.json").exists():
            return 1
    status = json.loads(ingestctl("status", "demo", "--output", "json", home=home, quiet=True).stdout)
    wrong = unexpected(status, names_by_id(home))
    for query, filters in SEARCHES:
        ingestctl(
            "search", query, *filters, "--limit", "2", "--model-set", str(HERE / "models.yaml"), home=home
        )
    talk = next(item for item, name in names_by_id(home).items() if name == "talk.mp4")
    ingestctl("export", talk, "--format", "vtt", "--to", str(home / "talk.vtt"), home=home)
    print("\n".join((home / "talk.vtt").read_text().splitlines()[:12]))
    for line in wrong:
        print(f"NOT AS EXPECTED: {line}")
    if not wrong:
        print(
            "\nevery recording ended as it must; `make demo-pages` shows and plays them in a browser",
            flush=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
