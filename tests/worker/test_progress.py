"""The board, in a file and on a port; and that nothing about it can fail a run."""

import json
import logging
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET, create_connection, socket

import pytest

from ingest_contract.progress import Progress
from ingest_contract.stages import Stage
from ingest_worker import progress_server
from ingest_worker.gpu.sampler import Sampler
from ingest_worker.progress import WEIGHTS, Board, ProgressFile
from ingest_worker.progress_server import ProgressServer
from ingest_worker.stopwatch import Stopwatch
from tests.worker.store.makers import eventually


def board(display: ProgressFile | None = None) -> Board:
    return Board(display, lambda: 12.34)


def test_the_weights_are_a_whole() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


def test_a_run_goes_from_zero_to_a_hundred_percent_and_never_back() -> None:
    shown = board()
    seen = []
    for stage in WEIGHTS:
        report = shown.begin(stage)
        for share in (0.5, 0.2, 1.0, 7.0):
            report(share)
            progress = shown.progress()
            assert progress is not None
            seen.append(progress.percent)
        if stage is not Stage.STORE:
            shown.end(stage)
    assert seen == sorted(seen)
    assert seen[-1] == 100


def test_of_two_stages_the_one_that_began_later_is_named_until_it_ends() -> None:
    shown = board()
    shown.begin(Stage.TRANSCRIBE)
    shown.begin(Stage.DIARIZE)
    assert shown.progress() == Progress(stage=Stage.DIARIZE, percent=0, seconds=12.3)
    shown.end(Stage.DIARIZE)
    assert shown.progress() == Progress(stage=Stage.TRANSCRIBE, percent=36, seconds=12.3)


def test_a_new_stage_is_written_at_once_and_shares_now_and_then(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    now = [0.0]
    shown = board(ProgressFile(path, lambda: now[0]))

    def written() -> tuple[str, int]:
        progress = Progress.model_validate_json(path.read_text())
        return progress.stage, progress.percent

    report = shown.begin(Stage.TRANSCRIBE)
    assert written() == ("transcribe", 0)
    report(0.5)
    assert written() == ("transcribe", 0)
    now[0] = 0.6
    report(0.6)
    assert written() == ("transcribe", 25)
    shown.begin(Stage.DIARIZE)
    assert written() == ("diarize", 25)
    assert [file.name for file in tmp_path.iterdir()] == ["progress.json"]


def test_a_file_that_cannot_be_written_is_reported_once_and_loses_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        shown = board(ProgressFile(tmp_path / "gone" / "progress.json"))
        shown.begin(Stage.FETCH)
        shown.begin(Stage.DECODE)
    assert [record.__dict__["action"] for record in caplog.records] == ["lose-progress"]


@pytest.fixture
def port() -> int:
    with socket() as free:
        free.bind(("", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def served(port: int) -> Iterator[tuple[Board, Stopwatch, str]]:
    shown, watch = board(), Stopwatch(Sampler(None), born=0.0)
    server = ProgressServer(port, shown.progress, watch)
    yield shown, watch, f"http://127.0.0.1:{port}"
    server.close()


def get(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return str(answer.read().decode())


def test_a_port_answers_with_the_progress_of_the_moment(served: tuple[Board, Stopwatch, str]) -> None:
    shown, _, url = served
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        get(f"{url}/progress")
    refused.value.close()
    shown.begin(Stage.TRANSCRIBE)(0.5)
    assert json.loads(get(f"{url}/progress")) == {"stage": "transcribe", "percent": 21, "seconds": 12.3}


def test_a_port_serves_metrics_of_finished_stages(served: tuple[Board, Stopwatch, str]) -> None:
    shown, watch, url = served
    with watch.timing(Stage.FETCH):
        shown.begin(Stage.FETCH)(1.0)
    metrics = get(f"{url}/metrics")
    assert 'ingest_worker_stage_seconds{stage="fetch"}' in metrics
    assert "ingest_worker_progress_ratio 0.1" in metrics
    assert "process_resident_memory_bytes" in metrics


def test_who_asks_slowly_is_hung_up_on_however_steadily(
    served: tuple[Board, Stopwatch, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_server, "LONGEST_CONNECTION_SECONDS", 1.0)
    _, _, url = served
    with create_connection(("127.0.0.1", port_of(url)), timeout=20) as slow:
        began = time.monotonic()
        slow.settimeout(0.1)
        while time.monotonic() - began < 20:
            try:
                slow.sendall(b"G")
                if slow.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert time.monotonic() - began < 10


def test_who_holds_many_connections_keeps_nobody_out_and_costs_few_threads(
    served: tuple[Board, Stopwatch, str],
) -> None:
    shown, _, url = served
    shown.begin(Stage.TRANSCRIBE)
    before = threading.active_count()
    with ExitStack() as held:
        silent = [
            held.enter_context(create_connection(("127.0.0.1", port_of(url)), timeout=20)) for _ in range(100)
        ]
        assert json.loads(get(f"{url}/progress"))["stage"] == "transcribe"
        assert silent[0].recv(1) == b"", "the oldest was hung up on"
        eventually(lambda: threading.active_count() - before <= progress_server.MAX_CONNECTIONS)
    eventually(lambda: threading.active_count() <= before)


def test_a_hundred_clients_that_come_at_once_are_connected_before_any_is_served(port: int) -> None:
    server = ProgressServer(port, board().progress, Stopwatch(Sampler(None), born=0.0))
    assert isinstance(server._server, progress_server._Server)
    with ExitStack() as held, server._server._gate:
        for _ in range(100):
            held.enter_context(create_connection(("127.0.0.1", port), timeout=20))
    server.close()


def test_a_client_that_goes_away_is_no_news(
    served: tuple[Board, Stopwatch, str], capfd: pytest.CaptureFixture[str]
) -> None:
    _, _, url = served
    for _ in range(20):
        with create_connection(("127.0.0.1", port_of(url)), timeout=20) as gone:
            gone.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            gone.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert "ingest_worker" in get(f"{url}/metrics")
    assert capfd.readouterr().err == ""


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


def test_a_taken_port_is_reported_and_loses_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with socket() as taken, caplog.at_level(logging.WARNING):
        taken.bind(("", 0))
        taken.listen()
        server = ProgressServer(taken.getsockname()[1], lambda: None, Stopwatch(Sampler(None), born=0.0))
        server.close()
    assert [record.__dict__["action"] for record in caplog.records] == ["lose-progress"]
