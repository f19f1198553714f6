"""`ingestctl serve` as a process, and the commands that docs/reader.md shows."""

import gc
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send
from typer.main import get_command
from typer.testing import CliRunner

from ingest_contract.failures import FAILURES, Reason
from ingest_reader.serving import Door, serve
from ingestctl.asking.running import FILE, running
from ingestctl.commands.every import app
from tests.reader.listening import listening

HOUSE = Path(__file__).resolve().parents[2]


@contextmanager
def served(dsn: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the address that it says."""
    command = [sys.executable, "-m", "ingestctl", "serve", "--port", "0", "--dsn", dsn, *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = ""
        while not (found := re.search(r"http://\S+:\d+", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_asked_to_stop_and_says_nothing_then(
    corpus_database: str, ending: signal.Signals, tmp_path: Path
) -> None:
    with served(corpus_database, "--home", str(tmp_path)) as (process, address):
        reader = running(tmp_path, corpus_database)
        assert reader is not None
        assert f"{reader.address}/" in f"{address}/"
        with urllib.request.urlopen(f"{address}/recordings", timeout=180) as answer:  # noqa: S310  our own address
            assert b"Bees &amp; flowers" in answer.read()
        process.send_signal(ending)
        out, error = process.communicate(timeout=180)
        assert (process.returncode, out, error) == (0, "", "")
    assert not (tmp_path / FILE).exists()


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_an_agent_until_it_is_asked_to_stop_though_the_input_stays_open(
    corpus_database: str, ending: signal.Signals, tmp_path: Path
) -> None:
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}
        },
    }  # fmt: skip
    words = (tmp_path / "words.txt").open("w+")
    command = [sys.executable, "-m", "ingestctl", "mcp", "--dsn", corpus_database, "--home", str(tmp_path)]
    with words, subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, text=True
    ) as process:  # fmt: skip
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(hello) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "video-ingest"
            process.send_signal(ending)
            assert process.wait(180) == 0
            assert process.stdout.read() == ""
        finally:
            process.kill()
    assert (tmp_path / "words.txt").read_text() == ""


@pytest.mark.postgres
def test_a_port_that_is_taken_is_reported(corpus_database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "ingestctl", "serve", "--port", port, "--dsn", corpus_database],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 1
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_beyond_this_machine_it_refuses_to_listen_openly() -> None:
    done = CliRunner().invoke(app, ["serve", "--host", "10.0.0.1", "--dsn", "dbname=none"])
    assert done.exit_code == 2
    said = " ".join(done.output.replace("│", " ").split())
    assert "Give --token-file FILE, or say --behind-ingress" in said


def test_a_prefix_that_is_a_path_of_its_own_ends_the_program_before_it_listens() -> None:
    asked = "--host 127.0.0.1 --port 0 --metrics-port 0 --models none --behind-ingress --prefix /api/v1"
    done = subprocess.run(
        [sys.executable, "-m", "ingest_reader", *asked.split()],
        env=os.environ | {"INGEST_DSN": "dbname=none"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == FAILURES[Reason.ORDER_INVALID].exit_code
    assert "OrderInvalid: /api/v1 begins as this reader's own /api does" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_without_a_store_says_what_comes_first(tmp_path: Path) -> None:
    for command in ("serve", "mcp"):
        done = CliRunner().invoke(app, [command, "--home", str(tmp_path)], env={"INGEST_DSN": ""})
        assert "Next: `ingestctl run batch.yaml`" in str(done.exception)


@pytest.mark.postgres
def test_a_head_of_a_megabyte_is_answered_with_a_problem(corpus_database: str) -> None:
    with listening(corpus_database) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=180) as raw:
            raw.sendall(
                b"GET /api/v1/search?q=" + b"bees+" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n"
                b"Connection: close\r\n\r\n"
            )
            answer = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 414 ")
    assert b"application/problem+json" in answer
    assert len(answer) < 4_000


@pytest.mark.postgres
def test_an_escape_inside_an_id_is_not_undone_twice(corpus_database: str) -> None:
    with listening(corpus_database) as address, pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{address}/api/v1/recordings/a%252Fb", timeout=180)  # noqa: S310  our own address
    assert refused.value.code == 404
    assert json.loads(refused.value.read())["detail"] == "There is no recording 'a%2Fb' in this store."


def commands() -> list[str]:
    """Every `ingestctl` command of the page of docs and of the page of voices."""
    docs = (HOUSE / "docs/reader.md").read_text("utf-8")
    voices = (HOUSE / "reader/ingest_reader/pages/templates/voices.html").read_text("utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", docs, re.DOTALL))
    found = re.findall(r"^(ingestctl .*?)(?:  +#.*)?$", blocks, re.MULTILINE)
    return found + [
        each for each in re.findall(r"<code>(ingestctl [^<]*)</code>", voices) if "{{" not in each
    ]


@pytest.mark.parametrize("command", commands())
def test_a_command_that_a_page_shows_is_one(command: str) -> None:
    words = shlex.split(command)[1:]
    group = get_command(app)
    context = group.make_context("ingestctl", [*words], resilient_parsing=False)
    name, found, rest = group.resolve_command(context, words)  # type: ignore[attr-defined] # the app is a group
    while hasattr(found, "resolve_command"):
        context = found.make_context(name, [*rest], parent=context)
        name, found, rest = found.resolve_command(context, rest)
    assert found.make_context(name, [*rest], parent=context).params


def test_the_garbage_collector_passes_over_what_was_loaded_for_as_long_as_it_serves() -> None:
    seen: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        seen.append(gc.get_freeze_count())
        await send({"type": "lifespan.startup.failed"})

    tracked = len(gc.get_objects())
    assert not serve(app, Door("127.0.0.1", 0), lambda _: None)
    assert seen[0] > tracked / 2  # of objects that other tests have left, some are garbage
    assert gc.get_freeze_count() == 0
