"""A batch on this machine from its first run to its last, with real processes that end in every way and
sessions that are cut short."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest_contract.batch import IngestBatch
from ingest_contract.cache import mark_name
from ingest_contract.conditions import ConditionStatus, ConditionType
from ingest_contract.documents import InvalidDocumentError, parse
from ingest_contract.fetch_ahead import FetchMode
from ingest_contract.names import API_VERSION
from ingest_contract.order import Item, PlanOrder, read_order
from ingest_contract.profile import FetchProfile, IngestProfile
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core import sites
from ingest_operator.core.orders import Machine
from ingest_operator.local import planning
from ingest_operator.local.folders import BatchFolder, RunFolder
from ingest_operator.local.planning import PlanningError
from ingest_operator.local.processes import WorkerProcess, launch
from ingest_operator.local.session import Request, run
from ingest_operator.local.sources import Mounts
from ingest_operator.local.status_store import BatchBusyError, holding
from tests.support.silent_runs import STAND_IN

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _stand_in_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))


class Listener:
    """Hears everything; may ask to stop when a recording runs and those before it are final."""

    def __init__(self, stop: asyncio.Event | None = None, when: str = "") -> None:
        self.said_lines: list[str] = []
        self._stop, self._when = stop, when

    def said(self, text: str) -> None:
        self.said_lines.append(text)

    def showed(self, status: IngestBatchStatus, items: tuple[Item, ...]) -> None:
        rows = {row.index: row.state for row in status.recordings}
        asked = [index for index in rows if items[index].title == self._when and rows[index] == "Running"]
        if self._stop is not None and any(status.counts.succeeded >= index for index in asked):
            self._stop.set()


def a_request(home: Path, *behaviours: str, **spec: Any) -> Request:
    sources = [{"url": f"http://media/{behaviour.replace(' ', '+')}"} for behaviour in behaviours]
    wanted = {"sources": sources, "retry": {"backoffSeconds": 0, "maxAttempts": 2}} | spec
    batch = parse(
        {"apiVersion": API_VERSION, "kind": "IngestBatch", "metadata": {"name": "batch"}, "spec": wanted}
    )
    profile = parse({"apiVersion": API_VERSION, "kind": "IngestProfile", "metadata": {"name": "default"}})
    assert isinstance(batch, IngestBatch)
    assert isinstance(profile, IngestProfile)
    return Request(batch, profile, home, home / "models", "", Machine(has_gpu=False, cores=2))


def ran(request: Request, when: str = "") -> tuple[IngestBatchStatus, list[str]]:
    async def session() -> tuple[IngestBatch, Listener]:
        stop = asyncio.Event()
        listener = Listener(stop if when else None, when)
        return await run(request, listener, stop, time.time), listener

    batch, listener = asyncio.run(session())
    assert batch.status is not None
    return batch.status, listener.said_lines


def states(status: IngestBatchStatus) -> dict[int, tuple[str, int]]:
    return {row.index: (row.state.value, row.run) for row in status.recordings}


def test_every_recording_ends_in_its_own_way_and_the_batch_says_so(tmp_path: Path) -> None:
    status, _ = ran(a_request(tmp_path, "succeed", "fail NoSpeech", "fail NotFound", "mute", parallelism=2))
    assert states(status) == {0: ("Succeeded", 2), 1: ("Skipped", 2), 2: ("Failed", 2), 3: ("Failed", 3)}
    assert status.state == "CompleteWithFailures"
    assert status.progress_percent == 100


def test_a_recording_is_fetched_first_and_what_cannot_be_fetched_is_never_ingested(tmp_path: Path) -> None:
    status, _ = ran(a_request(tmp_path, "succeed", "unfetchable Private", "unfetchable DownloadFailed"))
    assert states(status) == {0: ("Succeeded", 2), 1: ("Skipped", 1), 2: ("Failed", 2)}
    orders = {
        path.parent.name: json.loads(path.read_text())["kind"]
        for path in (tmp_path / "batches/default/batch/runs").glob("*/order.json")
    }
    assert orders == {
        "00000-01": "Fetch",
        "00000-02": "Ingest",
        "00001-01": "Fetch",
        "00002-01": "Fetch",
        "00002-02": "Fetch",
    }


def test_what_is_in_the_store_is_done_again_without_a_gpu_or_a_fetch_and_a_cut_session_goes_on(
    tmp_path: Path,
) -> None:
    sources = [{"store": {"channels": [channel]}} for channel in ("succeed", "hang", "fail HearingNotKept")]
    request = a_request(tmp_path, sources=sources, reprocess="IfPipelineChanged")
    request = replace(request, machine=Machine(has_gpu=True, cores=2))
    stopped, _ = ran(request, when="hang")
    assert states(stopped)[1] == ("Waiting", 1)
    hanging = next((tmp_path / "batches/default/batch").glob("plan-0.json"))
    hanging.write_text(hanging.read_text().replace('"title": "hang"', '"title": "succeed"'))
    status, _ = ran(request)
    assert states(status) == {0: ("Succeeded", 1), 1: ("Succeeded", 2), 2: ("Failed", 1)}
    assert [each.reason for each in status.failures] == ["HearingNotKept"]
    orders = [
        json.loads(path.read_text())
        for path in (tmp_path / "batches/default/batch/runs").glob("*/order.json")
    ]
    facts = {
        (each["kind"], each["fromStore"], each["runtime"]["device"], each["place"].get("cache"))
        for each in orders
    }
    assert (len(orders), facts) == (4, {("Ingest", True, "cpu", None)})


def test_nothing_of_a_final_recording_is_left_in_the_cache_however_its_runs_ended(tmp_path: Path) -> None:
    ran(a_request(tmp_path, "succeed", "mute", "vanish", "fail NoSpeech"))
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_another_batch_wants_stays_in_the_cache_when_a_recording_is_final(tmp_path: Path) -> None:
    request = a_request(tmp_path, "hang")
    ran(request, when="hang")
    (entry,) = (tmp_path / "cache").iterdir()
    marks = [mark_name(entry.stem, batch, 0) for batch in ("default/batch", "default/other")]
    for mark in marks:
        entry.with_name(mark).touch()
    plan = tmp_path / "batches/default/batch/plan-0.json"
    plan.write_text(plan.read_text().replace('"title": "hang"', '"title": "succeed"'))
    assert states(ran(request)[0]) == {0: ("Succeeded", 3)}
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {entry.name, marks[1]}


def test_what_a_stopped_session_fetched_is_in_the_cache_for_the_next_one(tmp_path: Path) -> None:
    stopped, _ = ran(a_request(tmp_path, "hang"), when="hang")
    assert states(stopped) == {0: ("Waiting", 2)}
    assert len(list((tmp_path / "cache").iterdir())) == 1
    again, _ = ran(a_request(tmp_path, "hang"), when="hang")
    assert states(again) == {0: ("Waiting", 3)}


def test_a_plan_that_is_taken_for_a_robot_waits_for_its_site_is_shown_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "PROBE_AFTER_SECONDS", 2.0)
    status, said = ran(a_request(tmp_path, "robot"))
    assert status.state == "Complete"
    assert [line for line in said if line.startswith("planning waits: media: ")]
    assert status.plan is not None
    kept = json.loads((tmp_path / "profiles/default/default.json").read_text(encoding="utf-8"))
    assert kept["sites"] == []


def test_a_profile_may_say_that_one_process_fetches_and_ingests(tmp_path: Path) -> None:
    request = a_request(tmp_path, "succeed")
    inline = request.profile.spec.model_copy(update={"fetch": FetchProfile(mode=FetchMode.INLINE)})
    profile = request.profile.model_copy(update={"spec": inline})
    status, _ = ran(replace(request, profile=profile))
    assert states(status) == {0: ("Succeeded", 1)}
    assert not (tmp_path / "cache").exists()


def test_the_plan_of_a_volume_says_which_claim_lies_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def launched(folder: RunFolder, order: str, *rest: Any) -> WorkerProcess:
        told.append(order)
        return launch(folder, order, *rest)

    monkeypatch.setattr(planning, "launch", launched)
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    mounts = Mounts(volumes={"talks": tmp_path / "link", "other": tmp_path})
    ran(replace(a_request(tmp_path / "home", "succeed"), mounts=mounts))
    order = read_order(told[0])
    assert isinstance(order, PlanOrder)
    assert order.claims == {"talks": str((tmp_path / "in").resolve()), "other": str(tmp_path.resolve())}


def test_files_with_an_address_that_lets_somebody_in_are_their_owners_to_read(tmp_path: Path) -> None:
    ran(a_request(tmp_path, "succeed", sources=[{"url": "http://ann:geheim@media/succeed"}]))
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and b"geheim" in path.read_bytes()]
    assert holding
    assert {path.stat().st_mode & 0o777 for path in holding} == {0o600}


def test_a_second_run_of_a_finished_batch_starts_nothing(tmp_path: Path) -> None:
    first, _ = ran(a_request(tmp_path, "succeed", "fail NotFound"))
    second, lines = ran(a_request(tmp_path, "succeed", "fail NotFound"))
    assert second.final_recordings == first.final_recordings
    assert second.sums == first.sums
    assert "every recording of this batch is final: nothing runs again" in lines
    assert len(list((tmp_path / "batches/default/batch/runs").iterdir())) == 4


def test_a_run_that_is_stopped_goes_on_where_it_was_and_blames_nobody(tmp_path: Path) -> None:
    stopped, _ = ran(a_request(tmp_path, "succeed", "hang", parallelism=2), when="hang")
    assert states(stopped) == {0: ("Succeeded", 2), 1: ("Waiting", 2)}
    assert [(row.charged_attempts, row.disruptions) for row in stopped.recordings if row.index == 1] == [
        (0, None)
    ]
    again, _ = ran(a_request(tmp_path, "succeed", "hang", parallelism=2), when="hang")
    assert states(again)[1] == ("Waiting", 3)
    assert again.counts.succeeded == 1


def test_sources_that_are_added_come_after_what_was_planned_and_nothing_is_planned_twice(
    tmp_path: Path,
) -> None:
    ran(a_request(tmp_path, "succeed"))
    status, _ = ran(a_request(tmp_path, "succeed", "fail NotFound"))
    assert states(status) == {0: ("Succeeded", 2), 1: ("Failed", 2)}
    assert status.plan is not None
    assert (status.plan.sources, status.plan.recordings) == (2, 2)


def test_more_addresses_than_one_plan_takes_are_planned_one_source_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest_operator.core.source_lists.MAX_ADDRESSES", 1)
    status, _ = ran(a_request(tmp_path, "succeed", "fail NoSpeech", "fail NotFound"))
    assert status.plan is not None
    assert (status.plan.sources, status.plan.recordings, status.state) == (3, 3, "CompleteWithFailures")
    assert BatchFolder.of(tmp_path, "default", "batch").plan(1).exists()


def test_added_sources_that_cannot_be_planned_cost_nothing_of_what_was_done(tmp_path: Path) -> None:
    before, _ = ran(a_request(tmp_path, "succeed", "mute"))
    with pytest.raises(PlanningError, match="NotFound: as asked"):
        ran(a_request(tmp_path, "succeed", "mute", "unplannable"))
    saved = json.loads(BatchFolder.of(tmp_path, "default", "batch").status.read_text())["status"]
    assert saved["sums"] == json.loads(before.to_json())["sums"]
    assert saved["finalRecordings"]["succeeded"] == "0"
    failed = next(condition for condition in saved["conditions"] if condition["type"] == "Failed")
    assert (failed["status"], failed["reason"]) == ("True", "PlanningFailed")


def test_what_can_be_planned_is_run_beside_a_source_that_cannot_and_that_is_reported_at_the_end(
    tmp_path: Path,
) -> None:
    for _ in range(2):  # the second time nothing is left to run
        with pytest.raises(PlanningError, match="NotFound: as asked"):
            ran(a_request(tmp_path, "unplannable", "succeed", "fail NotFound"))
    saved = json.loads(BatchFolder.of(tmp_path, "default", "batch").status.read_text())["status"]
    assert (saved["counts"]["succeeded"], saved["counts"]["failed"], saved["plan"]["sources"]) == (1, 1, 2)
    assert "PlanningFailed" in {each["reason"] for each in saved["conditions"] if each["status"] == "True"}


def test_too_many_failures_end_a_run_beside_a_source_that_cannot_be_planned(tmp_path: Path) -> None:
    allowed = {"maxFailedPercent": 0, "backoffSeconds": 0, "maxAttempts": 1}
    with pytest.raises(PlanningError, match="NotFound: as asked"):
        ran(a_request(tmp_path, "unplannable", "fail NotFound", "fail NotFound", retry=allowed))
    saved = json.loads(BatchFolder.of(tmp_path, "default", "batch").status.read_text())["status"]
    failed = next(condition for condition in saved["conditions"] if condition["type"] == "Failed")
    assert (saved["counts"]["failed"], failed["reason"]) == (1, "TooManyFailures"), "the other does not start"


def test_a_first_plan_that_fails_is_reported_and_made_again_by_the_next_run(tmp_path: Path) -> None:
    with pytest.raises(PlanningError):
        ran(a_request(tmp_path, "unplannable"))
    assert not BatchFolder.of(tmp_path, "default", "batch").plan(0).exists()


def test_failed_recordings_get_another_pass_and_their_process_numbers_go_on(tmp_path: Path) -> None:
    ran(a_request(tmp_path, "succeed", "mute"))
    status, _ = ran(a_request(tmp_path, "succeed", "mute", retryFailed="once more"))
    assert states(status) == {0: ("Succeeded", 2), 1: ("Failed", 6)}


def test_a_broken_setup_stops_the_batch_and_the_next_run_finds_it_fixed(tmp_path: Path) -> None:
    first, _ = ran(a_request(tmp_path, "broken", "broken"))
    assert first.state == "Stalled"
    assert first.counts.succeeded == 0
    stalled = next(condition for condition in first.conditions if condition.type is ConditionType.STALLED)
    assert (stalled.status, stalled.reason) == (ConditionStatus.TRUE, "ModelsUnavailable")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mended").touch()
    second, _ = ran(a_request(tmp_path, "broken", "broken"))
    assert (second.state, second.counts.succeeded) == ("Complete", 2)


def test_a_dry_run_plans_and_starts_nothing(tmp_path: Path) -> None:
    status, _ = ran(a_request(tmp_path, "succeed", "succeed", dryRun=True))
    assert (status.state, status.counts.total, status.counts.pending) == ("DryRun", 2, 2)
    assert not (tmp_path / "batches/default/batch/runs").exists()


def test_a_change_that_a_cluster_would_refuse_is_refused_here_too(tmp_path: Path) -> None:
    ran(a_request(tmp_path, "succeed"))
    with pytest.raises(InvalidDocumentError, match=r"spec\.select: cannot change"):
        ran(a_request(tmp_path, "succeed", select={"limit": 1}))


def test_two_sessions_never_run_one_batch(tmp_path: Path) -> None:
    folder = BatchFolder.of(tmp_path, "default", "batch")
    with holding(folder), pytest.raises(BatchBusyError, match="ingestctl status"):
        ran(a_request(tmp_path, "succeed"))
