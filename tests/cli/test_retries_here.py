"""Failed recordings of a batch on this machine get another pass, with real processes."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from ingest_contract.batch import IngestBatch
from ingest_contract.documents import parse
from ingest_contract.names import API_VERSION
from ingest_contract.profile import IngestProfile
from ingest_operator.core.orders import Machine
from ingest_operator.local.session import Request, run
from ingestctl.backends.port import MissingError
from ingestctl.commands.batches import with_pass
from ingestctl.place import Workplace
from tests.support.silent_runs import STAND_IN, Silent

pytestmark = pytest.mark.slow


def a_document(kind: str, name: str, **spec: Any) -> Any:
    document = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
    return parse(document)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    return Workplace.of(tmp_path, None)


def ran(place: Workplace, batch: IngestBatch) -> dict[str, int]:
    """How many runs there have been of each recording, after one more session."""
    profile = a_document("IngestProfile", "default", fetch={"mode": "Inline"})
    assert isinstance(profile, IngestProfile)
    machine = Machine(has_gpu=False, cores=2)
    request = Request(batch, profile, place.home, place.models, "", machine)
    asyncio.run(run(request, Silent(), asyncio.Event(), time.time))
    names = [path.name.split("-")[0] for path in place.home.glob("batches/default/talks/runs/*")]
    return {name: names.count(name) for name in sorted(names)}


def test_a_pass_is_over_what_is_named_and_the_same_file_is_no_further_pass(place: Workplace) -> None:
    sources = [{"url": f"http://media/{what}"} for what in ("fail+NotFound", "succeed", "fail+NoWords")]
    batch = a_document("IngestBatch", "talks", sources=sources, retry={"maxAttempts": 1})
    with pytest.raises(MissingError, match="has not run here"):
        with_pass(batch, place, ("0",), is_new=True)
    assert with_pass(batch, place, (), is_new=True) == batch, "nothing has failed yet"
    assert ran(place, batch) == {"00000": 1, "00001": 1, "00002": 1}
    with pytest.raises(MissingError, match="url:1 has not failed: it is Succeeded"):
        with_pass(batch, place, ("0", "url:1"), is_new=True)
    assert ran(place, with_pass(batch, place, ("url:2",), is_new=True)) == {
        "00000": 1,
        "00001": 1,
        "00002": 2,
    }
    again = with_pass(batch, place, (), is_new=False)
    assert (again.spec.retry_failed, again.spec.retry_recordings) == ("pass-1", "2")
    assert ran(place, again) == {"00000": 1, "00001": 1, "00002": 2}
    everything = with_pass(batch, place, (), is_new=True)
    assert ran(place, everything) == {"00000": 2, "00001": 1, "00002": 3}
    own = batch.model_copy(update={"spec": batch.spec.model_copy(update={"retry_failed": "mine"})})
    assert with_pass(own, place, (), is_new=False) == own, "the file's own word counts"
    assert ran(place, with_pass(own, place, ("url:2",), is_new=True)) == {
        "00000": 2,
        "00001": 1,
        "00002": 4,
    }
    again = with_pass(own, place, (), is_new=False)
    assert (again.spec.retry_failed, again.spec.retry_recordings) == ("mine pass-1", "2")
    other = own.model_copy(update={"spec": own.spec.model_copy(update={"retry_failed": "mine too"})})
    assert with_pass(other, place, (), is_new=False) == other, "another word is another pass"
