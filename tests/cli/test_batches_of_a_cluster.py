"""`ingestctl` and `kubectl ingest` against a real control plane: what a person with the role `view` or `edit`
sees and changes there, and what each obstacle on the way is called."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest_contract.failures import FAILURES, Reason
from ingest_operator.kube.install.rbac import RBAC, user_roles
from testkit.cluster.binaries import program
from testkit.cluster.lives import fails, hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene
from tests.support.command_line import CommandLine
from tests.support.command_page import commands_under

NOT_FOUND = FAILURES[Reason.NOT_FOUND].next_step


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CommandLine:
    monkeypatch.setenv("INGEST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return CommandLine(capsys, monkeypatch)


def a_person(scene: Scene, role: str) -> Path:
    """The kubeconfig of somebody who has a role of Kubernetes' own in the namespace, and nothing else."""
    for each in user_roles():
        scene.admin.apply(each)
    scene.plane.token_of(scene.namespace, role)
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": scene.namespace},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "namespace": scene.namespace, "name": role}],
    }
    scene.admin.apply(binding)
    client = scene.plane.client_of(scene.namespace, role)
    path = scene.path().rpartition("/")[0]
    until(lambda: client.send("GET", path)[0] == 200, "the roles are added up and known")
    return scene.plane.kubeconfig_of(scene.namespace, role)


def test_a_batch_is_listed_followed_explained_and_retried_with_the_roles_of_people(
    scene: Scene, command: CommandLine, tmp_path: Path
) -> None:
    scene.play(sequence({0: [fails(Reason.NOT_FOUND)], 1: [fails(Reason.UNDECODABLE)]}))
    scene.operate()
    scene.batch(parallelism=3)
    scene.until_state("CompleteWithFailures")
    view, edit = a_person(scene, "view"), a_person(scene, "edit")
    there = ("-n", scene.namespace, "--kubeconfig", view)

    listed = command("list", *there, "-o", "json")
    (record,) = json.loads(listed.out)
    assert (listed.code, record["name"], record["state"]) == (0, "talks", "CompleteWithFailures")
    assert (record["counts"]["failed"], record["reason"]) == (2, "CompleteWithFailures")
    report = tmp_path / "talks.html"
    assert command("report", "talks", *there, "--to", report).code == 0
    text = report.read_text(encoding="utf-8")
    assert [
        each for each in ("NotFound", "Undecodable", "give its address with <code>") if each not in text
    ] == []
    table = command.plugin("list", *there)
    assert [line.split()[:3] for line in table.out.splitlines()] == [
        ["NAMESPACE", "NAME", "STATE"],
        [scene.namespace, "talks", "CompleteWithFailures"],
    ]

    followed = command("watch", "talks", *there)
    assert followed.code == 1, "something failed"
    assert "CompleteWithFailures: Every recording is final and some failed" in followed.err
    assert "\x1b" not in followed.out + followed.err, "a pipe gets no control codes"

    why = command("why", "talks", *there)
    assert f"1 failed: NotFound: {NOT_FOUND}" in why.out
    until(lambda: "CompletedWithFailures" in command("why", "talks", *there).out, "its Events are shown")
    one = command("why", "talks", "0", *there, "-o", "json")
    told = json.loads(one.out)
    assert (told["why"]["reason"], told["why"]["nextStep"]) == ("NotFound", NOT_FOUND)
    (run,) = told["runs"]
    assert (run["number"], run["state"], run["exitCode"]) == (
        1,
        "NotFound",
        FAILURES[Reason.NOT_FOUND].exit_code,
    )
    assert run["node"]

    refused = command("retry", "talks", *there)
    assert refused.code == 1
    assert "may not patch ingestbatches" in refused.err
    assert "ask for the role `edit`" in refused.err
    may = ("-n", scene.namespace, "--kubeconfig", edit)
    for named in ("nothing", "2"):
        wrong = command("retry", "talks", "0", named, *may)
        assert (wrong.code, "nothing is retried: " in wrong.err) == (2, True)
    single = command("retry", "talks", "1", *may)
    assert (single.code, "1 failed recording gets one more pass" in single.err) == (0, True)
    left = scene.until(lambda status: status["counts"].get("succeeded") == 2, "one was retried")
    assert [(each["reason"], each["recordings"]) for each in left["failures"]] == [("NotFound", "0")]
    retried = command("retry", "talks", *may)
    assert (retried.code, "1 failed recording gets one more pass" in retried.err) == (0, True)
    scene.until_state("Complete")
    assert command("watch", "talks", *there).code == 0
    again = command("retry", "talks", "-n", scene.namespace, "--kubeconfig", edit)
    assert (again.code, "nothing failed" in again.err) == (0, True)


def test_every_command_of_the_page_does_what_it_says_through_kubectl_itself(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.play(sequence({0: [fails(Reason.NOT_FOUND)]}))
    scene.operate()
    scene.batch()
    scene.until_state("CompleteWithFailures")
    config = json.loads(scene.plane.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = scene.namespace
    path = scene.plane.kubeconfig.with_name(f"{scene.namespace}.kubeconfig")
    path.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    for name, *arguments in commands_under("In a cluster"):
        assert name == "kubectl"
        done = subprocess.run(
            [program("kubectl"), *arguments], capture_output=True, text=True, check=False, timeout=120
        )
        verb = arguments[1]
        # the log of a pod that is played is not served by a node
        expected = {"watch": (1,), "logs": (0, 1, 2)}.get(verb, (0,))
        assert done.returncode in expected, (arguments, done.stderr)
        assert "Traceback" not in done.stderr


def test_a_batch_is_suspended_and_resumed_and_why_says_so(scene: Scene, command: CommandLine) -> None:
    kubelet = scene.play(sequence({0: [hangs()]}))
    scene.operate()
    scene.batch()
    kubelet.until_running(0, 1)
    there = ("-n", scene.namespace, "--kubeconfig", scene.plane.kubeconfig)
    assert command("suspend", "talks", *there).code == 0
    scene.until_state("Suspending")
    assert command("why", "talks", *there).out.splitlines()[1].startswith("Draining: ")
    assert command("suspend", "talks", "--kill", *there).code == 0
    scene.until_state("Suspended")
    assert command("why", "talks", *there).out.splitlines()[1].startswith("Suspended: ")
    assert command("resume", "talks", *there).code == 0
    scene.until_state("Running")


def test_what_is_in_the_way_is_named_with_the_next_step(
    scene: Scene, command: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scene.batch("my-channel")
    config = scene.plane.kubeconfig
    in_place = ("-n", scene.namespace, "--kubeconfig", config)
    misspelt = command("why", "my-chanel", *in_place)
    assert (misspelt.code, "did you mean my-channel?" in misspelt.err) == (2, True)
    unseen = command("why", "my-channel", *in_place)
    assert (unseen.code, unseen.out.splitlines()[1].split(":")[0]) == (0, "NotSeen")
    for name in ("", "..", "a/b"):
        odd = command("why", name, *in_place)
        assert (odd.code, "my-channel" in odd.err) == (2, True), odd.err
    assert command("list", "-n", "a/b", "--kubeconfig", config).code == 2
    stranger = command("list", "-n", scene.namespace, "--kubeconfig", nobody(scene))
    assert (stranger.code, "ask for the role `view` there" in stranger.err) == (1, True)
    context = command("list", "--kubeconfig", config, "--context", "test")
    assert (context.code, "did you mean tests?" in context.err) == (2, True)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    without = command.plugin("list")
    assert (without.code, "there is no kubeconfig at" in without.err) == (2, True)
    assert "Traceback" not in misspelt.err + stranger.err + context.err + without.err


def nobody(scene: Scene) -> Path:
    return scene.plane.kubeconfig_of(scene.namespace, "nobody")


def test_a_cluster_without_our_kinds_and_one_that_is_gone_are_told_apart(
    scene: Scene, command: CommandLine, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    text = scene.plane.kubeconfig.read_text(encoding="utf-8")
    gone.write_text(text.replace(f":{scene.plane.port}", ":9"), encoding="utf-8")
    silent = command("list", "--kubeconfig", gone)
    assert (silent.code, "does not answer as it should" in silent.err) == (1, True)
    for name in ("a: [", "[]", "{contexts: 7}"):
        gone.write_text(name, encoding="utf-8")
        broken = command("list", "--kubeconfig", gone)
        assert (broken.code, len(broken.err.splitlines())) == (2, 1), broken.err
