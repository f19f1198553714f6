"""`ingestctl logs --follow` against a real control plane: its API server passes on what a kubelet serves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ingest_contract.failures import Reason
from testkit.cluster.life import Life
from testkit.cluster.lives import fails, hangs, sequence, succeeds
from testkit.cluster.scene import Scene


def writes(life: Life, *lines: str) -> Life:
    return replace(life, log="".join(f"{line}\n" for line in lines))


@contextmanager
def following(scene: Scene, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "ingestctl", "logs", "talks", *arguments, "-f"]
    place = ["-n", scene.namespace, "--kubeconfig", str(scene.plane.kubeconfig)]
    with subprocess.Popen(
        command + place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_log_of_a_recording_is_followed_through_its_runs_to_its_end(scene: Scene) -> None:
    first, second = writes(hangs(), "run 1 begins"), writes(hangs(), "run 2 begins")
    kubelet = scene.play(sequence({0: [first, second]}, count=1))
    scene.operate()
    scene.batch()
    kubelet.until_running(0, 1)
    with following(scene, "0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline()]
        failed = writes(fails(Reason.UNKNOWN), "run 1 begins", "run 1 is lost")
        kubelet.finish(0, 1, failed)
        lines += [process.stdout.readline(), process.stdout.readline()]
        kubelet.finish(0, 2, writes(succeeds(), "run 2 begins", "run 2 is done"))
        rest, said = process.communicate(timeout=60)
        assert [*lines, rest] == [
            "run 1 begins\n",
            "run 1 is lost\n",
            "run 2 begins\n",
            "run 2 is done\n",
        ], "each line once, in order"
        assert process.returncode == 0
    assert said.splitlines()[-1].endswith(": Succeeded")


def test_a_batch_is_followed_with_its_recordings_in_front(scene: Scene) -> None:
    lives = {index: [writes(hangs(), f"recording {index}")] for index in range(2)}
    kubelet = scene.play(sequence(lives, count=2))
    scene.operate()
    scene.batch(parallelism=2)
    for index in range(2):
        kubelet.until_running(index, 1)
    with following(scene) as process:
        assert process.stdout is not None
        first = sorted(process.stdout.readline().partition("] ")[2] for _ in range(2))
        assert first == ["recording 0\n", "recording 1\n"]
        kubelet.finish(1, 1, writes(succeeds(), "recording 1", "done"))
        assert process.stdout.readline().startswith("[#1 ")
        kubelet.finish(0, 1)
        rest, said = process.communicate(timeout=60)
        assert (rest, process.returncode) == ("", 0)
    assert said.splitlines()[-1] == f"{scene.namespace}/talks: Complete"
