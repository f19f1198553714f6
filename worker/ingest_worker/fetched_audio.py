"""The audio of fetched media, for whatever fetches: the pipeline, a fetch ahead, an enrolment."""

from pathlib import Path

from ingest_contract.order import Item
from ingest_worker.domain import Audio, Media
from ingest_worker.errors import StageError
from ingest_worker.ports import Decoder, Fetcher, Report


def decoded(tools: tuple[Fetcher, Decoder], item: Item, media: Media, into: Path, report: Report) -> Audio:
    """The audio of fetched media. Raises `StageError`: what the decoder raises, but `SOURCE_CHANGED` if the
    media are not the fetched ones any more."""
    fetcher, decoder = tools
    try:
        audio = decoder.decode(media, into, report)
    except StageError:
        fetcher.confirm(item, media)  # raises if the file has changed
        raise
    fetcher.confirm(item, media)
    return audio
