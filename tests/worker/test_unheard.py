"""Whether a voice needs an enrolment, asked of a real store: only where one would change something."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import AllowedSources, DiarizationProfile, FetchProfile, IdentificationProfile
from ingest_contract.voice_orders import EnrolOrder
from ingest_contract.voices import VoiceRecording
from ingest_worker import unheard
from ingest_worker.claimed_voice import claimed_voice
from ingest_worker.errors import StageError
from ingest_worker.hashes import voice_hash
from ingest_worker.sources.contents import content_of
from ingest_worker.store.enrolment import HeardSource
from ingest_worker.unheard import needs_hearing
from tests.support.worker import RUNTIME, TRACE, place_in

pytestmark = pytest.mark.postgres

URL, OTHER = "https://media.example.org/ann.wav", "https://media.example.org/bob.wav"
NETWORK = "community-1@0123456789ab"


class Models:
    """A set whose diarization model has a name and a digest."""

    def identity(self, _role: object, _name: str) -> str:
        return NETWORK


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unheard, "open_models", lambda *_: Models())


def order_in(folder: Path, *urls: str, threshold: str = "0.40", owner: str = "a") -> EnrolOrder:
    return EnrolOrder(
        trace_id=TRACE,
        profile=f"{owner}/ann",
        voice="ann",
        recordings=tuple(VoiceRecording(url=url) for url in urls),
        model_set="demo",
        diarization=DiarizationProfile(),
        identification=IdentificationProfile(threshold=threshold),
        runtime=RUNTIME,
        fetch=FetchProfile(allow=AllowedSources(folders=(str(folder),))),
        place=place_in(folder, folder),
    )


def row(url: str, *numbers: float, content: str = "", reason: Reason | None = None) -> HeardSource:
    vector = np.array(numbers, np.float32) if numbers else None
    return HeardSource(url, content, vector, 12.0, reason)


Keep = Callable[..., None]


@pytest.fixture
def keep(database: str, tmp_path: Path) -> Keep:
    def kept(*rows: HeardSource) -> None:
        order = order_in(tmp_path, *(each.source for each in rows))
        with claimed_voice(database, order, voice_hash(NETWORK), NETWORK) as voice:
            voice.keep(list(rows))

    return kept


def test_a_voice_of_which_everything_is_known_needs_none(keep: Keep, database: str, tmp_path: Path) -> None:
    keep(row(URL, 1, 0), row(OTHER, 0.9, 0.1))
    assert not needs_hearing(order_in(tmp_path, URL, OTHER), database)
    assert needs_hearing(order_in(tmp_path, URL, OTHER, owner="b"), database)


def test_one_that_is_new_taken_away_or_could_not_be_had_needs_one(
    keep: Keep, database: str, tmp_path: Path
) -> None:
    keep(row(URL, 1, 0), row(OTHER, reason=Reason.NOT_FOUND))
    assert needs_hearing(order_in(tmp_path, URL, OTHER), database)
    assert needs_hearing(order_in(tmp_path, URL), database)
    keep(row(URL, 1, 0))
    assert not needs_hearing(order_in(tmp_path, URL), database)
    assert needs_hearing(order_in(tmp_path, URL, OTHER), database)


def test_one_that_would_be_judged_otherwise_needs_one(keep: Keep, database: str, tmp_path: Path) -> None:
    keep(row(URL, 1, 0), row(OTHER, 0.5, 0.866))
    assert not needs_hearing(order_in(tmp_path, URL, OTHER, threshold="0.40"), database)
    assert needs_hearing(order_in(tmp_path, URL, OTHER, threshold="0.60"), database)


def test_a_file_needs_one_when_its_content_is_another_or_it_is_gone(
    keep: Keep, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "ann.wav"
    file.write_bytes(b"one")
    keep(row(str(file), 1, 0, content=content_of(file)))
    assert not needs_hearing(order_in(tmp_path, str(file)), database)
    file.write_bytes(b"two")
    assert needs_hearing(order_in(tmp_path, str(file)), database)
    file.unlink()
    assert needs_hearing(order_in(tmp_path, str(file)), database)


def test_two_batches_of_a_workstation_do_not_hear_one_voice_at_once_and_a_next_run_takes_over(
    database: str, tmp_path: Path
) -> None:
    def order(batch: str, run: str) -> EnrolOrder:
        made = order_in(tmp_path, URL)
        place = made.place.model_copy(
            update={"receipt": str(tmp_path / batch / "voices" / run / "receipt.json")}
        )
        return made.model_copy(update={"place": place})

    model = (voice_hash(NETWORK), NETWORK)
    with claimed_voice(database, order("first", "ann-01"), *model):
        with pytest.raises(StageError) as caught, claimed_voice(database, order("second", "ann-01"), *model):
            pass
        assert caught.value.reason is Reason.CLAIMED_ELSEWHERE
        with claimed_voice(database, order("first", "ann-02"), *model) as next_run:
            next_run.keep([row(URL, 1, 0)])
