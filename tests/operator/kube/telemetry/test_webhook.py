"""Deliveries to a real receiver: signed events on good days, outcomes without an address on all others."""

import asyncio
import os
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from ingest_contract.notifications import Notification, NotifiedState
from ingest_operator.core.notifications import id_of
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.telemetry.cloud_events import NotifiedBatch, SigningKeyError, cloud_event, keys_of
from ingest_operator.kube.telemetry.webhook import CONNECTIONS, Webhook, delivering, working
from testkit.cluster.program import free_port
from testkit.cluster.receiver import KEY, Receiver, attempted, read, receiving
from testkit.objects.builders import NOW

BATCH = NotifiedBatch("media", "talks", "0b3f6c1e-7d2a-4c58-9a51-3f0f7c1d2e4b")
AT = to_rfc3339(NOW)


def a_notification(reason: str = "Succeeded", message: str = "8 of 8, “all” <b>of</b> them") -> Notification:
    identity = id_of("0" * 32, "Complete", reason, AT)
    return Notification(id=identity, state=NotifiedState.COMPLETE, reason=reason, message=message, at=AT)


def ended() -> None:
    """Nobody waits for it."""


def delivered(folder: Path, *reasons: str, clock: Callable[[], float], patience: float = 10.0) -> list[str]:
    """The outcomes of an attempt for each of these."""
    events = [a_notification(reason) for reason in reasons or ("Succeeded",)]

    async def deliver() -> list[str]:
        webhook = Webhook(folder, clock, patience)
        async with working(webhook):
            for each in events:
                webhook.offer(each.id, cloud_event(BATCH, each), ended)
            found = await attempted(webhook, (each.id for each in events))
        return [found[each.id] for each in events]

    return asyncio.run(deliver())


@pytest.fixture
def clock() -> Callable[[], float]:
    """Receivers refuse timestamps that are five minutes off."""
    return time.time


def test_a_receiver_reads_a_cloud_event_whose_signature_holds(
    tmp_path: Path, clock: Callable[[], float]
) -> None:
    with receiving() as receiver:
        assert delivered(receiver.folder(tmp_path), clock=clock) == [""]
    (event,) = receiver.events
    assert event.get_id() == a_notification().id
    assert event.get_type() == "dev.video-ingest.ingestbatch.complete"
    assert event.get_source() == "/apis/video-ingest.dev/v1alpha1/namespaces/media/ingestbatches/talks"
    assert (event.get_subject(), event.get_specversion()) == ("media/talks", "1.0")
    assert event.get_data() == {
        "namespace": "media", "name": "talks", "uid": BATCH.uid, "state": "Complete", "reason": "Succeeded",
        "message": "8 of 8, “all” <b>of</b> them",
    }  # fmt: skip
    headers, body = receiver.requests[0]
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    with pytest.raises(WebhookVerificationError):
        read(headers, body + b" ", KEY)


def test_openssl_comes_to_the_same_signature(tmp_path: Path, clock: Callable[[], float]) -> None:
    with receiving() as receiver:
        delivered(receiver.folder(tmp_path), clock=clock)
    headers, body = receiver.requests[0]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(KEY.removeprefix("whsec_")).hex()
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-binary"]
    digest = subprocess.run(command, input=content, capture_output=True, check=True).stdout
    assert headers["webhook-signature"] == "v1," + b64encode(digest).decode()


def test_while_a_key_is_renewed_both_receivers_find_their_signature(
    tmp_path: Path, clock: Callable[[], float]
) -> None:
    newer = "whsec_" + b64encode(os.urandom(32)).decode()
    with receiving() as receiver:
        folder = receiver.folder(tmp_path)
        (folder / "key").write_text(f"{newer}\n{KEY}\n", encoding="utf-8")
        assert delivered(folder, clock=clock) == [""]
    for key in (newer, KEY):
        assert read(*receiver.requests[0], key).get_id() == a_notification().id


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, ""),
        (202, ""),
        (301, "HTTP 301: redirects are not followed; put the final address into the Secret"),
        (308, "HTTP 308: redirects are not followed; put the final address into the Secret"),
        (401, "HTTP 401"),
        (500, "HTTP 500"),
    ],
)
def test_only_a_2xx_is_a_delivery_and_no_redirect_is_followed(
    tmp_path: Path, clock: Callable[[], float], status: int, outcome: str
) -> None:
    with receiving([status]) as receiver:
        assert delivered(receiver.folder(tmp_path), clock=clock) == [outcome]
    assert len(receiver.requests) == 1


def test_a_receiver_that_does_not_answer_keeps_nobody_else_from_being_reported(
    tmp_path: Path, clock: Callable[[], float]
) -> None:
    with receiving() as receiver:
        receiver.held.clear()
        assert (
            delivered(receiver.folder(tmp_path), "A", "B", clock=clock, patience=0.2)
            == ["no answer within 0.2 s"] * 2
        )


def broken(url: str = "http://127.0.0.1:1/x", key: str = KEY) -> Callable[[Path], Path]:
    return lambda folder: Receiver(url=url, key=key).folder(folder)


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (broken(f"http://127.0.0.1:{free_port()}/T0K3N"), "no connection: Connection refused"),
        (broken("http://nobody.invalid/T0K3N"), "its name is not resolved"),
        (broken("ftp://media/T0K3N"), "the address is no http or https URL: correct it in the Secret"),
        (broken("http://[T0K3N"), "the address is no http or https URL: correct it in the Secret"),
        (broken(""), "the address is no http or https URL: correct it in the Secret"),
        (broken(key="T0K3N"), "the signing key must be whsec_ and the base64 of 24 to 64 random bytes"),
        (broken(key=""), "the signing key is empty"),
        (lambda folder: folder, "the Secret has no readable url"),
    ],
)
def test_whatever_is_wrong_is_reported_in_words_without_address_or_key(
    tmp_path: Path, clock: Callable[[], float], made: Callable[[Path], Path], outcome: str
) -> None:
    assert delivered(made(tmp_path), clock=clock) == [outcome]
    assert "T0K3N" not in outcome


@pytest.mark.parametrize("word", ["whsec_!!!", "whsec_" + b64encode(b"short").decode(), "plain"])
def test_a_key_of_another_form_is_refused_and_not_repeated(word: str) -> None:
    with pytest.raises(SigningKeyError) as refused:
        keys_of(word)
    assert word not in str(refused.value)


def test_what_is_offered_twice_is_reported_once_until_its_outcome_is_recorded(
    tmp_path: Path, clock: Callable[[], float]
) -> None:
    each = a_notification()

    async def deliver(folder: Path) -> None:
        async with delivering(folder, clock) as webhook:
            assert webhook is not None
            for _ in range(3):
                webhook.offer(each.id, cloud_event(BATCH, each), ended)
            await attempted(webhook, [each.id])
            webhook.offer(each.id, cloud_event(BATCH, each), ended)
            webhook.recorded([each.id])
            webhook.offer(each.id, cloud_event(BATCH, each), ended)
            await attempted(webhook, [each.id])

    with receiving() as receiver:
        asyncio.run(deliver(receiver.folder(tmp_path)))
    assert len(receiver.requests) == 2
    assert receiver.requests[0][1] == receiver.requests[1][1], "the same bytes in every attempt"


def test_who_offers_hears_that_the_outcome_is_there(tmp_path: Path, clock: Callable[[], float]) -> None:
    each, heard = a_notification(), list[dict[str, str]]()

    async def deliver(folder: Path) -> None:
        async with delivering(folder, clock) as webhook:
            assert webhook is not None
            webhook.offer(
                each.id, cloud_event(BATCH, each), lambda: heard.append(webhook.problems([each.id]))
            )
            await attempted(webhook, [each.id])

    with receiving([500]) as receiver:
        asyncio.run(deliver(receiver.folder(tmp_path)))
    assert heard == [{each.id: "HTTP 500"}]


def test_what_is_forgotten_is_not_sent_and_leaves_no_outcome(
    tmp_path: Path, clock: Callable[[], float]
) -> None:
    under_way = [a_notification(f"A{number}") for number in range(CONNECTIONS)]
    waiting, last, heard = a_notification("B"), a_notification("C"), list[str]()

    async def deliver(webhook: Webhook, receiver: Receiver) -> None:
        for each in (*under_way, waiting):
            webhook.offer(each.id, cloud_event(BATCH, each), partial(heard.append, each.id))
        await asyncio.to_thread(receiver.came, CONNECTIONS)
        assert {*webhook.sending} == {each.id for each in under_way}
        webhook.forget([under_way[0].id, waiting.id])
        webhook.offer(last.id, cloud_event(BATCH, last), partial(heard.append, last.id))
        receiver.held.set()
        await attempted(webhook, [last.id, *(each.id for each in under_way[1:])])
        assert webhook.problems([under_way[0].id, waiting.id]) == {}
        webhook.forget([last.id])
        assert webhook.problems([last.id]) == {}

    async def live(receiver: Receiver) -> None:
        async with delivering(receiver.folder(tmp_path), clock) as webhook:
            assert webhook is not None
            await deliver(webhook, receiver)

    with receiving() as receiver:
        receiver.held.clear()
        asyncio.run(live(receiver))
    reasons = sorted(reason for _, _, reason in receiver.summaries)
    assert reasons == [*(each.reason for each in under_way), "C"]
    assert sorted(heard) == sorted([last.id, *(each.id for each in under_way[1:])])


def test_where_none_is_configured_nobody_is_reported() -> None:
    async def none() -> None:
        async with delivering(None, lambda: NOW) as webhook:
            assert webhook is None

    asyncio.run(none())
