"""Numbers for voices without a name: `unknown #7` is the same person in every recording of the corpus, as far
as the vectors can say.

Rules, kept simple on purpose:

- A speaker of a recording that is processed again keeps the number that the run before gave: it is found by
  the times at which it speaks, so vectors that came out slightly different, another order of speakers, or
  another model change nothing.
- Another voice is compared with the first recording of every earlier unknown of the same model, by cosine.
  The best at or above the threshold gives its number. Only the first vector counts, so numbers do not drift
  and a chain of likenesses does not join strangers.
- Two speakers of one recording never share a number: diarization has told them apart. Best pairs first.
- A voice that cannot be compared (too short, no vector) gets a number that nobody else will be given, so that
  it can be told from the others and searched for.
"""

from collections import defaultdict
from typing import Final

from pgvector import Vector

from ingest_worker.domain import Decision, FloatArray, Identity
from ingest_worker.placing import HeardSpeaker, same_speakers, speakers_of
from ingest_worker.spans import joined
from ingest_worker.store.connect import Connection, as_array
from ingest_worker.store.records import Content

_LOCK_KEY: Final = 0x1D6E58
"""Advisory lock for the numbering: two recordings with one new voice that commit at the same time must agree
on its number."""

_COMPARABLE: Final = frozenset({Decision.UNKNOWN, Decision.AMBIGUOUS, Decision.NOBODY_ENROLLED})

_ALIKE: Final = """
select number, max(1 - (vector <=> %(voice)s)) as likeness
  from (select number, vector from ingest.unknown_voice where model = %(model)s and vector is not null
        union all
        select number, vector from ingest.unknown_vector where model = %(model)s) known
 group by number having max(1 - (vector <=> %(voice)s)) >= %(threshold)s
 order by likeness desc, number
 limit %(speakers)s
"""
_BEFORE: Final = """
select s.speaker, case when s.judged is null then s.unknown else s.judged_unknown end,
       t.start_seconds, t.end_seconds,
       case when s.voice_model = %s then s.voice end
  from ingest.recording r
  join ingest.speaker s on s.run = r.current_run
  join (select run, speaker, start_seconds, end_seconds from ingest.judged_turn
        union all
        select run, speaker, start_seconds, end_seconds from ingest.turn t
         where not exists (select from ingest.judged_turn j where j.run = t.run)) t
    on t.run = s.run and t.speaker = s.speaker
 where r.id = %s and s.made_by is null
   and case when s.judged is null then s.unknown else s.judged_unknown end is not null
"""


def lock_numbers(connection: Connection) -> None:
    """Held until the transaction ends, so it is taken late. Under READ COMMITTED, each statement after it
    sees everything committed before it."""
    connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK_KEY])


def number_unknowns(connection: Connection, recording: str, content: Content) -> dict[int, int]:
    """A corpus-wide number for each speaker without a name: {speaker: number}. Call it inside the committing
    transaction, while the run before is still the recording's current one."""
    unnamed = [identity for identity in content.identities if identity.name is None]
    if not unnamed:
        return {}
    lock_numbers(connection)
    numbers = _given_before(connection, recording, unnamed, content)
    _know_again(connection, recording, numbers, content)
    numbers |= _matched(connection, unnamed, numbers, content)
    for identity in unnamed:
        if identity.speaker not in numbers:
            voice = _voice(identity, content)
            numbers[identity.speaker] = new_number(
                connection, recording, identity.speaker, content.voice_model, voice
            )
    return numbers


def new_number(
    connection: Connection, recording: str, speaker: int, model: str, voice: FloatArray | None
) -> int:
    """A number that nobody has been given. Needs `lock_numbers`."""
    row = connection.execute(
        "insert into ingest.unknown_voice (number, model, vector, first_recording, "
        "first_speaker) select coalesce(max(number), 0) + 1, %s, %s, %s, %s "
        "from ingest.unknown_voice returning number",
        [model, None if voice is None else Vector(voice), recording, speaker],
    ).fetchone()
    assert row is not None  # noqa: S101  an insert of one row returns one row
    return int(row[0])


def _given_before(
    connection: Connection, recording: str, unnamed: list[Identity], content: Content
) -> dict[int, int]:
    """Numbers of the run before, for those who are the same speakers."""
    given: dict[int, int] = {}
    voices: dict[int, FloatArray | None] = {}
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for speaker, number, start, end, voice in connection.execute(_BEFORE, [content.voice_model, recording]):
        given[speaker], voices[speaker] = number, as_array(voice)
        spans[speaker].append((start, end))
    before = [HeardSpeaker(speaker, joined(each), voices[speaker], 0.0) for speaker, each in spans.items()]
    found = same_speakers(speakers_of(content.diarization, unnamed), before)
    return {new: given[old] for new, old in found.items()}


def _know_again(connection: Connection, recording: str, numbers: dict[int, int], content: Content) -> None:
    """Keep a vector by this model for numbers that were given by another one, so that recordings which come
    later are compared too."""
    model = content.voice_model
    for identity in content.identities:
        voice = _voice(identity, content) if identity.speaker in numbers else None
        if voice is not None:
            connection.execute(
                "insert into ingest.unknown_vector (number, model, vector, recording) "
                "select number, %s, %s, %s from ingest.unknown_voice "
                "where number = %s and (model <> %s or vector is null) on conflict do nothing",
                [model, Vector(voice), recording, numbers[identity.speaker], model],
            )


def _matched(
    connection: Connection, unnamed: list[Identity], given: dict[int, int], content: Content
) -> dict[int, int]:
    """Matches of the others with earlier unknowns, best pairs first. Each voice has as many candidates as
    there are speakers, because the other speakers can take all but one."""
    pairs: list[tuple[float, int, int]] = []
    for identity in unnamed:
        voice = _voice(identity, content)
        if voice is not None and identity.speaker not in given:
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
        if speaker not in numbers and number not in {*numbers.values(), *given.values()}:
            numbers[speaker] = number
    return numbers


def _voice(identity: Identity, content: Content) -> FloatArray | None:
    """(dimension,) the vector to compare, if there is one."""
    usable = identity.decision in _COMPARABLE and content.diarization.has_vector(identity.speaker)
    return content.diarization.vectors[identity.speaker] if usable else None
