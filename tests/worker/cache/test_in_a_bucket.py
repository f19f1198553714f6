"""From a fetch to its ingest through a bucket of a real S3 server, by what the orders say of it."""

from pathlib import Path

import numpy as np
import pytest

from ingest_contract.order import FetchOrder
from ingest_worker.domain import SAMPLE_RATE
from ingest_worker.ingest import cached_recording
from ingest_worker.interruption import Control
from ingest_worker.prefetch import prefetch
from ingest_worker.session import Session
from testkit.s3.server import S3Server
from tests.support.worker import TRACE, order_for, place_in
from tests.worker.audio.heard import tone, wave
from tests.worker.cache.conftest import BUCKET


def nobody(_: float) -> None:
    pass


@pytest.mark.usefixtures("bucket")
def test_what_one_run_leaves_in_a_bucket_is_what_the_next_one_hears(server: S3Server, tmp_path: Path) -> None:
    samples = np.round(tone(2.0003, rate=SAMPLE_RATE) * 32_767)
    place = place_in(tmp_path, tmp_path / "models").model_copy(
        update={"cache": f"s3://{BUCKET}/of-two-runs/", "cache_endpoint": server.url}
    )
    ingest = order_for(wave(tmp_path / "talk.wav", [tone(2.0003, rate=SAMPLE_RATE)]), place)
    fetch = FetchOrder(
        trace_id=TRACE, batch=ingest.batch, item=ingest.item, run=1, fetch=ingest.fetch, place=place
    )
    for found in (False, True):
        session = Session(None, Control(), born=0.0)
        prefetch(fetch, "", session)
        assert session.cached is not None
        assert session.cached.found is found
    recording = cached_recording(ingest)
    assert recording is not None
    scratch = tmp_path / "of-the-ingest"
    audio = recording.decode(recording.fetch(ingest.item, scratch, nobody), scratch, nobody)
    assert np.array_equal(audio.pcm(), samples)
    recording.discard()
    session = Session(None, Control(), born=0.0)
    prefetch(fetch, "", session)
    assert session.cached is not None
    assert not session.cached.found
