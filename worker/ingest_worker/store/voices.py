"""Numbers for voices without a name: `unknown #7` is the same person in every recording of the corpus, as far
as the vectors can say.

Rules, kept simple on purpose: - A voice is compared with the first recording of every earlier unknown of the
same model, by cosine. The best at or above the threshold gives its number. Only the first vector counts, so
numbers do not drift and a chain of likenesses does not join strangers. - Two speakers of one recording never
share a number: diarization has told them apart. Best pairs first. - A voice that cannot be compared (too
short, no vector) gets a number that nobody else will be given, so that it can be told from the others and
searched for. The same speaker of the same recording gets it again when the recording is processed anew.
"""

from typing import Final

from pgvector import Vector

from ingest_worker.domain import Decision, FloatArray, Identity
from ingest_worker.store.connect import Connection
from ingest_worker.store.records import Content

_LOCK_KEY: Final = 0x1D6E58
"""Advisory lock for the numbering: two recordings with one new voice that commit at the same time must agree
on its number."""

_COMPARABLE: Final = frozenset({Decision.UNKNOWN, Decision.AMBIGUOUS, Decision.NOBODY_ENROLLED})

_ALIKE: Final = """
select number, 1 - (vector <=> %(voice)s) as likeness
  from ingest.unknown_voice
 where model = %(model)s and vector is not null and 1 - (vector <=> %(voice)s) >= %(threshold)s
 order by likeness desc, number
 limit %(speakers)s
"""


def number_unknowns(connection: Connection, recording: str, content: Content) -> dict[int, int]:
    """A corpus-wide number for each speaker without a name: {speaker: number}. Call it inside the committing
    transaction.

    The lock is held until that transaction ends, so it is taken late. Under READ COMMITTED, each statement
    after it sees everything committed before it.
    """
    unnamed = [identity for identity in content.identities if identity.name is None]
    if not unnamed:
        return {}
    connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK_KEY])
    numbers = _matched(connection, unnamed, content)
    for identity in unnamed:
        if identity.speaker not in numbers:
            voice = _voice(identity, content)
            known = _given_before(connection, recording, identity.speaker) if voice is None else None
            numbers[identity.speaker] = known or _new(
                connection, recording, identity.speaker, content.voice_model, voice
            )
    return numbers


def _matched(connection: Connection, unnamed: list[Identity], content: Content) -> dict[int, int]:
    """Matches with earlier unknowns, best pairs first. Each voice has as many candidates as there are
    speakers, because the other speakers can take all but one."""
    pairs: list[tuple[float, int, int]] = []
    for identity in unnamed:
        voice = _voice(identity, content)
        if voice is not None:
            wanted = {
                "voice": Vector(voice),
                "model": content.voice_model,
                "threshold": identity.threshold,
                "speakers": len(unnamed),
            }
            pairs += [
                (-likeness, identity.speaker, number)
                for number, likeness in connection.execute(_ALIKE, wanted)
            ]
    numbers: dict[int, int] = {}
    for _, speaker, number in sorted(pairs):
        if speaker not in numbers and number not in numbers.values():
            numbers[speaker] = number
    return numbers


def _voice(identity: Identity, content: Content) -> FloatArray | None:
    """(dimension,) the vector to compare, if there is one."""
    usable = identity.decision in _COMPARABLE and content.diarization.has_vector(identity.speaker)
    return content.diarization.vectors[identity.speaker] if usable else None


def _given_before(connection: Connection, recording: str, speaker: int) -> int | None:
    row = connection.execute(
        "select number from ingest.unknown_voice "
        "where first_recording = %s and first_speaker = %s and vector is null order by number limit 1",
        [recording, speaker],
    ).fetchone()
    return None if row is None else int(row[0])


def _new(connection: Connection, recording: str, speaker: int, model: str, voice: FloatArray | None) -> int:
    row = connection.execute(
        "insert into ingest.unknown_voice (number, model, vector, first_recording, "
        "first_speaker) select coalesce(max(number), 0) + 1, %s, %s, %s, %s "
        "from ingest.unknown_voice returning number",
        [model, None if voice is None else Vector(voice), recording, speaker],
    ).fetchone()
    assert row is not None  # noqa: S101  an insert of one row returns one row
    return int(row[0])
