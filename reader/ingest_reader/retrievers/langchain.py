"""A retriever for LangChain: `pip install 'video-ingest-operator[langchain]'`."""

from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field, SecretStr
from typing_extensions import override

from ingest_reader.retrievers.asking import DEFAULT_URL, Reader, cited


class CorpusRetriever(BaseRetriever):
    """Passages of a corpus, each a Document with title, speaker, start, end, link and score in its metadata.

    Raises `ingest_reader.retrievers.asking.ReaderError`.
    """

    url: str = Field(default=DEFAULT_URL, repr=False)
    """Of a running reader. It may have a user and a password."""
    token: SecretStr | None = None
    """What it asks for, if it does."""
    k: int = Field(default=4, ge=1, le=100)
    """Passages at most."""
    filters: dict[str, str] = Field(default_factory=dict)
    """By names of `ingest_reader.retrievers.asking.FILTERS`."""

    @override
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [_document(each) for each in self._reader().search(query)]

    @override
    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [_document(each) for each in await self._reader().asearch(query)]

    def _reader(self) -> Reader:
        token = self.token.get_secret_value() if self.token else None
        return Reader(self.url, token, self.k, self.filters)


def _document(item: dict[str, Any]) -> Document:
    return Document(
        id=f"{item['recording']}@{item['start']}", page_content=item["text"], metadata=cited(item)
    )
