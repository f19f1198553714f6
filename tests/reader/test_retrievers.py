"""Retrievers of LangChain and LlamaIndex, by the real libraries, over a real reader. LlamaIndex is imported
where it is used: each of a run's processes collects this file, and it takes seconds to come."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from langchain_core.documents import Document
from pydantic import SecretStr

from ingest_reader.guard import Access
from ingest_reader.retrievers.asking import (
    FILTERS,
    QuestionRefusedError,
    Reader,
    ReaderDeniedError,
    ReaderUnreachableError,
)
from ingest_reader.retrievers.langchain import CorpusRetriever as ForLangChain
from testkit.cluster.program import free_port
from tests.reader.conftest import TALK
from tests.reader.listening import listening

pytestmark = pytest.mark.postgres

PAGE = Path(__file__).parents[2] / "docs/reader.md"
FOLDER = Path(__file__).parents[2] / "reader/ingest_reader/retrievers"
TOKEN = "t0ken-of-the-reader"
BEES = {
    "recording": TALK,
    "title": "Bees & flowers",
    "speaker": "ann",
    "start": 0.0,
    "link": "https://www.youtube.com/watch?v=abcdefghijk",
}


@pytest.fixture(scope="module")
def address(corpus_database: str) -> Iterator[str]:
    with listening(corpus_database, Access(TOKEN)) as found:
        yield found


def test_langchain_gets_documents_with_all_that_a_citation_takes(address: str) -> None:
    retriever = ForLangChain(url=address, token=SecretStr(TOKEN), k=2)
    found = retriever.invoke("what do bees do?")
    assert asyncio.run(retriever.ainvoke("what do bees do?")) == found
    assert len(found) == 2
    assert isinstance(found[0], Document)
    assert found[0].page_content == "Bees dance."
    assert {name: found[0].metadata[name] for name in ("recording", "title", "speaker", "start")} == {
        name: BEES[name] for name in ("recording", "title", "speaker", "start")
    }
    assert found[0].metadata["link"].startswith(str(BEES["link"]))
    assert found[0].metadata["end"] > 0
    assert 0 < found[0].metadata["score"] <= 1
    assert TOKEN not in repr(retriever)


def test_llama_index_gets_nodes_with_scores_and_the_same_metadata(address: str) -> None:
    from llama_index.core.schema import NodeWithScore

    from ingest_reader.retrievers.llama_index import CorpusNodeRetriever

    retriever = CorpusNodeRetriever(Reader(address, TOKEN, limit=2))
    found = retriever.retrieve("what do bees do?")
    assert [each.node_id for each in asyncio.run(retriever.aretrieve("what do bees do?"))] == [
        each.node_id for each in found
    ]
    assert isinstance(found[0], NodeWithScore)
    assert found[0].text == "Bees dance."
    assert found[0].score == found[0].metadata["score"]
    assert found[0].metadata["speaker"] == "ann"


def test_filters_go_to_the_reader(address: str) -> None:
    only = ForLangChain(url=address, token=SecretStr(TOKEN), filters={"batch": "media/talks"})
    assert {each.metadata["recording"] for each in only.invoke("plain bees")} == {TALK}


def test_each_way_to_get_no_answer_is_an_error_of_its_own(address: str) -> None:
    from ingest_reader.retrievers.llama_index import CorpusNodeRetriever

    wrong = (
        (Reader(f"http://127.0.0.1:{free_port()}"), "bees", ReaderUnreachableError),
        (Reader(address), "bees", ReaderDeniedError),
        (Reader(address, "wrong"), "bees", ReaderDeniedError),
        (Reader(address, TOKEN, limit=0), "bees", QuestionRefusedError),
        (Reader(address, TOKEN, filters={"since": "soon"}), "bees", QuestionRefusedError),
    )
    for reader, question, error in wrong:
        with pytest.raises(error):
            ForLangChain(
                url=reader.url,
                token=SecretStr(reader.token) if reader.token else None,
                filters=dict(reader.filters),
            ).invoke(question) if reader.limit else CorpusNodeRetriever(reader).retrieve(question)
        with pytest.raises(error):
            asyncio.run(reader.asearch(question))


def test_what_stands_in_docs_runs_as_it_stands(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert "https://corpus.example.org" in block
        code = block.replace("https://corpus.example.org", address).replace("the reader's token", TOKEN)
        exec(compile(code, str(PAGE), "exec"), {})  # noqa: S102 -- the page is ours
        assert "Bees & flowers" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["langchain", "llama_index"])
def test_a_retriever_is_thin(name: str) -> None:
    assert len((FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 80


def test_every_filter_is_one_that_the_reader_has(address: str) -> None:
    schema = httpx.get(f"{address}/api/v1/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}).json()
    known = {each["name"] for each in schema["paths"]["/api/v1/search"]["get"]["parameters"]}
    assert set(FILTERS) == known - {"q", "limit"}
    found = Reader(address, TOKEN, filters={"words": "true", "longest": "4000", "shortest": "1"}).search(
        "bees"
    )
    assert {each["similarity"] for each in found} == {None}, "by words alone"
