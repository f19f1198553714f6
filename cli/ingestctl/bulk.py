"""`ingestctl export --all`: every stored transcript, into a folder, a file of lines, or a table.

A transcript that cannot be read is named and counted; the others are written.
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

from ingest_contract.text import escaped
from ingest_operator.local.folders import replacing, write_atomically
from ingest_reader.exports.document import document, names_of
from ingest_reader.exports.formats import FORMATS, Format, address_of
from ingest_reader.exports.links import NOBODY
from ingest_worker.errors import StageError
from ingest_worker.store.connect import Connection
from ingest_worker.store.reads import StoredTranscript, recordings, transcript
from ingestctl.backends.port import CommandError

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,150}")

_MODE: Final = 0o666


class BulkFormat(StrEnum):
    """The formats of one transcript, and those that hold many."""

    JSON = "json"
    VTT = "vtt"
    SRT = "srt"
    TXT = "txt"
    RTTM = "rttm"
    JSONL = "jsonl"
    """A line per recording: what `json` has."""
    PARQUET = "parquet"
    """A row per passage."""


@dataclass(slots=True)
class Tally:
    """What was written."""

    recordings: int = 0
    passages: int = 0
    unreadable: list[str] = field(default_factory=list)
    """Each recording that could not be read, and why."""


def file_name(recording: str, suffix: str) -> str:
    """The file of a recording: its id, with a hash where that is no plain file name. No two share one."""
    plain = recording.replace(":", "_", 1)
    if _PLAIN.fullmatch(plain):
        return f"{plain}.{suffix}"
    digest = hashlib.sha256(recording.encode()).hexdigest()[:12]
    return f"{re.sub('[^A-Za-z0-9_-]', '_', plain)[:100]}-{digest}.{suffix}"


def export_all(
    connection: Connection, form: BulkFormat, to: Path | None, reading: Callable[[int, int], None]
) -> Tally:
    """Write every current transcript; `reading` hears before each how many came before it, of how many.
    Raises `StageError` and `CommandError`."""
    tally = Tally()
    stored = _transcripts(connection, tally, reading)
    match form:
        case BulkFormat.JSONL:
            _write_lines(stored, to)
        case BulkFormat.PARQUET:
            _write_parquet(stored, _wanted(to, "a file"))
        case _:
            _write_files(stored, Format(form.value), _wanted(to, "a folder"))
    return tally


def _wanted(to: Path | None, what: str) -> Path:
    if to is None:
        raise CommandError(f"--to is wanted: {what} to write")
    return to


def _transcripts(
    connection: Connection, tally: Tally, reading: Callable[[int, int], None]
) -> Iterator[StoredTranscript]:
    ids = sorted(row.id for row in recordings(connection) if row.state == "Ingested")
    for number, each in enumerate(ids):
        reading(number, len(ids))
        try:
            found = transcript(connection, each)
        except StageError as error:
            tally.unreadable.append(f"{each}: {error}")
            continue
        if found is not None:  # else it was forgotten since
            tally.recordings += 1
            tally.passages += len(found.segments)
            yield found


def _write_files(stored: Iterator[StoredTranscript], form: Format, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for each in stored:
        write_atomically(to / file_name(each.recording.id, form.value), FORMATS[form](each), _MODE)


def _write_lines(stored: Iterator[StoredTranscript], to: Path | None) -> None:
    def lines(file: IO[str]) -> None:
        for each in stored:
            file.write(escaped(json.dumps(document(each), ensure_ascii=False)) + "\n")

    if to is None:
        lines(sys.stdout)
        return
    with replacing(to, _MODE) as fresh, fresh.open("w", encoding="utf-8") as file:
        lines(file)


def _write_parquet(stored: Iterator[StoredTranscript], to: Path) -> None:
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter
    except ImportError as error:
        raise CommandError(
            "Parquet is written by pyarrow: `pip install 'video-ingest-operator[parquet]'`, or take jsonl"
        ) from error
    text, number = pa.string(), pa.float64()
    fields = {"recording": text, "title": text, "channel": text, "url": text}
    fields |= {"published_at": pa.timestamp("us", tz="UTC"), "language": text, "passage": pa.int32()}
    fields |= {"start_seconds": number, "end_seconds": number, "speaker": text, "text": text}
    schema = pa.schema(list(fields.items()))
    with replacing(to, _MODE) as fresh, ParquetWriter(fresh, schema, compression="zstd") as writer:
        for each in stored:
            writer.write_table(pa.Table.from_pylist(list(_rows(each)), schema))


def _rows(stored: StoredTranscript) -> Iterator[dict[str, Any]]:
    recording, names = stored.recording, names_of(stored)
    for number, segment in enumerate(stored.segments):
        yield {
            "recording": recording.id,
            "title": recording.title,
            "channel": recording.channel,
            "url": address_of(stored),
            "published_at": recording.published_at,
            "language": stored.run.language,
            "passage": number,
            "start_seconds": segment.start,
            "end_seconds": segment.end,
            "speaker": names.get(segment.speaker, NOBODY),
            "text": segment.text,
        }
