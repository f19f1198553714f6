"""Posting Events: each once, few in a minute, held back in sum, and never in anybody's way."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from math import inf
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.status import IngestBatchStatus
from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import AlreadyExistsError, BusyError
from ingest_operator.kube.api.resources import BATCHES, EVENTS, Object, Resource
from ingest_operator.kube.telemetry.event_messages import Note, NoteType, exposed
from ingest_operator.kube.telemetry.events import (
    EVENTS_PER_MINUTE,
    MINUTE_SECONDS,
    NOTE_BYTES,
    WAITING_EVENTS,
    EventPoster,
    event_of,
)
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.fixtures import Run
from testkit.objects.builders import NOW, a_run, over
from testkit.objects.statuses import a_status

FREE, HELD = a_status(), a_status(blockers=(Blocker("QuotaExceeded", "exceeded quota: gpus", inf),))
Before = IngestBatchStatus | None


def a_batch(version: int = 1, uid: str = "uid-1", name: str = "talks") -> Object:
    return {"metadata": {"namespace": "default", "name": name, "uid": uid, "resourceVersion": str(version)}}


def failed(*indexes: int) -> IngestBatchStatus:
    return a_status(*(over(a_run(index), Reason.NOT_FOUND) for index in indexes))


class Server:
    """Keeps Events by name as an API server does; `failure` happens before each."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], Object] = {}
        self.failure: Callable[[], None] = lambda: None
        self.open = asyncio.Event()
        self.open.set()

    async def create(self, resource: Resource, namespace: str, body: Object) -> Object:
        assert resource is EVENTS
        await self.open.wait()
        self.failure()
        key = namespace, body["metadata"]["name"]
        if key in self.events:
            raise AlreadyExistsError(409, "AlreadyExists", "it is there")
        self.events[key] = body
        return body

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(event["reason"], event["note"]) for event in self.events.values()]


class Desk:
    """A poster with a clock that stands still, its server, and its counts."""

    def __init__(self) -> None:
        self.now, self.server, self.counts = NOW, Server(), Counter[str]()
        self.version = 0
        self.poster = EventPoster(
            self.server, lambda: self.now, "operator-0", lambda result: self.counts.update([result])
        )

    def accept(self, before: Before, after: IngestBatchStatus, uid: str = "uid-1") -> None:
        self.version += 1
        self.poster.accepted(a_batch(self.version, uid), before, after)

    def posted(self) -> list[tuple[str, str]]:
        """(reason, note) of all Events, once those that wait are posted."""

        async def post() -> None:
            async with self.poster:
                pass

        asyncio.run(post())
        return self.server.told


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_changed_is_posted_and_what_did_not_is_not(desk: Desk) -> None:
    desk.accept(FREE, HELD)
    desk.accept(HELD, HELD)
    desk.accept(HELD, FREE)
    assert [reason for reason, _ in desk.posted()] == ["Stalled", "Recovered"]
    assert desk.counts == {"posted": 2}


def test_the_same_change_reported_twice_is_one_event(desk: Desk) -> None:
    for poster in (desk.poster, Desk().poster):
        poster.accepted(a_batch(7), FREE, HELD)
        desk.poster._waiting.put_nowait(poster._waiting.get_nowait())
    assert [reason for reason, _ in desk.posted()] == ["Stalled"]
    assert desk.counts == {"posted": 1, "repeated": 1}


def test_a_batch_tells_of_its_failures_once_a_minute_and_then_of_all_of_them(desk: Desk) -> None:
    statuses = [failed(*range(count)) for count in range(6)]
    for count in range(1, 5):
        desk.accept(statuses[count - 1], statuses[count])
        desk.now += 10
    desk.now = NOW + MINUTE_SECONDS
    desk.accept(statuses[4], statuses[5])
    desk.now += MINUTE_SECONDS
    desk.accept(statuses[5], statuses[5])
    first, second = desk.posted()
    assert first[1].startswith("youtube:video-00000")
    assert second[1].startswith("4 recordings failed, all with NotFound.")
    assert desk.counts == {"posted": 2, "held": 1}


def test_one_batch_does_not_use_up_what_another_may_say(desk: Desk) -> None:
    desk.accept(failed(), failed(0))
    desk.accept(failed(), failed(1), uid="uid-2")
    assert len(desk.posted()) == 2


def test_a_quota_that_comes_and_goes_is_reported_a_few_times_and_in_the_end_as_it_is(desk: Desk) -> None:
    for _ in range(20):
        desk.accept(FREE, HELD)
        desk.accept(HELD, FREE)
        desk.now += 1
    desk.accept(FREE, HELD)
    desk.now = NOW + MINUTE_SECONDS
    desk.accept(HELD, HELD)
    reasons = [reason for reason, _ in desk.posted()]
    assert reasons == ["Stalled", "Recovered"] * (EVENTS_PER_MINUTE // 2) + ["Stalled"]
    assert desk.counts["posted"] == EVENTS_PER_MINUTE + 1


def test_what_was_held_back_and_came_to_nothing_is_never_reported(desk: Desk) -> None:
    for _ in range(EVENTS_PER_MINUTE // 2 + 1):
        desk.accept(FREE, HELD)
        desk.accept(HELD, FREE)
    desk.now += MINUTE_SECONDS
    desk.accept(FREE, FREE)
    assert len(desk.posted()) == EVENTS_PER_MINUTE


def test_the_end_of_a_batch_is_reported_however_much_was_said_before(desk: Desk) -> None:
    for _ in range(20):
        desk.accept(FREE, HELD)
        desk.accept(HELD, FREE)
    desk.accept(FREE, a_status(over(a_run(0)), count=1))
    assert desk.posted()[-1][0] == "Completed"


def test_a_batch_that_is_gone_is_forgotten(desk: Desk) -> None:
    desk.accept(failed(), failed(0))
    desk.poster.forgotten("uid-1")
    desk.poster.forgotten("uid-1")
    desk.accept(failed(), failed(0))
    assert len(desk.posted()) == 2


@pytest.mark.parametrize("error", [BusyError(503, "ServiceUnavailable", "later"), RuntimeError("a mistake")])
def test_an_event_that_cannot_be_posted_is_reported_and_counted_and_the_next_one_is_posted(
    desk: Desk, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    troubles = [error]

    def once() -> None:
        if troubles:
            raise troubles.pop()

    desk.server.failure = once
    desk.accept(FREE, HELD)
    desk.accept(HELD, FREE)
    with caplog.at_level(logging.WARNING):
        assert [reason for reason, _ in desk.posted()] == ["Recovered"]
    assert desk.counts == {"failed": 1, "posted": 1}
    assert caplog.messages == [f"the Event Stalled of talks is lost: {error}"]


def test_a_server_that_does_not_answer_holds_up_neither_who_tells_nor_the_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest_operator.kube.telemetry.events.GRACE_SECONDS", 0.05)
    desk.server.open.clear()
    for number in range(WAITING_EVENTS + 3):
        desk.accept(FREE, HELD, uid=f"uid-{number}")
    assert desk.counts == {"failed": 3}
    assert desk.posted() == []


LONG = Note("Stalled", NoteType.WARNING, "Größe " * 500, "Start")


@pytest.mark.parametrize("name", ["a", "a" * 253, "a" * 199 + ".b", "a" * 199 + "-b"])
def test_a_real_api_server_takes_every_event(
    control_plane: ControlPlane, api: Api, run: Run, namespace: str, name: str
) -> None:
    spec = {"sources": [{"url": "https://media.example.org/talk.mp4"}]}
    batch = run(
        api.create(
            BATCHES,
            namespace,
            {
                "apiVersion": BATCHES.api_version,
                "kind": BATCHES.kind,
                "metadata": {"name": name},
                "spec": spec,
            },
        )
    )
    run(api.create(EVENTS, namespace, event_of(BATCHES, batch, LONG, NOW, "x" * 128)))
    kept: list[dict[str, Any]] = control_plane.admin.get(f"/api/v1/namespaces/{namespace}/events")["items"]
    (event,) = [each for each in kept if each["involvedObject"].get("uid") == batch["metadata"]["uid"]]
    assert event["involvedObject"] == {
        "apiVersion": BATCHES.api_version, "kind": BATCHES.kind, "namespace": namespace, "name": name,
        "uid": batch["metadata"]["uid"],
    }  # fmt: skip
    assert (event["type"], event["reason"], event["reportingComponent"]) == (
        "Warning",
        "Stalled",
        "video-ingest.dev/operator",
    )
    assert NOTE_BYTES - 4 < len(event["message"].encode()) <= NOTE_BYTES
    assert event["eventTime"] == "2027-01-15T08:00:00.000000Z"


def test_a_batchs_story_in_a_real_cluster_is_reported_once(
    control_plane: ControlPlane, api: Api, run: Run, namespace: str
) -> None:
    spec = {"sources": [{"url": "https://media.example.org/talk.mp4"}]}
    body = {
        "apiVersion": BATCHES.api_version,
        "kind": BATCHES.kind,
        "metadata": {"name": "talks"},
        "spec": spec,
    }
    counts = Counter[str]()

    async def story() -> None:
        batch = await api.create(BATCHES, namespace, body)
        statuses = [None, FREE, HELD, FREE, a_status(over(a_run(0)), count=1)]
        for poster in (
            EventPoster(api, lambda: NOW, f"operator-{number}", lambda result: counts.update([result]))
            for number in range(2)
        ):
            async with poster:
                for number, (before, after) in enumerate(pairwise(statuses)):
                    poster.accepted(
                        batch | {"metadata": batch["metadata"] | {"resourceVersion": str(number)}},
                        before,
                        after,
                    )

    run(story())
    kept = control_plane.admin.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    reasons = [each["reason"] for each in kept if each["regarding"]["name"] == "talks"]
    assert sorted(reasons) == ["Completed", "Planned", "Planned", "Recovered", "Stalled"]
    assert counts == {"posted": 5, "repeated": 5}


@pytest.mark.parametrize(
    "sources",
    [None, [], [None], ["x"], [{}], [{"url": None}], [{"url": "https://h/feed?episode=1"}], [{"volume": {}}]],
)
def test_a_batch_whose_addresses_let_nobody_in_is_not_warned_of(sources: Any) -> None:
    assert exposed(a_batch() | {"spec": {"sources": sources}}, None, FREE) is None
    assert exposed(a_batch(), None, FREE) is None


@pytest.mark.parametrize(
    "url",
    ["https://ann:geheim@h/feed", "https://h/feed?token=geheim", "https://h/a.mp3?X-Amz-Signature=geheim"],
)
def test_a_credential_in_a_batch_is_reported_once_for_each_spec_and_never_shown(
    url: str,
) -> None:
    batch = a_batch() | {"spec": {"sources": [{"url": "https://h/a"}, {"url": url}, {"url": url}]}}
    note = exposed(batch, None, FREE)
    assert note is not None
    assert (note.reason, note.type) == ("CredentialsExposed", NoteType.WARNING)
    assert note.text.startswith("spec.sources[1] and 1 more:")
    assert "geheim" not in note.text
    assert len(note.text.encode()) <= NOTE_BYTES
    assert exposed(batch, FREE, HELD) is None
    newer = FREE.model_copy(update={"observed_generation": FREE.observed_generation + 1})
    assert exposed(batch, FREE, newer) == note
