"""Definitions that are replaced under a batch at work, by older ones and by newer ones: nothing is lost,
nothing is written again and again, and every time it is told."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ingest_contract.status import IngestBatchStatus
from ingest_operator.kube import requeueing
from ingest_operator.kube.batches.status_store import KubeStatusStore
from testkit.cluster.client import Json
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.control_plane import control_plane as starting
from testkit.cluster.fixtures import a_namespace, definitions
from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.receiver import Receiver, receiving
from testkit.cluster.scene import Scene, condition, final, stalled_by
from tests.support.hurry import hurry

OLD_NAMES = {
    "finalRecordings": "items",
    "recordings": "videos",
    "runs": "tries",
    "run": "try",
    "chargedAttempts": "attempts",
}
"""What fields of a status were called before a recording was a recording."""


@pytest.fixture(scope="module")
def control_plane() -> Iterator[ControlPlane]:
    with starting() as plane:
        plane.install(*definitions())
        yield plane


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def scene(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    hurry(monkeypatch)
    control_plane.install(*definitions())
    with a_namespace(control_plane) as namespace, ExitStack() as ends:
        made = Scene(control_plane, namespace, ends)
        made.secret()
        made.profile()
        yield made


def install(scene: Scene, change: Callable[[Json], Json]) -> None:
    """Definitions whose batches have another status, as soon as the API server goes by them."""
    for definition in definitions():
        if definition["spec"]["names"]["kind"] == "IngestBatch":
            for version in definition["spec"]["versions"]:
                properties = version["schema"]["openAPIV3Schema"]["properties"]
                properties["status"] = change(properties["status"])
        scene.plane.install(definition)


def kept(scene: Scene, field: str) -> Callable[[], bool]:
    """Whether the API server knows a field of a status."""

    def asked() -> bool:
        body = scene.seen()
        status = body.get("status", {}) | {field: body.get("status", {}).get(field, {})}
        path = f"{scene.path()}/status?dryRun=All&fieldValidation=Strict"
        _, answer = scene.admin.send("PUT", path, body | {"status": status})
        return f'unknown field \\"status.{field}' not in answer.decode()

    return asked


def renamed(thing: Any) -> Any:
    """A status, or its schema, with the old names."""
    if isinstance(thing, dict):
        return {OLD_NAMES.get(name, name): renamed(value) for name, value in thing.items()}
    if isinstance(thing, list):
        return [renamed(each) for each in thing]
    return OLD_NAMES.get(thing, thing) if isinstance(thing, str) else thing


def test_a_status_whose_fields_the_new_definitions_drop_loses_no_recording_and_is_reported(
    scene: Scene,
) -> None:
    kubelet = scene.play(sequence({1: [hangs()]}))
    operator = scene.operate()
    scene.batch(parallelism=1)
    kubelet.until_running(1, 1)
    status = scene.until(
        lambda status: status["counts"]["running"] == 1 == final(status)["succeeded"], "one of each"
    )
    operator.stop()
    install(scene, renamed)
    until(lambda: not kept(scene, "finalRecordings")(), "the old ones are there")
    scene.admin.request("PUT", f"{scene.path()}/status", scene.seen() | {"status": renamed(status)})
    assert scene.status()["items"]["succeeded"] == "0"
    install(scene, lambda schema: schema)
    until(kept(scene, "finalRecordings"), "the new ones are there")
    scene.operate()
    scene.until(lambda status: status["counts"]["running"] == 1, "what runs is found")
    kubelet.finish(1, 1)
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], stalled_by(status)) == (3, None)
    assert kubelet.runs() == [(0, 1), (1, 1), (2, 1)], "what its Jobs prove is not done again"
    assert "counted 1 recording as done" in scene.kubectl("get", "events")


def without(field: str) -> Callable[[Json], Json]:
    def changed(schema: Json) -> Json:
        del schema["properties"][field]
        return schema

    return changed


@pytest.mark.parametrize(("field", "has_webhook"), [("progressPercent", False), ("notifications", True)])
def test_definitions_that_lack_a_field_are_reported_once_and_nothing_is_written_again_and_again(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    receiver: Receiver,
    tmp_path: Path,
    field: str,
    *,
    has_webhook: bool,
) -> None:
    monkeypatch.setattr(requeueing, "RESYNC_SECONDS", 0.2)
    wanted: list[IngestBatchStatus] = []
    write = KubeStatusStore.write

    async def counted(self: KubeStatusStore, status: IngestBatchStatus) -> int:
        wanted.append(status)
        return await write(self, status)

    monkeypatch.setattr(KubeStatusStore, "write", counted)
    kubelet = scene.play(sequence({0: [hangs()]}))
    scene.operate(webhook=receiver.folder(tmp_path) if has_webhook else None)
    scene.batch(parallelism=1)
    kubelet.until_running(0, 1)
    scene.until(lambda status: status["counts"]["running"] == 1, "it is known to run")
    install(scene, without(field))
    until(lambda: not kept(scene, field)(), "the older ones are there")
    kubelet.finish(0, 1)
    message = scene.until_stalled("DefinitionsDiffer")["message"]
    assert f'unknown field "status.{field}"' in message
    history, before = scene.history(), len(wanted)
    until(lambda: len(wanted) >= before + 10, "it would write ten times")
    assert history.versions == (), "and writes not once"
    assert len(kubelet.runs()) == 1, "nothing follows from a status that is not kept"
    install(scene, lambda schema: schema)
    status = scene.until_state("Complete")
    assert (final(status)["succeeded"], condition(status, "Stalled")["status"]) == (3, "False")
    assert kubelet.runs() == [(0, 1), (1, 1), (2, 1)]
    if has_webhook:
        until(lambda: bool(receiver.requests), "the end is reported, and nothing that could not be recorded")
    assert [kind for _, kind, _ in receiver.summaries] == ["complete"] * has_webhook
