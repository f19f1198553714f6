"""A running reader answers a question if there is one, the store where there is none: both say the same."""

import fcntl
import json
import os
import resource
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from ingest_reader.retrievers.asking import FILTERS
from ingest_worker.store.connect import connect
from ingestctl.asking.question import NoAnswerError, Question, asked_of, parameters
from ingestctl.asking.running import FILE, Running, announced, program_key, running, store_key
from ingestctl.commands.every import app
from testkit.models.demo_set import models
from tests.cli.test_search import talks
from tests.reader.listening import listening
from tests.support.answering import NO_READERS, PROBLEM, answering
from tests.worker.store.makers import a_recording, content, store

__all__ = ["talks"]  # a fixture

DSN = "postgresql://reader:secret@db/ingest"
READER = Running("http://127.0.0.1:1", None, store_key(DSN), program_key())


def asked(home: Path, dsn: str, *arguments: str) -> tuple[str, str]:
    """What it printed: for programs, and for people."""
    command = ["search", *arguments, "--home", str(home), "--dsn", dsn, "-v"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_a_reader_is_found_while_it_runs_and_leaves_nothing(tmp_path: Path) -> None:
    with announced(tmp_path, READER):
        assert running(tmp_path, DSN) == READER
        assert "secret" not in (tmp_path / FILE).read_text()
        assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    assert not (tmp_path / FILE).exists()
    assert running(tmp_path, DSN) is None


@pytest.mark.parametrize("text", [json.dumps({"address": "x"}), "{", "", "[]"])
def test_what_a_killed_reader_left_counts_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert running(tmp_path, DSN) is None


def test_a_reader_of_another_store_or_program_is_not_asked(tmp_path: Path) -> None:
    with announced(tmp_path, READER):
        assert running(tmp_path, None) is None
    with announced(tmp_path, replace(READER, program="/other/ingestctl/__init__.py 1")):
        assert running(tmp_path, DSN) is None


def test_only_what_this_user_left_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody_else = os.geteuid() + 1
    with announced(tmp_path, READER):
        (tmp_path / FILE).chmod(0o620)
        assert running(tmp_path, DSN) is None, "others may write it"
        (tmp_path / FILE).chmod(0o600)
        assert running(tmp_path, DSN) == READER
        monkeypatch.setattr(os, "geteuid", lambda: somebody_else)
        assert running(tmp_path, DSN) is None
        with announced(tmp_path, READER):
            pass
        assert (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("localhost:1", 1), ("[::1]:1", 1), ("10.0.0.1:1", 0), ("corpus.example", 0), ("", 0), ("[::1", 0),
        ("127.0.0.1.example:1", 0), ("localhost@corpus.example", 0),
    ],
)  # fmt: skip
def test_only_a_reader_of_this_machine_is_found(tmp_path: Path, host: str, found: int) -> None:
    with announced(tmp_path, replace(READER, address=f"http://{host}")):
        assert (running(tmp_path, DSN) is not None) == found


def test_a_link_to_a_file_and_a_pipe_are_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    (tmp_path / FILE).symlink_to("notes")
    with announced(tmp_path, READER):
        assert running(tmp_path, DSN) is None
    assert (tmp_path / FILE).is_symlink()
    assert (tmp_path / "notes").read_text() == "mine"
    (tmp_path / FILE).unlink()
    os.mkfifo(tmp_path / FILE)
    with announced(tmp_path, READER):
        assert running(tmp_path, DSN) is None
    assert (tmp_path / FILE).is_fifo()


@pytest.mark.parametrize(("module", "call"), [(fcntl, "flock"), (os, "fchmod"), (os, "fstat")])
def test_a_home_that_cannot_be_locked_or_closed_to_others_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, call: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(call)

    with monkeypatch.context() as patched:
        patched.setattr(module, call, refuse)
        with announced(tmp_path, READER):
            patched.undo()
            assert running(tmp_path, DSN) is None


def test_a_home_on_a_full_disk_is_left_alone(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            stack.enter_context(announced(tmp_path, READER))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert running(tmp_path, DSN) is None


def test_what_goes_wrong_while_a_reader_runs_is_not_swallowed(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="of the reader"), announced(tmp_path, READER):
        raise OSError("of the reader")
    assert not (tmp_path / FILE).exists()


def test_the_first_reader_of_a_home_stays_the_one_that_is_asked(tmp_path: Path) -> None:
    with announced(tmp_path, READER):
        with announced(tmp_path, replace(READER, address="http://127.0.0.1:2")):
            assert running(tmp_path, DSN) == READER
        assert running(tmp_path, DSN) == READER


def test_a_reader_is_not_asked_what_it_could_not_answer_alike() -> None:
    assert Question("x", limit=100).why_not_of_a_reader() is None
    assert "100 passages" in str(Question("x", limit=101).why_not_of_a_reader())
    assert "the model" in str(Question("x", model="tiny").why_not_of_a_reader())


@pytest.mark.parametrize("option", [("--model", "tiny"), ("--model-set", "demo"), ("--limit", "101")])
def test_a_named_reader_is_not_asked_for_what_it_would_answer_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, str]
) -> None:
    said = rf"{option[0]}.*: leave that out, or --reader \(INGEST_READER\)"
    with pytest.raises(NoAnswerError, match=said):
        asked(tmp_path, DSN, "bridge", *option, "--reader", READER.address)
    monkeypatch.setenv("INGEST_READER", READER.address)
    with pytest.raises(NoAnswerError, match=said):
        asked(tmp_path, DSN, "bridge", *option)


@pytest.mark.parametrize("text", ["short", "0123456789abcdef\nsecond", "0123456789abcdef second", "é" * 20])
def test_a_file_with_more_than_a_token_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    shown = ("--reader", READER.address, "--token-file", str(tmp_path / "token"))
    with pytest.raises(NoAnswerError, match="token") as refused:
        asked(tmp_path, DSN, "bridge", *shown)
    assert text.split(maxsplit=1)[0] not in str(refused.value)


@pytest.mark.postgres
def test_a_running_reader_and_the_store_give_the_same_answer(tmp_path: Path, database: str) -> None:
    with connect(database, application="tests") as connection:
        said = ("The bridge is repaired.", "Bridges are old.", "Bridges are old.", "nothing")
        store(connection, content(*said), a_recording(url="https://who:geheim@media.example/a.mp3"))
    options = ("bridge -nothing", "--words", "--longest", "10h", "--until", "2030-01-01", "-o", "json")
    alone, people = asked(tmp_path, database, *options)
    assert "no reader of this store runs" in people
    assert people.rstrip().endswith("answered by the store itself")
    with (
        listening(database) as address,
        announced(tmp_path, replace(READER, address=address, store=store_key(database))),
    ):
        of_reader, people = asked(tmp_path, database, *options)
        assert people.rstrip() == f"answered by the reader at {address}"
        for_people = options[:-2]
        shown, _ = asked(tmp_path, database, *for_people)
        assert shown == asked(tmp_path / "other", database, *for_people)[0], "none runs for that home"
        named, _ = asked(tmp_path, "postgresql://nowhere", *options, "--reader", address)
    hits = json.loads(alone)
    assert [hit["text"] for hit in hits] == ["The bridge is repaired.", "Bridges are old."]
    assert len(hits[1]["folded"]) == 1
    assert "geheim" not in alone
    assert alone == of_reader == named


@pytest.mark.models
@pytest.mark.postgres
def test_both_embed_a_question_alike(tmp_path: Path, talks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest_reader.corpus import Corpus
    from ingest_reader.questions import TextModels, embedding
    from ingest_worker.store.reading.pool import ReadingPool

    monkeypatch.setenv("INGEST_MODELS", str(models()))
    question = ("insects showing each other the way to nectar", "-o", "json")
    notes = ("", "note: all-MiniLM-L6-v2 is run by torch, which takes seconds to load: it is a 'bert'.\n")
    for note in notes:
        with ReadingPool(talks) as pool:
            corpus = Corpus(pool, embedding(pool, TextModels(models())))
            with listening(talks, corpus=corpus) as address:
                of_reader, told = asked(tmp_path, talks, *question, "--reader", address)
        assert json.loads(of_reader)[0]["similarity"] > 0.3
        assert told == f"answered by the reader at {address}\n{note}"
        alone, told = asked(tmp_path, talks, *question)
        assert alone == of_reader
        assert told.endswith(f"answered by the store itself\n{note}")
        monkeypatch.setattr("ingest_worker.engines.query._ARCHITECTURES", {})


@pytest.mark.postgres
def test_a_reader_that_stopped_answering_is_no_error_unless_it_was_named(
    tmp_path: Path, database: str
) -> None:
    with connect(database, application="tests") as connection:
        store(connection, content("The bridge is repaired."))
    with announced(tmp_path, replace(READER, store=store_key(database))):
        out, people = asked(tmp_path, database, "bridge", "--words")
        assert "The bridge is repaired." in out
        assert "the reader at http://127.0.0.1:1 gave no answer" in people
    with pytest.raises(NoAnswerError, match=r"http://127\.0\.0\.1:1 gave no answer: .*refused"):
        asked(tmp_path, database, "bridge", "--words", "--reader", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    "address",
    ["ftp://x", "localhost:8300", "http://", "http://[::1", "http://h:99999", "http://h:port", "http://ho st",
     "http://localhost:83000", "http://[::1:8300", "http://who:geheim@[::1:8300",
     "http://user:gehe/im@host", "user:geheim@host"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_its_password(tmp_path: Path, address: str) -> None:
    with pytest.raises(NoAnswerError, match="is no address of a reader, such as") as refused:
        asked(tmp_path, DSN, "bridge", "--reader", address)
    assert "gehe" not in str(refused.value)


@pytest.mark.parametrize("user", ["who:geheim", "geheim", ":geheim", ""])
def test_secrets_in_an_address_are_refused_and_a_file_is_named_for_them(tmp_path: Path, user: str) -> None:
    with pytest.raises(NoAnswerError, match="into a file \\(--token-file") as refused:
        asked(tmp_path, DSN, "bridge", "--reader", f"http://{user}@127.0.0.1:1/base")
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(("status", "kind", "body"), NO_READERS)
def test_what_is_no_reader_is_said_to_be_none(status: int, kind: str, body: bytes) -> None:
    with answering(status, kind, body) as address, pytest.raises(NoAnswerError) as refused:
        asked_of(address, Question("bridge"))
    said = f"what answers at {address} is no reader, or none is behind it (HTTP {status})"
    assert str(refused.value) == said


def test_what_a_reader_refuses_is_repeated_in_its_words() -> None:
    body = b'{"detail": "limit: too\\u001b[2J many"}'
    with answering(422, PROBLEM, body) as address, pytest.raises(NoAnswerError) as refused:
        asked_of(address, Question("bridge"))
    assert str(refused.value) == f"the reader at {address} answered 422: limit: too[2J many"


@pytest.mark.parametrize(
    ("text", "token"),
    [("bridge \ud800", None), ("bridge", "t\u20acken"), ("bridge", "t0ken\nof two lines")],
    ids=["question", "token", "lines"],
)
def test_what_cannot_be_sent_is_said_without_the_token(text: str, token: str | None) -> None:
    with pytest.raises(NoAnswerError, match="characters that cannot be sent") as refused:
        asked_of("http://127.0.0.1:1", Question(text), token)
    assert "ken" not in str(refused.value).replace("token", "")


def test_a_question_is_asked_with_parameters_that_a_reader_has() -> None:
    day = date(2025, 1, 31)
    whole = Question("q", 3, "ann", "r", "c", "b", "en", day, day, 1.0, 2.0, words_only=True)
    assert set(parameters(whole)) == {"q", "limit", *FILTERS}


def test_a_question_to_a_reader_imports_nothing_that_the_reader_has_for_it() -> None:
    heavy = "numpy psycopg kubernetes yaml fastapi ingest_contract.base ingestctl.commands"
    program = (
        "import sys; from ingestctl.__main__ import _app; _app(['search']); "
        f"print([each for each in {heavy.split()} if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_an_address_of_ipv6_without_a_port_is_that_host(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, int]] = []

    def connect_to(place: tuple[str, int], *_: object) -> None:
        tried.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.create_connection", connect_to)
    for address in ("http://[::1]", "https://[::1]/corpus"):
        with pytest.raises(NoAnswerError, match="gave no answer: ConnectionRefusedError"):
            asked_of(address, Question("bridge"))
    assert tried == [("::1", 80), ("::1", 443)]
