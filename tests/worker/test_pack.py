"""Several orders in one pod: each in a process of its own, and of each it is told how it ended, whatever
happens to it, to the others or to the pod."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_contract.order import IngestOrder, Item
from ingest_contract.order_variables import (
    DSN_VARIABLE,
    FURTHER,
    ORDER_DIGEST_VARIABLE,
    ORDER_VARIABLE,
    order_digest,
)
from ingest_contract.pack import PackReport, read_pack
from ingest_contract.receipt import decode
from ingest_worker.cgroup import oom_kills
from ingest_worker.store.connect import connect
from ingest_worker.store.reads import transcript
from testkit.cluster.program import until
from testkit.models.demo_set import models
from testkit.speech import catalogue
from tests.support.demo_store import demo_store
from tests.support.worker import order_for, place_in

PACK_ENDED = FAILURES[Reason.PACK_ENDED].exit_code


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a pod."""

    code: int
    message: str
    folder: Path

    @property
    def report(self) -> PackReport:
        found = read_pack(self.message)
        assert found is not None, self.message
        return found

    @property
    def ends(self) -> dict[int, tuple[int | None, Reason | None, Reason | None]]:
        """Exit code, what was done to it, and what it says."""
        return {
            index: (each.code, each.seen, each.receipt.reason if each.receipt else None)
            for index, each in self.report.ended.items()
        }


def orders(folder: Path, *deeds: str, seconds: int = 600) -> list[IngestOrder]:
    """One for each deed."""
    first = order_for(folder / "a.wav", place_in(folder, folder))
    return [
        first.model_copy(
            update={
                "item": Item(index=index, id=f"file:{index}", url="/a.wav", title=deed),
                "deadline_seconds": seconds,
            }
        )
        for index, deed in enumerate(deeds)
    ]


def variables(wanted: list[IngestOrder]) -> Mapping[str, str]:
    """As a Job gives them to its pod."""
    found = {}
    for place, order in enumerate(wanted):
        further = FURTHER.format(place) if place else ""
        found[ORDER_VARIABLE + further] = order.to_json()
        found[ORDER_DIGEST_VARIABLE + further] = order_digest(order.to_json())
    return found


def begun(module: str, wanted: Mapping[str, str], dsn: str = "host=none") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module],
        env={**os.environ, **wanted, DSN_VARIABLE: dsn},
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[bytes], folder: Path) -> Ended:
    process.communicate()
    return Ended(process.returncode, (folder / "receipt.json").read_text(), folder)


def carried_out(folder: Path, *deeds: str, seconds: int = 600) -> Ended:
    wanted = variables(orders(folder, *deeds, seconds=seconds))
    return ended(begun("tests.support.packed_fakes", wanted), folder)


GOOD = (0, None, None)


def test_all_that_end_well_are_reported_and_so_is_their_pod(tmp_path: Path) -> None:
    found = carried_out(tmp_path, "succeed", "succeed", "succeed")
    assert (found.code, found.ends) == (0, {0: GOOD, 1: GOOD, 2: GOOD})


def test_no_end_of_one_takes_the_others_with_it(tmp_path: Path) -> None:
    found = carried_out(tmp_path, "removed", "say nothing", "die", "succeed")
    assert found.code == PACK_ENDED
    assert found.ends == {0: (22, None, Reason.REMOVED), 1: (0, None, None), 2: (137, None, None), 3: GOOD}
    assert found.report.ended[1].receipt is None, "a success without a Receipt is none"


@pytest.mark.parametrize(
    ("deed", "reason"), [("store", Reason.DATABASE_UNAVAILABLE), ("gpu", Reason.GPU_BROKEN)]
)
def test_what_the_next_one_would_meet_as_well_ends_the_pod_before_it_begins(
    tmp_path: Path, deed: str, reason: Reason
) -> None:
    found = carried_out(tmp_path, "succeed", deed, "succeed")
    assert found.code == PACK_ENDED
    assert found.ends == {0: GOOD, 1: (FAILURES[reason].exit_code, None, reason)}
    assert found.report.begun == {0, 1}


def test_one_that_takes_too_long_is_ended_and_the_others_have_their_time(tmp_path: Path) -> None:
    found = carried_out(tmp_path, "hang", "succeed", seconds=1)
    assert found.ends == {0: (137, Reason.DEADLINE_EXCEEDED, None), 1: GOOD}


def test_a_pod_that_is_asked_to_end_asks_its_recording_and_begins_no_other(tmp_path: Path) -> None:
    process = begun("tests.support.packed_fakes", variables(orders(tmp_path, "succeed", "hang", "succeed")))
    until((tmp_path / "scratch" / "hangs").exists, "the second is under way")
    process.send_signal(signal.SIGTERM)
    found = ended(process, tmp_path)
    assert found.code == 143
    assert found.ends == {0: GOOD, 1: (143, Reason.INTERRUPTED, Reason.INTERRUPTED)}
    assert found.report.begun == {0, 1}


def test_a_pod_that_is_killed_has_reported_what_was_over_and_what_was_under_way(tmp_path: Path) -> None:
    process = begun("tests.support.packed_fakes", variables(orders(tmp_path, "succeed", "hang", "succeed")))
    until((tmp_path / "scratch" / "hangs").exists, "the second is under way")
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    child.kill()  # a container's end is the end of all of its processes
    found = ended(process, tmp_path)
    assert (found.ends, found.report.begun) == ({0: GOOD}, {0, 1})


def test_nothing_of_a_recording_is_left_when_the_next_begins(tmp_path: Path) -> None:
    found = carried_out(tmp_path, "leave one behind", "succeed")
    assert found.ends == {0: GOOD, 1: GOOD}
    left = int((tmp_path / "scratch" / "left").read_text())
    until(lambda: not psutil.pid_exists(left) or psutil.Process(left).status() == "zombie", "it is gone")
    assert sorted(each.name for each in (tmp_path / "scratch").iterdir()) == ["left"], "no media, no Receipt"


def test_an_order_that_was_changed_on_its_way_is_refused_before_any_is_begun(tmp_path: Path) -> None:
    wanted = dict(variables(orders(tmp_path, "succeed", "succeed")))
    second = ORDER_VARIABLE + FURTHER.format(1)
    wanted[second] = json.dumps(json.loads(wanted[second]) | {"run": 7})
    found = ended(begun("tests.support.packed_fakes", wanted), tmp_path)
    assert decode(found.message).reason is Reason.ORDER_INVALID
    assert found.code == FAILURES[Reason.ORDER_INVALID].exit_code


@pytest.mark.parametrize(
    ("text", "kills"),
    [
        ("low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\noom_group_kill 1\n", 2),
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n", 5),
        ("nothing of the kind", 0),
        ("oom_kill", 0),
    ],
)
def test_the_kernel_tells_what_it_has_killed_for_memory(tmp_path: Path, text: str, kills: int) -> None:
    (tmp_path / "events").write_text(text)
    assert oom_kills((tmp_path / "missing", tmp_path / "events")) == kills


@pytest.mark.models
@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_real_recordings_in_one_pod_are_stored_and_one_that_cannot_be_decoded_is_reported(
    tmp_path: Path,
) -> None:
    sound, broken = tmp_path / "a.wav", tmp_path / "b.wav"
    shutil.copyfile(catalogue.recordings()["sample"].path, sound)
    broken.write_bytes(b"no sound at all" * 1000)
    place = place_in(tmp_path, models())
    wanted = [
        order_for(path, place, deadline_seconds=800, item=Item(index=index, id=f"file:{name}", url=str(path)))
        for index, (name, path) in enumerate({"broken": broken, "sound": sound}.items())
    ]
    with demo_store() as dsn:
        found = ended(begun("ingest_worker", variables(wanted), dsn), tmp_path)
        with connect(dsn, application="test") as connection:
            stored = transcript(connection, "file:sound")
    assert found.ends == {0: (32, None, Reason.UNDECODABLE), 1: GOOD}
    receipt = found.report.ended[1].receipt
    assert receipt is not None
    assert receipt.coverage is not None
    assert receipt.seconds < 2 * sum(each.seconds for each in receipt.stages.values())
    assert stored is not None
