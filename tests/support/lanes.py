"""How the tests of a run are shared out to processes side by side (`pytest -n`): what waits on a cluster
beside what computes.

The tests of one lane run one after the other in one process, so that fixtures of modules are made once, and
models of a folder are loaded once. Lanes that take minutes begin first, or the run would end with one process
at work.
"""

from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

ROOT: Final = Path(__file__).parents[2]

FOLDERS: Final = ("tests/worker/diarization", "tests/worker/transcription")
"""Folders that are one lane: all their tests hear the same recordings with models of the whole session."""

LONG: Final = (
    "tests/journey/test_a_batch.py",
    "tests/operator/faults/test_faults.py",
    "tests/journey/test_no_secret_is_left.py",
    "tests/journey/test_a_killed_worker.py",
    "tests/operator/behaviour/test_no_secret_is_left.py",
    "tests/operator/behaviour/test_thirty_nights.py",
    "tests/worker/transcription",
    "tests/worker/diarization",
    "tests/operator/behaviour/test_failure_table.py",
    "tests/operator/crash/test_crash_points.py",
    "tests/journey/test_a_secret_list.py",
    "tests/journey/test_a_bucket.py",
    "tests/worker/test_captions_stored.py",
    "tests/operator/core/test_any_order_of_events.py",
    "tests/worker/test_pipeline_process.py",
    "tests/operator/core/test_every_crash.py",
    "tests/chart",
    "tests/gitops",
    "tests/operator/behaviour",
    "tests/operator/kube",
    "tests/operator/local",
    "tests/worker",
    "tests/reader",
    "tests/testkit",
)
"""Files and folders in the order in which they begin, by the time they take (`make test` prints it);
the rest, which is files of seconds, follows as collected and fills the end."""


def lane_of(nodeid: str) -> str:
    """The file of a test, or its folder where that is one lane."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in FOLDERS if file.startswith(f"{folder}/")), file)


def rank(nodeid: str) -> int:
    """When a test's lane begins: before all those with a higher number."""
    file = nodeid.partition("::")[0]
    starts = (number for number, name in enumerate(LONG) if file == name or file.startswith(f"{name}/"))
    return next(starts, len(LONG))


class Lanes(LoadScopeScheduling):
    """Gives a process the next lane when it has hardly anything left to do."""

    def _split_scope(self, nodeid: str) -> str:
        return lane_of(nodeid)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank(item.nodeid))  # stable: a lane stays in one piece and in its own order


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    config.option.loadscopereorder = False  # by time, and not by how many tests there are
    return Lanes(config, log)
