"""The life of a SpeakerProfile on a real control plane: heard once, refused, mended, deleted, forgotten."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import EnrolOrder, ForgetOrder, RenameOrder
from ingest_operator.kube.voices import controller, next_step
from testkit.cluster.client import Json
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.kubelet_order import order_of
from testkit.cluster.life import Life, Script, Stuck
from testkit.cluster.lives import by_default, enrols, fails, forgets
from testkit.cluster.program import until
from testkit.cluster.scene import Scene, final

USED, DISAGREES = None, Reason.VOICES_DISAGREE


def ready(voice: Json) -> Json:
    """The condition that tells whether a voice can be looked for."""
    said = voice.get("status", {}).get("conditions", ())
    found: Json = next((each for each in said if each["type"] == "Ready"), {})
    return found


def is_ready(voice: Json) -> bool:
    return ready(voice).get("status") == "True"


def refuses(reason: str) -> Callable[[Json], bool]:
    return lambda voice: (ready(voice).get("status"), ready(voice).get("reason")) == ("False", reason)


def voices(enrolment: Life | Callable[[EnrolOrder], Life], forgetting: Life | None = None) -> Script:
    """What becomes of the Jobs of voices; all else succeeds."""
    others = by_default()

    def choose(pod: Json) -> Life:
        order = order_of(pod)
        if isinstance(order, EnrolOrder):
            return enrolment(order) if callable(enrolment) else enrolment
        if isinstance(order, ForgetOrder) and forgetting is not None:
            return forgetting
        return others(pod)

    return choose


def heard(kubelet: RunningKubelet) -> list[EnrolOrder]:
    return [order for order in kubelet.orders() if isinstance(order, EnrolOrder)]


def is_gone(scene: Scene, name: str = "ada") -> bool:
    return scene.admin.send("GET", scene.path_of_speaker(name))[0] == HTTPStatus.NOT_FOUND


def test_a_voice_is_heard_once_and_is_ready_also_for_the_next_operator(scene: Scene) -> None:
    kubelet = scene.play()
    scene.speaker("ada", "https://media.example.org/1.mp3", "https://media.example.org/2.mp3")
    operator = scene.operate()
    status = scene.until_speaker(is_ready, "it is ready")["status"]
    until(lambda: scene.events("Ready") == ["2 of 2 recordings are used."], "it is reported")
    operator.stop()
    assert (status["used"], status["refused"], status["seconds"]) == (2, 0, "40.0")
    assert [row["source"][-5:] for row in status["recordings"]] == ["1.mp3", "2.mp3"]
    scene.operate()
    scene.speaker("ben")
    scene.until_speaker(is_ready, "another one is ready", "ben")
    assert [order.voice for order in heard(kubelet)] == ["ada", "ben"]


def test_a_voice_whose_sources_disagree_says_so_and_is_ready_when_they_are_fixed(scene: Scene) -> None:
    scene.play(
        voices(
            lambda order: enrols(*(DISAGREES if len(order.recordings) > 1 else USED,) * len(order.recordings))
        )
    )
    scene.operate()
    scene.speaker("ada", "https://media.example.org/1.mp3", "https://media.example.org/2.mp3")
    voice = scene.until_speaker(refuses("VoicesDisagree"), "its sources disagree")
    assert [row["reason"] for row in voice["status"]["recordings"]] == ["VoicesDisagree"] * 2
    assert "as VoicesDisagree is told" in ready(voice)["message"]
    scene.speaker("ada", "https://media.example.org/1.mp3")
    mended = scene.until_speaker(is_ready, "it is mended")
    assert len(mended["status"]["recordings"]) == 1
    assert mended["status"]["observedGeneration"] == mended["metadata"]["generation"]


def test_a_voice_that_cannot_be_had_now_says_why_and_is_tried_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_step, "FIRST_WAIT_SECONDS", 2.0)
    scene.play(
        voices(
            lambda order: enrols(USED) if order.run > 1 else fails(Reason.DOWNLOAD_FAILED, message="no route")
        )
    )
    scene.operate()
    scene.speaker()
    assert "no route" in ready(scene.until_speaker(refuses("DownloadFailed"), "it says why"))["message"]
    scene.until_speaker(is_ready, "it was tried again")


def test_a_deleted_voice_goes_when_it_is_forgotten_though_the_operator_was_away(scene: Scene) -> None:
    kubelet = scene.play()
    scene.speaker("ada", displayName="Ada Lovelace")
    operator = scene.operate()
    scene.until_speaker(is_ready, "it is ready")
    operator.stop()
    scene.admin.delete(scene.path_of_speaker())
    assert not is_gone(scene)
    scene.operate()
    until(lambda: is_gone(scene), "it is gone")
    [order] = [each for each in kubelet.orders() if isinstance(each, ForgetOrder)]
    assert (order.what, order.key, order.namespace) == ("Voice", "Ada Lovelace", scene.namespace)
    assert "ada" in order.who
    until(lambda: not scene.left(), "nothing of it is left")


def test_a_changed_name_is_followed_by_the_store_before_the_voice_is_ready_again(scene: Scene) -> None:
    kubelet = scene.play()
    scene.speaker("ada", displayName="Ada Byron")
    scene.operate()
    scene.until_speaker(is_ready, "it is ready")
    scene.speaker("ada", displayName="Ada Lovelace")
    scene.until_speaker(
        lambda voice: is_ready(voice) and voice["status"]["voice"] == "Ada Lovelace", "it is ready again"
    )
    names = [
        (type(order).__name__, order.voice)
        for order in kubelet.orders()
        if isinstance(order, EnrolOrder | RenameOrder)
    ]
    assert names == [
        ("EnrolOrder", "Ada Byron"),
        ("RenameOrder", "Ada Lovelace"),
        ("EnrolOrder", "Ada Lovelace"),
    ]
    [rename] = [order for order in kubelet.orders() if isinstance(order, RenameOrder)]
    assert (rename.formerly, rename.namespace) == ("Ada Byron", scene.namespace)


def test_a_deleted_voice_that_cannot_be_forgotten_says_why_and_what_to_do(scene: Scene) -> None:
    scene.play(voices(enrols(USED), fails(Reason.DATABASE_UNAVAILABLE, message="no such host")))
    scene.operate()
    scene.speaker()
    scene.until_speaker(is_ready, "it is ready")
    scene.admin.delete(f"/apis/video-ingest.dev/v1alpha1/namespaces/{scene.namespace}/ingestprofiles/default")
    scene.admin.delete(scene.path_of_speaker())
    message = ready(scene.until_speaker(refuses("ProfileMissing"), "its profile is missing"))["message"]
    assert "video-ingest.dev/forget" in message
    assert "is not forgotten yet" in message
    scene.profile()
    assert (
        "no such host"
        in ready(scene.until_speaker(refuses("DatabaseUnavailable"), "the store is away"))["message"]
    )


def test_a_voice_that_is_deleted_while_it_is_heard_is_not_heard_to_the_end(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller, "GOING_SECONDS", 1.0)
    scene.play(voices(enrols(USED, seconds=None), forgets()))
    scene.operate()
    scene.speaker()
    until(lambda: scene.jobs("enrol"), "it is being heard")
    scene.admin.delete(scene.path_of_speaker())
    until(lambda: is_gone(scene), "it is gone")
    until(lambda: not scene.jobs("enrol"), "nobody hears it any more")


def test_a_batch_waits_for_a_voice_that_nobody_has_heard_yet_and_charges_nobody(scene: Scene) -> None:
    kubelet = scene.play(voices(replace(enrols(USED), stuck=(Stuck("ContainerCreating"),))))
    scene.operate()
    scene.speaker()
    scene.batch()
    assert "ada" in scene.until_stalled("VoiceNotHeard")["message"]
    assert not kubelet.runs()
    kubelet.release()
    status = scene.until_state("Complete")
    assert final(status)["succeeded"] == 3
