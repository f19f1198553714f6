"""The control plane of the tests:
what they build on when they say that something happened, or that nothing did."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from testkit.cluster import binaries
from testkit.cluster.audit import AuditLog
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.control_plane import control_plane as starting
from testkit.cluster.program import NotUpError, Program, until

STARTER = """
import time
from testkit.cluster.program import Program, folder_for_now
with folder_for_now() as folder:
    program = Program(["sleep", "1000"], folder / "log")
    program.start()
    print(folder, flush=True)
    time.sleep(1000)
"""


def test_a_program_and_its_folder_end_with_whoever_started_them_however_that_ended() -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", STARTER]
    with subprocess.Popen(
        command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        folder = Path(starter.stdout.readline().decode().strip())

        def started() -> list[psutil.Process]:
            return psutil.Process(starter.pid).children(recursive=True)

        until(lambda: "sleep" in [each.name() for each in started()], "the program runs")
        programs = started()
        assert folder.exists()
        starter.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(programs, timeout=20)[1] == []
    assert not folder.exists()


def test_a_program_that_does_not_come_up_shows_its_last_words(tmp_path: Path) -> None:
    program = Program(["sh", "-c", "echo the disk is full; exit 3"], tmp_path / "log")
    program.start()
    with pytest.raises(NotUpError, match=r"sh ended with 3:\nthe disk is full"):
        program.wait(lambda: False)
    program.kill()


def test_programs_that_a_person_has_are_taken_and_only_the_others_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etcd").touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    monkeypatch.setattr(binaries, "built", lambda: Path("/built"))
    binaries.program.cache_clear()
    found = binaries.program("etcd"), binaries.program("kubectl")
    binaries.program.cache_clear()
    assert found == (tmp_path / "etcd", Path("/built/kubectl"))


@pytest.mark.control_plane
def test_an_api_server_that_was_killed_comes_back_with_what_it_knew_and_in_the_end_nothing_is_left() -> None:
    with starting() as plane:
        account = plane.kubeconfig_of("default", "ann")
        guards = [
            program.process for program in (plane.etcd.program, plane.api_server, plane.controller_manager)
        ]
        programs = [child for guard in guards if guard for child in psutil.Process(guard.pid).children()]
        assert sorted(program.name()[:14] for program in programs) == [
            "etcd",
            "kube-apiserver",
            "kube-controlle",
        ]
        plane.api_server.kill()
        assert not plane.ready()
        plane.api_server.start()
        plane.api_server.wait(plane.ready)
        assert plane.kubectl("get", "serviceaccount", "ann", "-o", "name").stdout == "serviceaccount/ann\n"
        who = plane.kubectl(
            f"--kubeconfig={account}", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"
        )
        assert who.stdout == "system:serviceaccount:default:ann"
    assert psutil.wait_procs(programs, timeout=0)[1] == []
    assert not plane.folder.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", plane.port)) != 0


def test_the_audit_log_tells_who_wrote_what_and_what_was_answered(
    control_plane: ControlPlane, namespace: str
) -> None:
    ann = control_plane.client_of(namespace, "ann")
    mark = control_plane.audit.now()
    ann.send("POST", f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "list"}})
    ann.send("GET", f"/api/v1/namespaces/{namespace}/pods/talks/log")
    control_plane.admin.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "list", "namespace": namespace}}
    )
    who = f"system:serviceaccount:{namespace}:ann"
    until(lambda: len(list(control_plane.audit.since(mark, user=who))) == 2, "both requests are recorded")
    assert [(one.verb, one.resource, one.code) for one in control_plane.audit.since(mark, user=who)] == [
        ("create", "configmaps", 403),
        ("get", "pods/log", 403),
    ]
    until(
        lambda: len(control_plane.audit.writes(mark, user="admin", namespace=namespace)) == 1,
        "the admin's is recorded",
    )
    (written,) = control_plane.audit.writes(mark, user="admin", namespace=namespace)
    assert (written.verb, written.resource, written.name, written.code) == (
        "create",
        "configmaps",
        "list",
        201,
    )


def test_a_client_keeps_its_connection_and_takes_a_new_one_where_the_server_has_closed_it(
    control_plane: ControlPlane, namespace: str
) -> None:
    ann = control_plane.client_of(namespace, "ann")
    assert ann.send("GET", "/readyz")[0] == 200
    (first,) = ann._idle
    assert ann.send("GET", "/livez")[0] == 200
    assert ann._idle == [first]
    first.sock.shutdown(socket.SHUT_RD)  # what it reads from here on is the end
    assert ann.send("GET", "/readyz")[0] == 200
    (second,) = ann._idle
    assert (second is not first, first.sock) == (True, None)


def test_what_etcd_was_given_is_counted(control_plane: ControlPlane, namespace: str) -> None:
    before = control_plane.etcd.written()
    data = {"text": "x" * 50_000}
    control_plane.admin.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": namespace},
            "data": data,
        }
    )
    written = control_plane.etcd.written() - before
    assert written.puts >= 1
    assert written.bytes > 50_000


def test_a_line_that_is_being_written_at_a_mark_is_before_it(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    verbs = ["create", "update", "delete"]
    lines = [
        json.dumps({"user": {}, "verb": verb, "requestURI": "/x", "stageTimestamp": ""}) + "\n"
        for verb in verbs
    ]
    whole = lines[0] + lines[1][:20]
    log.path.write_text(whole, encoding="utf-8")
    within = log.now()
    log.path.write_text(lines[0] + lines[1], encoding="utf-8")
    after = log.now()
    log.path.write_text("".join(lines), encoding="utf-8")
    assert [[each.verb for each in log.since(mark)] for mark in (0, within, after)] == [
        verbs,
        ["delete"],
        ["delete"],
    ]
