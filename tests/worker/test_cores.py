"""How many threads a run may have: no more than its cgroup and its cores have room for."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest_contract.profile import ComputeType
from ingest_worker import surroundings
from ingest_worker.cgroup import MOUNT, usable_cores
from ingest_worker.errors import StageError
from ingest_worker.ingest import resolved_order
from ingest_worker.trial import Device, tried
from tests.support.worker import RUNTIME, order_for, place_in

V1 = MOUNT / "cpu"


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


def told(folder: Path, lines: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A mount of cgroups, and what /proc says of a process's own."""
    own = folder / "own"
    own.write_text(lines)
    for name, text in files.items():
        file = folder / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return folder / "cgroup", own


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize(
    ("lines", "files", "cores"),
    [
        pytest.param("0::/", {"cpu.max": "400000 100000"}, 4, id="a container under v2"),
        pytest.param("0::/", {"cpu.max": "150000 100000"}, 2, id="one and a half"),
        pytest.param("0::/", {"cpu.max": "10000 100000"}, 1, id="a tenth"),
        pytest.param("0::/", {"cpu.max": "max 100000"}, 64, id="no limit under v2"),
        pytest.param("0::/", {}, 64, id="no file"),
        pytest.param("0::/", {"cpu.max": "?"}, 64, id="a file that says something else"),
        pytest.param("0::/", {"cpu.max": "100000 0"}, 64, id="a period of nothing"),
        pytest.param(
            "0::/pods/one",
            {"pods/cpu.max": "200000 100000", "pods/one/cpu.max": "max 100000"},
            2,
            id="the limit of the one above",
        ),
        pytest.param(
            "5:memory:/pods\n4:cpu,cpuacct:/pods/one\n0::/",
            {
                "cpu,cpuacct/pods/one/cpu.cfs_quota_us": "300000",
                "cpu,cpuacct/pods/one/cpu.cfs_period_us": "100000",
            },
            3,
            id="v1, seen from the host",
        ),
        pytest.param(
            "4:cpu,cpuacct:/kubepods/pod1/abc",
            {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "25000"},
            2,
            id="v1, in a container that is told its path outside",
        ),
        pytest.param(
            "1:cpu:/",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            64,
            id="no limit under v1",
        ),
        pytest.param("5:memory:/small", {"small/cpu.max": "100000 100000"}, 64, id="another controller's"),
        pytest.param("", {}, 64, id="no cgroups at all"),
    ],
)
def test_a_limit_of_the_cgroup_counts(tmp_path: Path, lines: str, files: dict[str, str], cores: int) -> None:
    assert usable_cores(*told(tmp_path, lines, files)) == cores


def test_a_limit_above_what_there_is_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7})
    assert usable_cores(*told(tmp_path, "0::/", {"cpu.max": "6400000 100000"})) == 3
    assert usable_cores(tmp_path / "nothing", tmp_path / "nobody") == 3


def test_where_processes_are_not_bound_to_cores_all_of_them_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path / "nothing", tmp_path / "nobody") == 6


@pytest.fixture
def one_core() -> Iterator[Path]:
    """A real cgroup whose processes get one core's time, where this machine lets us make one."""
    folder = (V1 if V1.is_dir() else MOUNT) / f"ingest-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        if V1.is_dir():
            (folder / "cpu.cfs_quota_us").write_text("100000")
        elif (folder / "cpu.max").exists():
            (folder / "cpu.max").write_text("100000 100000")
        else:
            pytest.skip("the controller of processors is not on for cgroups made here")
        yield folder
    finally:
        folder.rmdir()


def test_the_kernels_own_cgroup_is_obeyed(one_core: Path) -> None:
    code = (
        "import os, sys\n"
        f"open({str(one_core / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n"
        "from ingest_worker.surroundings import settle\n"
        "settle(16)\n"
        "import torch\n"
        "print(os.environ['OMP_NUM_THREADS'], torch.get_num_threads())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.parametrize(("ordered", "cores", "threads"), [(16, 2, 2), (2, 16, 2), (1, 1, 1)])
def test_the_order_is_lowered_to_the_cores_and_never_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ordered: int, cores: int, threads: int
) -> None:
    monkeypatch.setattr(surroundings, "usable_cores", lambda: cores)
    runtime = RUNTIME.model_copy(update={"threads": ordered})
    order = order_for(tmp_path / "talk.wav", place_in(tmp_path, tmp_path), runtime=runtime)
    assert resolved_order(order).runtime.threads == threads
    monkeypatch.setattr(os, "environ", {})
    surroundings.settle(ordered)
    assert {os.environ[name] for name in surroundings.THREADS} == {str(threads)}


def test_engines_that_are_only_tried_do_not_spin_while_they_wait_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {})
    with pytest.raises(StageError, match="none"):
        list(tried(tmp_path, "none", Device("cpu", ComputeType.AUTO)))
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
