"""A retriever for LlamaIndex: `pip install 'video-ingest-operator[llama-index]'`."""

from collections.abc import Mapping
from typing import Any

from llama_index.core.callbacks import CallbackManager
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from typing_extensions import override

from ingest_reader.retrievers.asking import Reader, cited


class CorpusNodeRetriever(BaseRetriever):
    """Passages of a corpus, each a node with title, speaker, start, end, link and score in its metadata.

    Raises `ingest_reader.retrievers.asking.ReaderError`.
    """

    def __init__(self, reader: Reader | None = None, callback_manager: CallbackManager | None = None) -> None:
        """`reader` says which one is asked, with which token, for how many passages and by which filters."""
        self._reader = reader or Reader()
        super().__init__(callback_manager=callback_manager)

    @override
    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(each) for each in self._reader.search(query_bundle.query_str)]

    @override
    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_node(each) for each in await self._reader.asearch(query_bundle.query_str)]


def _node(item: Mapping[str, Any]) -> NodeWithScore:
    node = TextNode(id_=f"{item['recording']}@{item['start']}", text=item["text"], metadata=cited(item))
    return NodeWithScore(node=node, score=item["score"])
