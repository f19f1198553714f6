"""The demo's locked set of models, fetched and checked once for all tests and kept in the cache."""

from functools import cache
from pathlib import Path

from ingest_worker.models import fetch, load_set
from scripts.environment import cache_folder

_SET = Path(__file__).parents[2] / "demo" / "models.yaml"


@cache
def models() -> Path:
    """The folder of sets, with the demo's in it."""
    folder = cache_folder() / "testkit" / "models"
    fetch(load_set(str(_SET)), folder, lambda *_: None)
    return folder


def model(name: str) -> Path:
    """The folder of one model of the demo's set."""
    return models() / "demo" / name


def main() -> None:
    """Before the tests, whose runner keeps to itself what is said meanwhile: everything that they hear, and
    hear it with."""
    from testkit.media import packing
    from testkit.models import community1
    from testkit.speech import catalogue

    print(models(), community1.kit(), packing.folder(), sep="\n")
    for recording in catalogue.recordings().values():
        print(recording.path)


if __name__ == "__main__":
    main()
