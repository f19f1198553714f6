"""Postgres in a folder: who starts it, who stops it, who may reach it."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree

import pytest

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.store import server
from ingest_worker.store.connect import Connection, connect
from ingest_worker.store.embedded import _undisturbed, embedded
from ingest_worker.store.schema import migrate
from testkit.cluster.program import until

pytestmark = pytest.mark.postgres

USER = """
import sys, pathlib
from ingest_worker.store.embedded import embedded
with embedded(pathlib.Path(sys.argv[1])) as dsn:
    print(dsn, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One data folder for the module: a first start costs seconds."""
    made = Path(tempfile.mkdtemp(prefix="ingest-embedded-"))
    yield made
    rmtree(made)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of the test's own. Not pytest's: every pytest that starts closes the folder above that one
    again (`chmod go-rwx`)."""
    made = Path(tempfile.mkdtemp(prefix="ingest-embedded-"))
    yield made
    rmtree(made)


def answers(dsn: str) -> bool:
    try:
        with connect(dsn, application="tests"):
            return True
    except StageError:
        return False


def another_process(folder: Path) -> subprocess.Popen[str]:
    """A process that uses the server until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("host=")
    return process


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate("", timeout=60)
    assert process.returncode == 0


def test_what_was_stored_is_there_at_the_next_start_and_nothing_runs_in_between(folder: Path) -> None:
    with embedded(folder) as dsn:
        migrate(dsn)
    assert not answers(dsn)
    with embedded(folder) as again:
        assert again == dsn
        assert migrate(again) == ()


def test_processes_share_a_server_and_the_last_one_stops_it(folder: Path) -> None:
    with embedded(folder) as dsn:
        other = another_process(folder)
        assert answers(dsn)
    assert answers(dsn)
    leave(other)
    assert not answers(dsn)


def test_one_process_may_use_it_twice(folder: Path) -> None:
    with ExitStack() as both:
        dsn = both.enter_context(embedded(folder))
        with embedded(folder):
            pass
        assert answers(dsn)
    assert not answers(dsn)


def test_a_killed_user_leaves_the_server_to_the_next_one_who_stops_it(folder: Path) -> None:
    other = another_process(folder)
    other.send_signal(signal.SIGKILL)
    other.communicate(timeout=60)
    with embedded(folder) as dsn:
        assert answers(dsn)
    assert not answers(dsn)


INTERRUPTED = """
import os, signal, sys, pathlib
from ingest_worker.store.embedded import embedded
from ingest_worker.store.server import Server

# what runs in the background ignores it, and so would this
signal.signal(signal.SIGINT, signal.default_int_handler)

def again(self, *arguments):
    for _ in range(3):
        os.kill(0, signal.SIGINT)  # as a terminal does: to whatever is in the foreground
    return run(self, *arguments)

run, Server._run = Server._run, again
try:
    with embedded(pathlib.Path(sys.argv[1])):
        print("started")
except KeyboardInterrupt:
    print("ended")
"""


def test_ctrl_c_during_a_start_or_a_stop_leaves_nothing_running(folder: Path) -> None:
    with embedded(folder) as dsn:
        pass
    said = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(folder)],
        capture_output=True, text=True, check=False, start_new_session=True, timeout=120,
    )  # fmt: skip
    assert (said.stdout, said.stderr) == ("ended\n", "")
    assert not answers(dsn)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_stop_is_not_lost_on_whoever_hears_it(folder: Path, how: signal.Signals) -> None:
    heard: list[int] = []
    before = signal.signal(how, lambda number, _: heard.append(number))
    try:
        with embedded(folder):
            os.kill(os.getpid(), how)
        with _undisturbed():
            os.kill(os.getpid(), how)
            assert heard == [how]
    finally:
        signal.signal(how, before)
    assert heard == [how] * 2


def test_a_signal_that_nobody_hears_ends_the_process_once_it_may() -> None:
    said = subprocess.run(
        [sys.executable, "-c", UNHEARD], capture_output=True, text=True, check=False, timeout=120
    )
    assert (said.returncode, said.stdout, said.stderr) == (-signal.SIGTERM, "whole\n", "")


UNHEARD = """
import os, signal
from ingest_worker.store.embedded import _undisturbed
signal.signal(signal.SIGTERM, signal.SIG_DFL)
with _undisturbed():
    os.kill(os.getpid(), signal.SIGTERM)
    print("whole", flush=True)
print("went on")
"""


def test_a_server_that_is_left_behind_is_stopped_when_nobody_is_connected_any_more(folder: Path) -> None:
    other = another_process(folder)
    other.send_signal(signal.SIGKILL)
    other.communicate(timeout=60)
    with ExitStack() as used, embedded(folder) as dsn:
        worker = used.enter_context(connect(dsn, application="a worker"))
        stopping = subprocess.Popen([sys.executable, "-m", "ingest_worker.store.embedded", str(folder)])
        with connect(dsn, application="tests") as watching:
            both = {"video-ingest a worker", "video-ingest embedded"}
            until(lambda: others(watching) == both, "somebody waits for the worker")
        worker_ends = used.pop_all()
    assert stopping.poll() is None
    assert not worker.closed
    worker_ends.close()
    assert stopping.wait(120) == 0
    assert not answers(dsn)


def others(connection: Connection) -> set[str]:
    """The names of those that are connected, too."""
    rows = connection.execute(
        "select application_name from pg_stat_activity "
        "where backend_type = 'client backend' and pid <> pg_backend_pid()"
    ).fetchall()
    return {name for (name,) in rows}


def test_an_interrupted_first_start_is_begun_again(place: Path) -> None:
    (place / "pg" / "data.new").mkdir(parents=True)
    (place / "pg" / "data.new" / "half").write_text("x")
    with embedded(place / "pg") as dsn:
        assert answers(dsn)


def test_data_of_another_postgres_is_refused_in_words(place: Path) -> None:
    (place / "data").mkdir()
    (place / "data" / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(
            StageError, match=r"made by Postgres 12 and this program brings 18.*Next: dump and restore"
        ) as caught,
        embedded(place),
    ):
        pass
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE


def test_a_server_that_cannot_start_shows_the_end_of_its_log(place: Path) -> None:
    with embedded(place):
        pass
    with (place / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with (
        pytest.raises(StageError, match='unrecognized configuration parameter "no_such_setting"'),
        embedded(place),
    ):
        pass


def test_a_first_start_that_fails_behind_the_servers_leaves_nothing_running(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest_worker.store.embedded.DATABASE", "no such name")
    with pytest.raises(StageError, match='making the database: option "such"'), embedded(place):
        pass
    assert not (place / "data" / "postmaster.pid").exists()


@pytest.mark.parametrize("name", ["long" * 25, "Ann's, and Bob's"])
def test_a_path_that_no_socket_or_address_can_hold_gets_a_short_one(place: Path, name: str) -> None:
    with embedded(place / name) as dsn:
        assert answers(dsn)
        assert name not in dsn
    rmtree(server.server_in((place / name).resolve()).sockets)


def test_a_folder_that_cannot_be_made_is_named(place: Path) -> None:
    (place / "file").write_text("")
    with (
        pytest.raises(StageError, match=r"file/pg cannot be made \(Not a directory\)"),
        embedded(place / "file" / "pg"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_as_root_the_servers_user_is_let_through_closed_folders_and_nobody_else(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with embedded(closed / "pg") as dsn:
        assert answers(dsn)
        owner = pwd.getpwnam(server.SYSTEM_USER).pw_uid
        assert (closed / "pg" / "data").stat().st_uid == owner
        for uid, verdict in ((owner, 0), (65_534, 1)):
            reach = subprocess.run(
                ["test", "-d", closed / "pg"], check=False, user=uid, group=uid, extra_groups=()
            )
            assert reach.returncode == verdict
        listing = subprocess.run(
            ["ls", closed], check=False, user=owner, group=owner, extra_groups=(), capture_output=True
        )
        assert listing.returncode != 0
