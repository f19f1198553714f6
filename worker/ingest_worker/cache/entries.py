"""The cache: one entry for each recording of a namespace, which is its audio as FLAC and a manifest.

    <key>.<first 16 digits of its sha256>.flac
    <key>.<first 16 digits of its sha256>.captions
    <key>.json
    <key>.<16 digits for a recording of a batch>.wanted

Captions are there only where they are wanted. An entry goes with the last mark of those who want it: several
batches of a namespace may have the same recording. The audio is written first, under a name that its content
determines, and the manifest last: who finds a manifest finds the audio that it was written for, whoever else
writes the same entry meanwhile. What does not fit (another version, another recording, another size or
digest) counts as absent.
"""

import hashlib
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ingest_contract.cache import is_mark
from ingest_contract.failures import Reason
from ingest_worker.cache.manifest import MAX_MANIFEST_BYTES, Manifest, decoder_version
from ingest_worker.cache.storage import BLOCK_BYTES, Storage
from ingest_worker.errors import StageError
from ingest_worker.ports import Report

LEFTOVER_SECONDS: Final = 7 * 86_400
"""Age after which what lies in the cache was left by a batch that is gone."""

_ABANDONED_SECONDS: Final = 60
"""Age of a file that its writer should have renamed, counted from its last block: the writer was killed."""

_MOST_SWEPT_FILES: Final = 1000
"""Files that one sweep removes at most."""

_OURS: Final = re.compile(
    r"^\.?[0-9a-f]{40}\.(json|[0-9a-f]{16}\.(flac|captions|wanted))(\.[0-9a-f]{32}\.part)?$"
)
"""Names of entries, and of what was left in the middle of writing one. Other files are never touched."""

_TRIES: Final = re.compile(r"^\.?[0-9a-f]{32}\.try(\.[0-9a-f]{32}\.part)?$")
"""Names of what `rehearse` writes."""


class Cache:
    """The entries in one storage. Every method may raise `StageError(CACHE_UNAVAILABLE)`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, key: str, recording: str) -> Manifest:
        """The entry of a recording. Raises `StageError(NOT_IN_CACHE)`, which says what is wrong with it."""
        manifest = self._manifest(key)
        if manifest.recording != recording:
            raise _absent(f"what lies in the cache under this name is of {manifest.recording}")
        if manifest.decoder != decoder_version():
            raise _absent(
                "what lies in the cache was decoded by another version: "
                "do the pods that fetch and the pods that ingest have different images?"
            )
        size = self._storage.size(_audio(key, manifest))
        if size != manifest.bytes:
            what = "no audio" if size is None else f"{size} bytes of audio"
            raise _absent(f"{what} in the cache, and there should be {manifest.bytes}")
        return manifest

    def _manifest(self, key: str) -> Manifest:
        content = b""
        for block in self._storage.blocks(f"{key}.json"):
            content += block
            if len(content) > MAX_MANIFEST_BYTES:
                raise _absent("the manifest in the cache is too long to be one")
        try:
            return Manifest.model_validate_json(content)
        except ValidationError as error:
            raise _absent("the manifest in the cache is not one of this version") from error

    def find(self, key: str, recording: str, report: Report) -> Manifest | None:
        """The entry of a recording, if its audio is there byte for byte; None if not."""
        try:
            manifest = self.get(key, recording)
            self.captions(key, manifest)
            for _ in self._checked(key, manifest, report):
                pass
        except StageError as error:
            if error.reason is Reason.NOT_IN_CACHE:
                return None
            raise
        return manifest

    def copy(self, key: str, manifest: Manifest, target: Path, report: Report) -> None:
        """The FLAC file of an entry, as `target`.

        Raises:
            StageError: `NOT_IN_CACHE` if it is not what the manifest says, `SCRATCH_FULL`.
        """
        blocks = self._checked(key, manifest, report)
        try:
            with target.open("wb") as file:
                for block in blocks:
                    file.write(block)
        except OSError as error:
            raise StageError(Reason.SCRATCH_FULL, f"{target.name}: {error.strerror}") from error

    def captions(self, key: str, manifest: Manifest) -> bytes | None:
        """The captions of an entry; None if it has none. Raises `StageError(NOT_IN_CACHE)` if they are not
        what the manifest says."""
        name, said = _captions(key, manifest), manifest.captions
        if name is None or said is None:
            return None
        content = bytearray()
        for block in self._storage.blocks(name):
            content += block
            if len(content) > said.bytes:
                break
        if len(content) != said.bytes or hashlib.sha256(content).hexdigest() != said.sha256:
            raise _absent("the captions in the cache are not what a fetch left there")
        return bytes(content)

    def _checked(self, key: str, manifest: Manifest, report: Report) -> Iterator[bytes]:
        """The audio, block by block; at the end, or earlier, raises if it is not what was written."""
        digest, done = hashlib.sha256(), 0
        for block in self._storage.blocks(_audio(key, manifest)):
            digest.update(block)
            done += len(block)
            if done > manifest.bytes:
                break
            report(min(done / manifest.bytes, 0.99))
            yield block
        if done != manifest.bytes or digest.hexdigest() != manifest.sha256:
            raise _absent("the audio in the cache is not what a fetch left there")

    def put(
        self, key: str, manifest: Manifest, flac: Path, report: Report, captions: bytes | None = None
    ) -> None:
        """Put an entry there, in place of whatever was there.

        Args:
            key: Its name.
            manifest: Of this very file.
            flac: The audio, on scratch.
            report: Called with the share that is written.
            captions: The captions, if there are some.

        Raises:
            StageError: `UNKNOWN` if the file on scratch is not what the manifest says.
        """
        self._storage.write(_audio(key, manifest), _content(flac, manifest, report))
        name = _captions(key, manifest)
        try:
            if name is not None and captions is not None:
                self._storage.write(name, [captions])
            self._storage.write(f"{key}.json", [manifest.to_json().encode()])
        except BaseException:
            for each in filter(None, (_audio(key, manifest), name)):
                with suppress(StageError):  # what nobody can find would keep a full disk full
                    self._storage.remove(each)
            raise

    def want(self, mark: str) -> None:
        """Say that somebody wants an entry, before looking for it: it stays until it is left. `mark` is a
        `mark_name`."""
        self._storage.write(mark, [b"x"])

    def leave(self, key: str, mark: str) -> None:
        """Say that somebody wants an entry no more. Who is the last removes it. A mark that is a week old is
        of a batch that is gone."""
        self._storage.remove(mark)
        if not any(
            is_mark(each.name) and each.age_seconds <= LEFTOVER_SECONDS
            for each in self._storage.stored(f"{key}.")
        ):
            self.remove(key)

    def remove(self, key: str) -> None:
        """Remove an entry, whatever is there of it: its manifest first, so that nobody finds half of it. What
        somebody is writing at this moment stays, and so do the marks of those who want it."""
        self._storage.remove(f"{key}.json")
        for each in list(self._storage.stored(f"{key}.")):
            fresh = each.age_seconds <= (LEFTOVER_SECONDS if is_mark(each.name) else _ABANDONED_SECONDS)
            if not fresh or not (is_mark(each.name) or each.name.startswith(".")):
                self._storage.remove(each.name)

    def sweep(self, keep: str, older_than_seconds: float = LEFTOVER_SECONDS) -> int:
        """Remove what was left long ago: entries and what was never finished. Returns how many files that
        were. `keep` is a key whose entry stays."""
        old = [
            each.name
            for each in self._storage.stored()
            if each.age_seconds > older_than_seconds
            and (_OURS.match(each.name) or _TRIES.match(each.name))
            and keep not in each.name
        ]
        for name in sorted(old)[:_MOST_SWEPT_FILES]:
            self._storage.remove(name)
        return min(len(old), _MOST_SWEPT_FILES)

    def rehearse(self) -> None:
        """Raise `StageError(CACHE_UNAVAILABLE)` now, before a download that nothing could keep."""
        name = f"{uuid.uuid4().hex}.try"
        self._storage.write(name, [b"x"])
        self._storage.remove(name)


def digest_of(path: Path) -> tuple[int, str]:
    """(bytes, sha256) of a file on scratch. Raises `OSError`."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _content(flac: Path, manifest: Manifest, report: Report) -> Iterator[bytes]:
    """The file, block by block. A disk that fails is scratch's fault, not the cache's."""
    done = 0
    try:
        with flac.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                done += len(block)
                report(min(done / manifest.bytes, 0.99))
                yield block
    except OSError as error:
        raise StageError(Reason.UNKNOWN, f"{flac.name}: {error.strerror}") from error


def _audio(key: str, manifest: Manifest) -> str:
    return f"{key}.{manifest.audio}.flac"


def _captions(key: str, manifest: Manifest) -> str | None:
    said = manifest.captions
    return None if said is None or said.sha256 is None else f"{key}.{said.sha256[:16]}.captions"


def _absent(why: str) -> StageError:
    return StageError(Reason.NOT_IN_CACHE, why)
