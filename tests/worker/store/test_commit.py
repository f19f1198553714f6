"""One recording, one transaction: what becomes visible, and when nothing does."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg import sql

from ingest_contract.failures import Reason
from ingest_worker.domain import Diarization, Evidence, Segment, Vectors, WonSeconds
from ingest_worker.errors import StageError
from ingest_worker.store import reads
from ingest_worker.store.claims import claim
from ingest_worker.store.commit import FINAL, commit, record_outcome
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.reading.progress import LeftOutCount, left_out
from ingest_worker.store.records import Content, FinalEnd
from tests.worker.store.makers import (
    a_recording,
    a_run,
    content,
    count,
    counts,
    eventually,
    named,
    store,
    unit,
    unknown,
)

pytestmark = pytest.mark.postgres


def test_a_committed_run_is_whole_current_and_gives_its_claim_up(connection: Connection) -> None:
    found = content("one", "two", "three", identities=(named(0, "ann"), unknown(1)))
    run = store(connection, found)
    assert counts(connection) == {
        "recording": 1, "run": 1, "segment": 3, "turn": 3, "speaker": 2, "words": 1, "unknown_voice": 1,
        "embeddings_8": 3, "embedding_model": 1, "outcome": 0,
    }  # fmt: skip
    assert connection.execute("select id, current_run from ingest.recording").fetchone() == (
        "test:one",
        run.id,
    )
    assert count(connection, "claim") == 0
    kept = reads.transcript(connection, "test:one")
    assert kept is not None
    assert (kept.segments, kept.turns) == (found.segments, found.diarization.turns)
    assert tuple(kept.words) == found.words
    assert [speaker.label for speaker in kept.speakers] == ["ann", "unknown #1"]
    assert (kept.run.rtf, kept.run.models, kept.run.figures) == (0.5, run.models, run.figures)


def test_what_an_identity_was_judged_by_is_stored_and_shown(connection: Connection) -> None:
    evidence = Evidence((0, 2), (WonSeconds("ann", 61.2, 14.8), WonSeconds("bob", 3.5, 1.5)))
    store(
        connection,
        content("one", "two", identities=(replace(named(0, "ann"), evidence=evidence), unknown(1))),
    )
    shown = connection.execute("select evidence from speakers order by speaker").fetchall()
    told = {
        "heard_as": [0, 2],
        "won": [
            {"voice": "ann", "seconds": 61.2, "longest": 14.8},
            {"voice": "bob", "seconds": 3.5, "longest": 1.5},
        ],
    }
    assert shown == [(told,), (None,)]
    kept = reads.transcript(connection, "test:one")
    assert kept is not None
    assert [speaker.evidence for speaker in kept.speakers] == [told, None]


def test_words_of_no_speaker_are_stored_and_found(connection: Connection) -> None:
    found = content("spoken", "by", "nobody")
    nobody = replace(
        found,
        words=tuple(replace(word, speaker=None) for word in found.words),
        diarization=Diarization((), (), np.zeros((0, 4), np.float32)),
        identities=(),
        segments=tuple(replace(passage, speaker=None) for passage in found.segments),
    )
    store(connection, nobody)
    kept = reads.transcript(connection, "test:one")
    assert kept is not None
    assert (kept.segments, kept.turns, kept.speakers) == (nobody.segments, (), ())
    assert tuple(kept.words) == nobody.words
    rows = connection.execute("select text, speaker from current_segments order by seq").fetchall()
    assert rows == [("spoken", None), ("by", None), ("nobody", None)]


def test_a_second_run_replaces_all_content_of_the_first_and_keeps_its_row_as_history(
    connection: Connection,
) -> None:
    first = store(connection, content("old", "older", "oldest"))
    second = store(connection, content("new"), run=a_run(pipeline_hash="hash-2"))
    assert count(connection, "run") == 2
    for table in ("segment", "turn", "words", "speaker"):
        assert connection.execute(
            sql.SQL("select distinct run from {}").format(sql.Identifier("ingest", table))
        ).fetchall() == [(second.id,)]
    assert count(connection, "embeddings_8") == 1
    superseded = connection.execute(
        "select id, superseded_at is not null from ingest.run order by superseded_at nulls last"
    ).fetchall()
    assert superseded == [(first.id, True), (second.id, False)]
    assert connection.execute("select text from current_segments").fetchall() == [("new",)]


def _with_no_vector(found: Content) -> Content:
    return replace(found, vectors=Vectors(found.vectors.values[:1], found.vectors.model))


def _with_a_nan(found: Content) -> Content:
    values = found.vectors.values.copy()
    values[0, 0] = np.nan
    return replace(found, vectors=Vectors(values, found.vectors.model))


def _with_another_dimension(found: Content) -> Content:
    return replace(found, vectors=Vectors(np.stack([unit(1, dimension=5)] * 2), "five@0"))


def _with_a_segment_of_nobody(found: Content) -> Content:
    return replace(found, segments=(found.segments[0], replace(found.segments[1], speaker=9)))


def _with_a_segment_without_length(found: Content) -> Content:
    return replace(found, segments=(Segment(5, 5, 0, "x", (0, 1)), found.segments[1]))


def _with_a_nul_in_the_text(found: Content) -> Content:
    return replace(found, segments=(replace(found.segments[0], text="a\0b"), found.segments[1]))


@pytest.mark.parametrize(
    ("spoilt", "reason", "told"),
    [
        (_with_no_vector, Reason.EMBEDDING_INCOMPLETE, "2 segments, 1 vectors"),
        (_with_a_nan, Reason.EMBEDDING_INCOMPLETE, "not finite"),
        (_with_another_dimension, Reason.DIMENSION_MISMATCH, "no table for vectors of 5 numbers"),
        (_with_a_segment_of_nobody, Reason.DATABASE_REJECTED, "constraint a_segment_has_a_speaker"),
        (_with_a_segment_without_length, Reason.DATABASE_REJECTED, "constraint a_segment_has_a_length"),
        (_with_a_nul_in_the_text, Reason.DATABASE_REJECTED, "0x00"),
    ],
)
def test_a_run_that_is_not_sound_leaves_everything_as_it_was(
    connection: Connection, spoilt: Callable[[Content], Content], reason: Reason, told: str
) -> None:
    store(connection, content("kept"))
    before = counts(connection)
    held = claim(connection, "test:one", "tester")
    with pytest.raises(StageError, match=told) as caught:
        commit(connection, held, a_recording(), a_run(), spoilt(content()))
    assert caught.value.reason is reason
    assert counts(connection) == before
    assert connection.execute("select text from current_segments").fetchall() == [("kept",)]


def test_a_model_that_changes_its_dimension_under_one_name_is_refused(connection: Connection) -> None:
    store(connection, content("kept"))
    other = content("other", vectors=np.stack([unit(1, dimension=5)]))
    with pytest.raises(StageError, match="makes 5 numbers here, and made 8 for what is stored") as caught:
        store(connection, other, a_recording("test:two"))
    assert caught.value.reason is Reason.DIMENSION_MISMATCH


def test_a_worker_whose_connection_is_killed_in_mid_transaction_leaves_nothing_visible(
    database: str, connection: Connection
) -> None:
    """The unknown speaker makes the commit wait for the numbering's lock, which is held here: so it is in
    mid-transaction for certain."""
    found = content("one", "two", identities=(unknown(0),))
    caught: list[StageError] = []

    def work() -> None:
        with connect(database, application="victim") as other:
            held = claim(other, "test:one", "victim")
            try:
                commit(other, held, a_recording(), a_run(), found)
            except StageError as error:
                caught.append(error)

    connection.execute("select pg_advisory_lock(%s)", [0x1D6E58])
    victim = threading.Thread(target=work)
    victim.start()
    waiting = "from pg_stat_activity where datname = current_database() and wait_event = 'advisory'"
    eventually(lambda: connection.execute(f"select pg_terminate_backend(pid) {waiting}").fetchall())
    victim.join(timeout=30)
    assert [error.reason for error in caught] == [Reason.DATABASE_UNAVAILABLE]
    assert set(counts(connection).values()) == {0}


def test_an_interrupt_between_two_statements_rolls_everything_back(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ingest_worker.store.commit._supersede", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store(connection, content())
    assert set(counts(connection).values()) == {0}


def an_end(reason: Reason) -> FinalEnd:
    return FinalEnd("default/batch", reason, "nobody speaks", "hash-1")


def test_a_recording_that_ended_for_good_is_remembered_until_it_has_a_run(connection: Connection) -> None:
    recording = a_recording("test:silent")
    record_outcome(connection, claim(connection, recording.id, "tester"), recording, an_end(Reason.NO_SPEECH))
    known = reads.stored(connection, ["test:silent", "test:other"])
    assert known == {"test:silent": reads.Stored(None, Reason.NO_SPEECH, "hash-1")}
    assert connection.execute("select state, reason, in_progress, batch from recordings").fetchall() == [
        ("NotIngestible", "NoSpeech", False, "default/batch")
    ]
    other = replace(an_end(Reason.NOT_FOUND), batch="default/other")
    record_outcome(connection, claim(connection, recording.id, "tester"), recording, other)
    assert left_out(connection, "default/batch") == ()
    assert left_out(connection, "default/other") == (LeftOutCount("NotFound", 1, 0),)
    record_outcome(connection, claim(connection, recording.id, "tester"), recording, an_end(Reason.NO_SPEECH))
    store(connection, content(), recording)
    assert reads.stored(connection, ["test:silent"]) == {"test:silent": reads.Stored("hash-1", None, None)}


def test_a_failure_that_may_pass_is_not_recorded_as_final(connection: Connection) -> None:
    assert Reason.DOWNLOAD_FAILED not in FINAL
    with pytest.raises(ValueError, match="DownloadFailed is not final"):
        record_outcome(
            connection,
            claim(connection, "test:x", "tester"),
            a_recording("test:x"),
            an_end(Reason.DOWNLOAD_FAILED),
        )


def test_what_a_source_does_not_say_does_not_erase_what_it_once_said(connection: Connection) -> None:
    store(connection, content())
    store(
        connection, content(), a_recording(title="", channel=None, published_at=None, duration_seconds=None)
    )
    row = connection.execute(
        "select title, channel, published_at is null, duration_seconds from ingest.recording"
    ).fetchone()
    assert row == ("Title of test:one", "Channel", False, 60.0)


def test_the_store_refuses_a_run_that_is_stored_already(connection: Connection) -> None:
    run = store(connection, content())
    with pytest.raises(StageError, match="constraint run_pkey") as caught:
        store(connection, content(), run=run)
    assert isinstance(caught.value.__cause__, psycopg.errors.UniqueViolation)


def test_what_the_upgrade_page_says_removes_recordings_known_by_their_paths_and_no_other(
    connection: Connection,
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "install.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"`(delete from ingest\.recording [^`]+)`", page)
    ids = (
        "file:0123456789abcdef",
        "file:content.0123456789abcdef",
        "file:0123456789abcdef.0123456789abcdef",
        "url:0123456789abcdef",
    )
    for name in ids:
        store(connection, content(), a_recording(name))
    connection.execute(statement)
    assert connection.execute("select id from ingest.recording order by id").fetchall() == [
        (name,) for name in sorted(ids[1:])
    ]
    assert count(connection, "run") == 3
