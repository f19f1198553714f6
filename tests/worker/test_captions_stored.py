"""A site's captions, from its page to the store, as processes with real models and a real Postgres: inline
and ahead give the same, and whoever reads it can tell where the words are from."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import av
import pytest

from ingest_contract.captions import TranscriptOrigin, TranscriptPreference, TranscriptSource
from ingest_contract.order import FetchOrder, IngestOrder, Item
from ingest_contract.receipt import Receipt
from ingest_worker.store.connect import connect
from ingest_worker.store.reads import StoredTranscript, transcript
from testkit.models.demo_set import models
from testkit.site.entries import Channel, Entry, channel
from testkit.site.extractor import VARIABLE, folder
from testkit.site.server import Site, serving
from testkit.site.visits import Kind
from tests.support.demo_store import demo_store
from tests.support.worker import TRACE, Ended, Worker, order_for, place_in
from tests.worker.test_pipeline_process import sample

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(900)]

SAID = (
    "Nobody in this call",
    "ever said these words",
    "and yet they are stored",
    "because somebody wrote them",
)
"""Each for three seconds, from the sixth on: words that no model can have heard."""

TALKS = Channel(
    "talks",
    tuple(
        replace(entry, id=name, language="en", captions=("en",))
        for entry, name in zip(
            channel(2, seconds=(20, 20), shares={}).entries, ("inline", "ahead"), strict=True
        )
    ),
)


def call(_: Entry) -> bytes:
    """The first twenty seconds of the call, as m4a."""
    sound = BytesIO()
    with av.open(str(sample())) as source, av.open(sound, "w", "mp4") as target:
        stream = target.add_stream("aac", rate=16_000, layout="mono")
        resampler = av.AudioResampler("fltp", "mono", 16_000)
        for frame in source.decode(audio=0):
            if frame.time >= 20:
                break
            for each in resampler.resample(frame):
                target.mux(stream.encode(each))
        target.mux(stream.encode(None))
    return sound.getvalue()


def captions(_: Entry, __: str) -> bytes:
    cues = (
        f"00:{6 + 3 * i:02}.000 --> 00:{9 + 3 * i:02}.000\n<v Ann>{text}</v>\n" for i, text in enumerate(SAID)
    )
    return ("WEBVTT\n\n" + "\n".join(cues)).encode()


def order_of(site: Site, name: str, place: Path, cache: Path | None = None) -> IngestOrder:
    place.mkdir()
    item = Item(index=0, id=f"tube:{name}", url=site.url(f"watch/{name}"), title="A call")
    where = place_in(place, models()).model_copy(update={"cache": str(cache) if cache else None})
    order = order_for(place / "x", where, item=item)
    allow = order.fetch.allow.model_copy(update={"private_addresses": True})
    hearing = order.settings.transcription.model_copy(update={"prefer": TranscriptPreference.CAPTIONS})
    return order.model_copy(
        update={
            "fetch": order.fetch.model_copy(update={"allow": allow}),
            "settings": order.settings.model_copy(update={"transcription": hearing}),
        }
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Ended], list[StoredTranscript]]]:
    """The same recording inline and ahead: how each run ended, and what is stored."""
    place = tmp_path_factory.mktemp("captions")
    with demo_store() as store, pytest.MonkeyPatch.context() as environment:
        environment.setenv(VARIABLE, str(folder(place / "plugins")))
        with serving(Site(TALKS, sound=call, captions=captions)) as site:
            inline = order_of(site, "inline", place / "inline")
            ahead = order_of(site, "ahead", place / "ahead", place / "cache")
            fetch = FetchOrder(
                trace_id=TRACE,
                batch=ahead.batch,
                item=ahead.item,
                run=1,
                fetch=ahead.fetch,
                captions=ahead.settings.captions_of(ahead.item),
                place=place_in(place / "fetch", place / "no-models").model_copy(
                    update={"cache": ahead.place.cache}
                ),
            )
            runs = [Worker(inline, store, place / "inline").end()]
            (place / "fetch").mkdir()
            runs.append(Worker(fetch, "", place / "fetch").end())
            assert len(site.visits.of(Kind.CAPTIONS)) == 2
        # the site is gone now
        runs.append(Worker(ahead, store, place / "ahead").end())
        assert list((place / "cache").iterdir()) == []
        with connect(store, application="test") as connection:
            found = [transcript(connection, f"tube:{name}") for name in ("inline", "ahead")]
            rows = connection.execute(
                "select distinct recording, transcript_source from current_segments order by 1"
            ).fetchall()
        assert rows == [("tube:ahead", "Captions"), ("tube:inline", "Captions")]
        yield runs, [each for each in found if each is not None]


def receipt_of(ended: Ended) -> Receipt:
    assert ended.code == 0, ended.log
    assert ended.receipt is not None
    return ended.receipt


def test_the_words_of_the_captions_are_stored_at_their_times_with_the_speakers_who_are_heard(
    both: tuple[list[Ended], list[StoredTranscript]],
) -> None:
    runs, (inline, ahead) = both
    for each in runs:
        receipt_of(each)
    texts = [spoken.word.text for spoken in inline.words]
    assert texts == " ".join(SAID).split()
    starts = [spoken.word.start for spoken in inline.words]
    assert [starts[texts.index(word)] for word in ("Nobody", "ever", "and", "because")] == [6, 9, 12, 15]
    spoken = [each for each in inline.words if each.speaker is not None]
    assert spoken
    assert {each.speaker for each in spoken} <= {turn.speaker for turn in inline.turns}
    assert (inline.words, inline.segments, inline.turns) == (ahead.words, ahead.segments, ahead.turns)
    assert inline.run.pipeline_hash == ahead.run.pipeline_hash


def test_where_the_words_are_from_is_reported_and_nobody_loaded_whisper(
    both: tuple[list[Ended], list[StoredTranscript]],
) -> None:
    runs, stored = both
    for ended in (runs[0], runs[2]):
        assert receipt_of(ended).transcript == TranscriptOrigin(source=TranscriptSource.CAPTIONS)
        loaded = {line["engine"] for line in ended.log if line.get("action") == "load"}
        assert loaded == {"diarizer", "embedder"}
    assert [each.run.transcript_source for each in stored] == ["Captions", "Captions"]
    assert stored[0].run.figures["transcript"]["source"] == "Captions"
