"""An enrolment as a process, with the real network and a real Postgres, and what an ingest makes of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.profile import AllowedSources, DiarizationProfile, FetchProfile, IdentificationProfile
from ingest_contract.voice_orders import EnrolOrder
from ingest_contract.voices import VoiceRecording, WantedVoice
from ingest_worker.store.connect import connect
from testkit.models.demo_set import models
from testkit.speech import catalogue
from tests.support.demo_store import demo_store
from tests.support.worker import (
    NOTING,
    RUNTIME,
    SETTINGS,
    TRACE,
    Ended,
    Worker,
    imported,
    order_for,
    place_in,
)

pytestmark = [pytest.mark.models, pytest.mark.postgres, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with demo_store() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voices")
    for name in ("voice-joe", "sample"):
        shutil.copyfile(catalogue.recordings()[name].path, folder / f"{name}.wav")
    return folder


def order_in(folder: Path, voices: Path) -> EnrolOrder:
    names = ("voice-joe", "sample", "missing")
    return EnrolOrder(
        trace_id=TRACE,
        profile="a/joe",
        voice="Joe",
        recordings=tuple(VoiceRecording(url=str(voices / f"{name}.wav")) for name in names),
        model_set="demo",
        diarization=DiarizationProfile(),
        identification=IdentificationProfile(),
        runtime=RUNTIME,
        fetch=FetchProfile(allow=AllowedSources(folders=(str(voices),))),
        place=place_in(folder, models()),
    )


@pytest.fixture(scope="module")
def twice(
    store: str, voices: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tuple[Ended, Path], tuple[Ended, Path]]:
    """The same order carried out two times, each with what it had imported."""
    folders = [tmp_path_factory.mktemp("run") for _ in range(2)]
    first, second = (
        (Worker(order_in(each, voices), store, each, ("-c", NOTING)).end(), each) for each in folders
    )
    return first, second


def test_a_voice_is_heard_and_what_is_no_voice_is_refused_beside_it(
    twice: tuple[tuple[Ended, Path], tuple[Ended, Path]], store: str
) -> None:
    (first, _), _ = twice
    assert first.code == 0, first.log
    assert first.receipt is not None
    report = first.receipt.enrolled
    assert report is not None
    assert [(source.state.value, source.reason) for source in report.sources] == [
        ("Used", None),
        ("Refused", Reason.SEVERAL_PEOPLE),
        ("Refused", Reason.NOT_FOUND),
    ]
    assert report.sources[0].seconds > 9
    assert report.bytes_read > 300_000
    with connect(store, application="tests") as connection:
        rows = connection.execute("select owner, voice, vector_dims(vector) from ingest.enrolment order by 3")
        assert rows.fetchall() == [("a", "Joe", 256), ("a", "Joe", None), ("a", "Joe", None)]


def test_what_is_known_is_neither_read_nor_heard_again_and_loads_no_network(
    twice: tuple[tuple[Ended, Path], tuple[Ended, Path]],
) -> None:
    (_, before), (again, folder) = twice
    assert again.code == 0, again.log
    assert again.receipt is not None
    assert again.receipt.enrolled is not None
    assert not any(source.heard for source in again.receipt.enrolled.sources)
    assert (again.receipt.enrolled.bytes_read, again.receipt.enrolled.used) == (0, 1)
    assert ["torch" in imported(each) for each in (before, folder)] == [True, False]


@pytest.mark.usefixtures("twice")
@pytest.mark.parametrize("namespace", ["b", "a"])
def test_an_ingest_waits_for_a_voice_that_its_namespace_has_not_enrolled_and_fetches_nothing(
    store: str, voices: Path, tmp_path: Path, namespace: str
) -> None:
    wanted = WantedVoice(name="Joe", sources=(str(voices / "voice-joe.wav"), str(voices / "new.wav")))
    settings = SETTINGS.model_copy(update={"voices": (wanted,)})
    place = place_in(tmp_path, models())
    order = order_for(voices / "voice-joe.wav", place, settings=settings, batch=f"{namespace}/talks")
    ended = Worker(order, store, tmp_path).end()
    assert ended.code == FAILURES[Reason.VOICE_NOT_HEARD].exit_code
    assert ended.receipt is not None
    missing = {"b": 2, "a": 1}[namespace]
    assert f"Voice 'Joe': {missing} of 2 recordings are not heard" in ended.receipt.message
    assert "fetch" not in ended.receipt.stages
