"""The pod of the chart, here: its own command line and variables, with a login that only reads."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ingest_reader.probes import NOT_READY
from ingest_reader.readiness import fault_of
from ingest_worker.store.connect import connect
from ingest_worker.store.roles import grant_reading
from testkit.cluster.program import free_port, until
from tests.reader.conftest import TALK
from tests.support.chart import Json, objects_in, of_kind, template

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

TOKEN = "0123456789abcdef0123"
SETTINGS: Json = {"reader.enabled": True, "reader.token.secretName": "reader", "reader.prefix": "/corpus"}


@dataclass(frozen=True, slots=True)
class Pod:
    """One that runs, and where."""

    process: subprocess.Popen[str]
    http: str
    metrics: str

    def get(self, path: str, *, token: str | None = TOKEN) -> str:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        asked = urllib.request.Request(f"{self.http}{path}", headers=headers)  # noqa: S310  our own address
        with urllib.request.urlopen(asked, timeout=180) as answer:  # noqa: S310  our own address
            return str(answer.read().decode())


@pytest.fixture
def login(corpus_database: str) -> Iterator[str]:
    """The address of a login as docs/reader.md has it made, and the migration grants it."""
    name = f"test_{uuid4().hex}"
    with connect(corpus_database, application="tests") as owner:
        owner.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        grant_reading(corpus_database, name)
        yield make_conninfo(corpus_database, user=name)
        owner.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


@contextmanager
def pod(dsn: str, folder: Path) -> Iterator[Pod]:
    """The container of the chart as a process: what it mounts lies in `folder`, its ports are free ones."""
    (deployment,) = of_kind(objects_in(template(settings=SETTINGS)), "Deployment", "-reader")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    ports = {"--port": free_port(), "--metrics-port": free_port(), "--host": "127.0.0.1"}
    mounts = {each["mountPath"]: folder / each["name"] for each in container["volumeMounts"]}
    for path in mounts.values():
        path.mkdir(exist_ok=True)
    (folder / "token" / "token").write_text(TOKEN)
    arguments = [_here(each, ports, mounts) for each in container["args"]]
    own = {each["name"]: each.get("value", dsn) for each in container["env"]}
    assert own["INGEST_DSN"] == dsn
    words = (folder / "words.txt").open("w+")
    with (
        words,
        subprocess.Popen(
            [sys.executable, *container["command"][1:], *arguments],
            env=os.environ | own,
            stdout=words,
            stderr=words,
            text=True,
        ) as process,
    ):
        here = Pod(
            process, f"http://127.0.0.1:{ports['--port']}", f"http://127.0.0.1:{ports['--metrics-port']}"
        )
        try:
            until(lambda: process.poll() is not None or _alive(here), "the reader listens")
            assert process.poll() is None, (folder / "words.txt").read_text()
            yield here
        finally:
            process.kill()


def _here(argument: str, ports: dict[str, object], mounts: dict[str, Path]) -> str:
    """An argument of the container with this machine's ports and folders."""
    option, _, value = argument.partition("=")
    if option in ports:
        return f"{option}={ports[option]}"
    for inside, outside in mounts.items():
        if value.startswith(inside):
            return f"{option}={outside}{value.removeprefix(inside)}"
    return argument


def _alive(here: Pod) -> bool:
    try:
        return here.get("/healthz", token=None) == "ok\n"
    except OSError:
        return False


def test_it_answers_people_programs_agents_and_prometheus_and_ends_as_it_is_asked(
    login: str, corpus_database: str, tmp_path: Path
) -> None:
    with pod(login, tmp_path) as here:
        assert fault_of(f"{here.http}/readyz") is None
        assert "Bees &amp; flowers" in here.get("/corpus/recordings")
        assert json.loads(here.get(f"/corpus/api/v1/transcripts/{TALK}"))["segments"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            here.get("/corpus/recordings", token=None)
        assert refused.value.code == 401
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        call["params"] = {"name": "list_recordings", "arguments": {}}
        headers = {
            "authorization": f"Bearer {TOKEN}", "content-type": "application/json",
            "accept": "application/json, text/event-stream",
        }  # fmt: skip
        data = json.dumps(call).encode()
        asked = urllib.request.Request(f"{here.http}/corpus/mcp", data, headers)  # noqa: S310  our own address
        with urllib.request.urlopen(asked, timeout=180) as answer:  # noqa: S310  our own address
            assert TALK in answer.read().decode()
        with urllib.request.urlopen(f"{here.metrics}/metrics", timeout=180) as answer:  # noqa: S310  our own address
            counted = 'requests_total{route="/recordings",status="200"} 1.0'
            assert counted in answer.read().decode()
        _ends_cleanly_while_somebody_waits(here, corpus_database)
    said = (tmp_path / "words.txt").read_text()
    assert '"message":"ready"' in said.replace('": ', '":')
    assert "Traceback" not in said
    assert TOKEN not in said


def _ends_cleanly_while_somebody_waits(here: Pod, dsn: str) -> None:
    """SIGTERM while an answer waits for the store: it is still given, nobody new is let in, and the end is
    no failure."""
    host, port = here.http.removeprefix("http://").split(":")
    with connect(dsn, application="tests") as owner, socket.create_connection((host, int(port)), 180) as raw:
        with owner.transaction():
            owner.execute("lock table ingest.recording in access exclusive mode")
            raw.sendall(
                b"GET /corpus/api/v1/recordings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"Authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n"
            )
            until(lambda: _waits(owner), "the answer waits for the table")
            here.process.send_signal(signal.SIGTERM)
            until(lambda: not _alive(here), "nobody new is let in")
        answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert TALK.encode() in answer
    assert here.process.wait(180) == 0


def _waits(owner: psycopg.Connection) -> bool:
    asked = (
        "select exists (select from pg_stat_activity "
        "where datname = current_database() and application_name = 'video-ingest reader' "
        "and wait_event_type = 'Lock')"
    )
    return bool(owner.execute(asked).fetchone() == (True,))


def test_a_workers_login_is_not_ready_which_the_release_s_test_says_and_its_log_explains(
    corpus_database: str, tmp_path: Path
) -> None:
    with pod(corpus_database, tmp_path) as here:
        told = fault_of(f"{here.http}/readyz")
    assert told == f"DatabaseRejected: {NOT_READY}"
    assert "not ready: DatabaseRejected: The login " in (tmp_path / "words.txt").read_text()


def test_a_reader_that_is_not_there_cannot_be_asked() -> None:
    url = f"http://127.0.0.1:{free_port()}/readyz"
    assert str(fault_of(url)).startswith(f"{url} cannot be asked: ")
