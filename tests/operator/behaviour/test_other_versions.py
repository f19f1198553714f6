"""What another version left in the cluster: the API server accepts it, this operator cannot read it, and
every time it says so.

The definitions here keep every field, as those of a version to come keep fields that we have never heard of.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ingest_contract.names import API_VERSION
from testkit.cluster.client import Json
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.control_plane import control_plane as starting
from testkit.cluster.fixtures import a_namespace, definitions
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.lives import hangs, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import SOURCE, Scene, condition, final, stalled_by
from tests.support.hurry import hurry


def newer(definition: Json) -> Json:
    """A definition that knows more fields and more values than we do."""
    for version in definition["spec"]["versions"]:
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        for part in {"spec", "status"} & set(properties):
            widen(properties[part])
    return definition


def widen(schema: Json) -> None:
    """Take away what refuses."""
    for word in ("enum", "x-kubernetes-validations"):
        schema.pop(word, None)
    if "properties" in schema:
        schema["x-kubernetes-preserve-unknown-fields"] = True
    for inner in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        widen(inner)


@pytest.fixture(scope="module")
def control_plane() -> Iterator[ControlPlane]:
    with starting() as plane:
        plane.install(*map(newer, definitions()))
        yield plane


@pytest.fixture
def scene(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    hurry(monkeypatch)
    with a_namespace(control_plane) as namespace, ExitStack() as ends:
        made = Scene(control_plane, namespace, ends)
        made.secret()
        made.profile()
        yield made


def one_runs(scene: Scene) -> RunningKubelet:
    """The first of three recordings runs, one at a time."""
    kubelet = scene.play(sequence({0: [hangs()]}))
    scene.operate()
    scene.batch()
    kubelet.until_running(0, 1)
    scene.until(lambda status: status["counts"]["running"] == 1, "it is told")
    return kubelet


def add(scene: Scene, path: str, **status: object) -> None:
    """Fields in a status, as another version writes them."""
    scene.admin.merge(f"{path}/status", {"status": status})


def test_a_field_in_a_spec_that_is_not_known_is_named_and_what_runs_is_recorded(scene: Scene) -> None:
    kubelet = one_runs(scene)
    scene.change(colour={"of": "night"})
    assert "spec.colour: no such field" in scene.until_stalled("SpecUnreadable")["message"]
    kubelet.finish(0, 1)
    scene.until(lambda status: status["counts"]["succeeded"] == 1, "its end is recorded")
    assert kubelet.runs() == [(0, 1)], "nothing starts by what was half understood"
    scene.change(colour=None)
    assert final(scene.until_state("Complete"))["succeeded"] == 3


@pytest.mark.parametrize(
    "change", [{"colour": "red"}, {"reprocess": "Sometimes"}, {"retry": {"maxAttempts": 3, "until": "noon"}}]
)
def test_a_batch_that_cannot_be_read_whole_is_suspended_all_the_same(scene: Scene, change: Json) -> None:
    kubelet = one_runs(scene)
    scene.change(**change)
    scene.until_stalled("SpecUnreadable")
    scene.change(suspend=True, suspendMode="Kill")
    scene.until(lambda status: status["state"] == "Suspended", "it is suspended")
    assert kubelet.runs() == [(0, 1)]


def test_a_batch_of_which_too_little_can_be_read_says_so(scene: Scene) -> None:
    scene.play()
    scene.operate()
    scene.batch(suspend=True)
    scene.until_state("Suspended")
    scene.change(sources=[{"bucket": {"name": "talks"}}])
    assert "spec.sources[0].bucket: no such field" in scene.until_stalled("SpecUnreadable")["message"]


def test_a_field_in_a_status_that_is_not_known_is_named_and_kept_and_a_kill_is_heeded(scene: Scene) -> None:
    kubelet = one_runs(scene)
    add(scene, scene.path(), inventedLater={"fetched": "0-9"})
    assert "inventedLater: no such field" in scene.until_stalled("StatusUnreadable")["message"]
    assert scene.status()["state"] == "Stalled"
    assert scene.status()["inventedLater"] == {"fetched": "0-9"}, "the version that wrote it finds it again"
    scene.change(suspend=True, suspendMode="Kill")
    until(lambda: all(job["spec"]["suspend"] for job in scene.jobs()), "what runs is ended")
    scene.change(suspend=False)
    add(scene, scene.path(), inventedLater=None)
    assert final(scene.until_state("Complete"))["succeeded"] == 3
    assert stalled_by(scene.status()) is None
    assert (0, 2) in kubelet.runs()


def test_a_field_of_a_status_with_another_kind_of_value_is_named(scene: Scene) -> None:
    one_runs(scene)
    rows = scene.status()["recordings"]
    add(scene, scene.path(), recordings=[{**row, "phase": "Fetched"} for row in rows])
    assert "recordings[0]" in scene.until_stalled("StatusUnreadable")["message"]


def test_a_field_in_a_profile_that_is_not_known_is_named_until_it_is_gone(scene: Scene) -> None:
    kubelet = one_runs(scene)
    scene.profile(pods={"gpu": {"count": 0}}, fetch={"later": "Always"})
    message = scene.until_stalled("ProfileUnreadable")["message"]
    assert "IngestProfile 'default': spec.fetch.later: no such field" in message
    kubelet.finish(0, 1)
    scene.until(lambda status: status["counts"]["succeeded"] == 1, "its end is recorded")
    assert kubelet.runs() == [(0, 1)]
    scene.profile()
    assert final(scene.until_state("Complete"))["succeeded"] == 3


def a_schedule(scene: Scene, name: str = "nightly", **spec: object) -> str:
    """The path of a new one."""
    wanted = {"schedule": "* * * * *", "suspend": True, "template": {"spec": {"sources": [SOURCE]}}} | spec
    body = {"apiVersion": API_VERSION, "kind": "IngestSchedule", "metadata": {"name": name}, "spec": wanted}
    return scene.admin.path_of(scene.admin.create(body, scene.namespace))


def stalled(scene: Scene, path: str, reason: str) -> Json:
    """The condition of a schedule, as soon as it has that reason."""

    def seen() -> Json:
        return condition(scene.admin.get(path).get("status", {}), "Stalled")

    until(lambda: seen().get("reason") == reason, f"it is stalled by {reason}")
    return seen()


def test_a_schedule_says_what_of_its_status_or_spec_is_not_known_and_goes_on_when_it_is_gone(
    scene: Scene,
) -> None:
    scene.operate()
    path = a_schedule(scene)
    stalled(scene, path, "NothingHeld")
    add(scene, path, inventedLater=True)
    found = stalled(scene, path, "StatusUnreadable")
    assert (found["status"], "inventedLater" in found["message"]) == ("True", True)
    add(scene, path, inventedLater=None)
    assert stalled(scene, path, "NothingHeld")["status"] == "False"
    scene.admin.merge(path, {"spec": {"colour": "red"}})
    assert "colour" in stalled(scene, path, "InvalidSpec")["message"]
