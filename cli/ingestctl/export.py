"""`ingestctl export`: one stored transcript into a file or to standard output."""

import sys
from pathlib import Path

from ingest_operator.local.folders import write_atomically
from ingest_reader.exports.formats import FORMATS, Format
from ingest_worker.store.reads import StoredTranscript, recordings, transcript
from ingestctl.catalog import reading
from ingestctl.place import Workplace
from ingestctl.progress import going

_NAMED_IDS = 5
"""How many ids an error names."""


class NoTranscriptError(Exception):
    """The store has no transcript of a recording; the message names some that it has."""


def stored_transcript(place: Workplace, recording: str) -> StoredTranscript:
    """A recording's current transcript.
    Raises `NoTranscriptError`, and `StageError` if the store cannot be read."""
    with reading(place) as connection, going("reading the transcript"):
        found = transcript(connection, recording)
        if found is not None:
            return found
        rows = recordings(connection)
    known = [row.id for row in rows if row.state == "Ingested"]
    why = next((f"it ended as {row.reason}" for row in rows if row.id == recording and row.reason), "")
    more = f" and {len(known) - _NAMED_IDS} more" if len(known) > _NAMED_IDS else ""
    there = f"the store has {', '.join(known[:_NAMED_IDS])}{more}" if known else "the store has none yet"
    raise NoTranscriptError(f"no transcript of {recording!r} is stored; {why or there}")


def write(found: StoredTranscript, form: Format, to: Path | None) -> None:
    """Write the export whole or not at all; None is standard output."""
    with going("writing the transcript", prints=to is None):
        text = FORMATS[form](found)
        if to is None:
            sys.stdout.write(text)
        else:
            write_atomically(to, text, 0o666)
