"""What a retriever makes of an address at which no reader answers, and of a filter that there is none of."""

import asyncio
import logging
from base64 import b64encode

import pytest
from pydantic import SecretStr

from ingest_reader.retrievers.asking import (
    FILTERS,
    QuestionRefusedError,
    Reader,
    ReaderDeniedError,
    ReaderError,
    ReaderUnavailableError,
    ReaderUnreachableError,
)
from ingest_reader.retrievers.langchain import CorpusRetriever
from testkit.cluster.program import free_port
from tests.support.answering import LOGIN, NO_READERS, PROBLEM, answering


def raised(reader: Reader, question: str = "bees") -> ReaderError:
    """The error, which is the same for both ways to ask."""
    with pytest.raises(ReaderError) as first:
        reader.search(question)
    with pytest.raises(ReaderError) as second:
        asyncio.run(reader.asearch(question))
    assert (type(first.value), str(first.value)) == (type(second.value), str(second.value))
    return first.value


@pytest.mark.parametrize(("status", "kind", "body"), NO_READERS)
def test_what_is_no_reader_is_said_to_be_none(status: int, kind: str, body: bytes) -> None:
    with answering(status, kind, body) as address:
        error = raised(Reader(address))
    assert type(error) is ReaderUnavailableError
    assert f"what answers at {address} is no reader, or none is behind it (HTTP {status})" in str(error)


def test_an_answer_that_cannot_be_unpacked_is_an_error_of_the_reader() -> None:
    with answering(200, "application/json", LOGIN, content_encoding="gzip") as address:
        assert type(raised(Reader(address))) is ReaderUnreachableError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, QuestionRefusedError),
        (401, ReaderDeniedError),
        (422, QuestionRefusedError),
        (503, ReaderUnavailableError),
    ],
)
def test_what_a_reader_refuses_is_repeated_in_its_words(status: int, kind: type[ReaderError]) -> None:
    with answering(status, PROBLEM, b'{"detail": "Not\\u001b[2J so."}') as address:
        error = raised(Reader(address))
    assert type(error) is kind
    assert "Not[2J so." in str(error)


@pytest.mark.parametrize("name", ["speker", "Speaker", "q", "limit", ""])
def test_a_filter_that_there_is_none_of_is_refused_before_anybody_is_asked(name: str) -> None:
    error = raised(Reader("http://127.0.0.1:1", filters={"language": "en", name: "ann"}))
    assert type(error) is QuestionRefusedError
    assert str(error) == f"no filter {name!r}; there are {', '.join(FILTERS)}"


@pytest.mark.parametrize(
    "address",
    ["ftp://user:pass/word@host", "user:pass/word@host", "http://user:pass/word@host", "", "http://[::1"],
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str) -> None:
    error = raised(Reader(address))
    assert type(error) is ReaderUnreachableError
    assert "is no address of a reader, such as http://127.0.0.1:8300" in str(error)
    assert "word" not in str(error)


@pytest.mark.parametrize(
    ("question", "token"), [("bees \ud800", None), ("bees", "t\u20acken")], ids=["question", "token"]
)
def test_what_cannot_be_sent_is_refused(question: str, token: str | None) -> None:
    error = raised(Reader("http://127.0.0.1:1", token), question)
    assert type(error) is QuestionRefusedError
    assert "cannot be sent" in str(error)


def test_a_password_in_the_address_is_sent_and_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    own = f"127.0.0.1:{free_port()}"
    reader = Reader(f"http://user:geheim@{own}", "t0ken")
    error = raised(reader)
    assert f"no reader answers at http://{own} " in str(error)
    retriever = CorpusRetriever(url=reader.url, token=SecretStr("t0ken"))
    named: list[str | None] = []
    with answering(404, "text/html", LOGIN, named=named) as address:
        elsewhere = Reader(address.replace("//", "//user:geheim@"))
        told = str(raised(elsewhere))
    assert named == [f"Basic {b64encode(b'user:geheim').decode()}"] * 2
    for text in (told, str(error), repr(reader), repr(retriever), repr(elsewhere), caplog.text):
        assert "geheim" not in text
        assert "t0ken" not in text
