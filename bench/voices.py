"""How long decisions about voices take in a corpus of a thousand recordings, and what forgetting one leaves.

The vectors are of five real people, heard by the real diarizer; the recordings are made from them in SQL,
each with three speakers, whose voices lie slightly beside those of their person, and sixty passages, of which
six have a vector. One person is in all recordings. A row is one statement of a person, as the command line
makes it, in seconds on the database.

    python -m bench.voices [--again] [ROW ...]
"""

import atexit
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from pgvector import Vector

from bench.rows import Figures, rows_main
from ingest_contract.order import SpeakerCount
from ingest_worker.domain import Audio, FloatArray
from ingest_worker.store.connect import Connection, connect, use_vectors
from ingest_worker.store.deciding import Signed
from ingest_worker.store.decisions import correct_part, merge, name, split, undo
from ingest_worker.store.embedded import embedded
from ingest_worker.store.forgetting import forget_recordings, forget_voice, sweep
from ingest_worker.store.forgotten_voice import Passages
from ingest_worker.store.schema import ensure_dimension, migrate
from ingest_worker.store.voice_list import voices
from ingest_worker.store.voice_names import voice_of
from testkit.models import community1
from testkit.models.reference_diarization import pcm
from testkit.speech.catalogue import recordings

RECORDINGS: Final = 1000
DIMENSION: Final = 384
ME: Final = Signed("bench")

_CORPUS: Final = """
with made as (
  insert into ingest.recording (id, url, title)
  select 'bench:' || i, 'https://media.example/' || i, 'Talk ' || i
    from generate_series(1, %(recordings)s) i returning id
)
insert into ingest.run (id, recording, batch, trace_id, number, pipeline_hash, started_at, finished_at,
                        seconds, media_seconds, language, models, figures)
select gen_random_uuid(), id, 'default/bench', repeat('0', 32), 1, 'x', now(), now(), 1, 600, 'en', '{}', '{}'
  from made
"""
_CONTENT: Final = """
update ingest.recording r set current_run = u.id from ingest.run u where u.recording = r.id;
insert into ingest.segment (run, seq, start_seconds, end_seconds, speaker, text, first_word, end_word,
                            language)
  select id, i, i * 10, i * 10 + 9, i % 3, 'what was said in passage ' || i, i, i + 1, 'en'
    from ingest.run, generate_series(0, 59) i;
insert into ingest.turn (run, seq, speaker, start_seconds, end_seconds)
  select id, i, i % 3, i * 10, i * 10 + 9 from ingest.run, generate_series(0, 59) i;
insert into ingest.embedding_model (model, dimension) values ('bench', 384);
insert into ingest.embeddings_384 (segment, model, vector)
  select id, 1, (select array_agg(random()) from generate_series(1, 384) i where s.id > 0)::halfvec
    from ingest.segment s where s.seq % 10 = 0;
analyze;
"""


@cache
def people() -> FloatArray:
    """(5, dimension) voices of real people."""
    from ingest_worker.engines.diarization import PyannoteDiarizer

    diarizer = PyannoteDiarizer(community1.kit(), device="cpu", batch=32)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for each, seconds in (("dialogue", 64.0), ("sample", None)):
            audio: Audio = pcm(recordings()[each].path, Path(folder) / f"{each}.pcm", seconds)
            found.append(diarizer.diarize(audio, SpeakerCount(), lambda _: None).vectors)
    diarizer.release()
    return np.concatenate(found)


@cache
def corpus() -> Connection:
    """The store, which goes with this process."""
    ends = ExitStack()
    atexit.register(ends.close)
    home = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="ingest-bench-")))
    dsn = ends.enter_context(embedded(home / "postgres"))
    migrate(dsn)
    ensure_dimension(dsn, DIMENSION)
    connection = ends.enter_context(connect(dsn, application="bench", statement_timeout_seconds=0))
    use_vectors(connection)
    with connection.transaction():
        connection.execute(_CORPUS, {"recordings": RECORDINGS})
        _speakers(connection)
        connection.execute(_CONTENT)
    return connection


def _speakers(connection: Connection) -> None:
    """Three in each: the first person always, two of the others in turn."""
    known, random = people(), np.random.default_rng(7)
    for number, vector in enumerate(known, start=1):
        connection.execute(
            "insert into ingest.unknown_voice (number, model, vector, first_recording, first_speaker) "
            "values (%s, 'voices@1', %s, 'bench:1', 0)",
            [number, Vector(vector)],
        )
    runs = [row[0] for row in connection.execute("select id from ingest.run order by id").fetchall()]
    rows: list[tuple[Any, ...]] = []
    for place, run in enumerate(runs):
        others = 1 + place % (len(known) - 1), 1 + (place + 1) % (len(known) - 1)
        for speaker, person in enumerate((0, *others)):
            noise = random.normal(0, 0.3 / known.shape[1] ** 0.5, known.shape[1])
            heard = known[person] + noise.astype(np.float32)
            rows.append((run, speaker, person + 1, Vector(heard / np.linalg.norm(heard))))
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ingest.speaker (run, speaker, decision, unknown, threshold, seconds, voice_model, "
            "voice) values (%s, %s, 'Unknown', %s, 0.4, 180, 'voices@1', %s)",
            rows,
        )


def _timed(decide: Callable[[Connection], Any]) -> Figures:
    connection = corpus()
    started = time.monotonic()
    done = decide(connection)
    figures = {"seconds": round(time.monotonic() - started, 2)}
    if hasattr(done, "speakers"):
        figures |= {"speakers": done.speakers, "recordings": done.recordings}
    return figures


def all_rows() -> Figures:
    """Every statement in order, over one corpus: each builds on the one before."""
    half = [f"bench:{number}" for number in range(1, RECORDINGS // 2 + 1)]
    found: Figures = {}
    found["list"] = _timed(voices)
    found["name"] = _timed(lambda c: name(c, voice_of("#1"), voice_of("Ann"), ME))
    found["name again"] = _timed(lambda c: name(c, voice_of("Ann"), voice_of("Ann Lee"), ME))
    found["merge"] = _timed(lambda c: merge(c, voice_of("#2"), [voice_of("#3")], ME))
    found["undo the merge"] = _timed(lambda c: undo(c, 3, ME))
    found["split, half of them"] = _timed(lambda c: split(c, voice_of("Ann Lee"), half, ME))
    found["undo the split"] = _timed(lambda c: undo(c, 5, ME))
    found["correct a stretch"] = _timed(
        lambda c: correct_part(c, "bench:9", (0, 40), None, voice_of("Bob"), ME)
    )
    found["undo the stretch"] = _timed(lambda c: undo(c, 7, ME))
    found["forget a recording"] = _timed(lambda c: forget_recordings(c, ["bench:7"], ME))
    found["forget a voice"] = _timed(lambda c: forget_voice(c, voice_of("Ann Lee"), Passages.KEEP, ME))
    found["vacuum"] = _timed(sweep)
    row = (
        corpus()
        .execute(
            "select count(*) from ingest.speaker where voice is not null and 1 - (voice <=> %s) > 0.8",
            [Vector(people()[0])],
        )
        .fetchone()
    )
    found["forget a voice"]["vectors like it left"] = row[0] if row else None
    return found


def table(rows: dict[str, Figures]) -> str:
    """For the docs."""
    lines = ["| statement | recordings | speakers | seconds |", "|---|---|---|---|"]
    for each, figures in rows.get("corpus", {}).items():
        counts = f"{figures.get('recordings', '')} | {figures.get('speakers', '')}"
        lines.append(f"| {each} | {counts} | {figures['seconds']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(rows_main("voices", __doc__, {"corpus": all_rows}, table))
