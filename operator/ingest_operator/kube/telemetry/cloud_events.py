"""A notification as an HTTP request: a CloudEvent in structured JSON, signed. Pure.

CloudEvents 1.0.2 (cloudevents/spec: `formats/json-format.md`, `bindings/http-protocol-binding.md`); its few
attributes are written here, because the SDK adds nothing to one dictionary. The signature is that of Standard
Webhooks 1.0.0 (standard-webhooks/standard-webhooks: `spec/standard-webhooks.md`), which most languages have.
"""

import binascii
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ingest_contract.names import API_VERSION, GROUP
from ingest_contract.notifications import Notification

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"

KEY_PREFIX: Final = "whsec_"
"""In front of a key's base64, by Standard Webhooks."""

KEY_BYTES: Final = range(24, 65)
"""How many bytes a key may have, by Standard Webhooks."""

EVENT_TYPES: Final = ".".join(reversed(GROUP.split(".")))
"""What CloudEvents' types begin with: the group as reverse DNS, as the specification wishes."""


class SigningKeyError(ValueError):
    """What is mounted is no key; the message never repeats it."""


@dataclass(frozen=True, slots=True)
class NotifiedBatch:
    """Whose transition it is."""

    namespace: str
    name: str
    uid: str


def cloud_event(batch: NotifiedBatch, notification: Notification) -> bytes:
    """The body: the same bytes in every attempt."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": notification.id,
            "source": f"/apis/{API_VERSION}/namespaces/{batch.namespace}/ingestbatches/{batch.name}",
            "type": f"{EVENT_TYPES}.ingestbatch.{notification.state.lower()}",
            "subject": f"{batch.namespace}/{batch.name}",
            "time": notification.at,
            "datacontenttype": "application/json",
            "data": {
                "namespace": batch.namespace,
                "name": batch.name,
                "uid": batch.uid,
                "state": notification.state,
                "reason": notification.reason,
                "message": notification.message,
            },
        },
        ensure_ascii=False,
    ).encode()


def keys_of(text: str) -> tuple[bytes, ...]:
    """The keys in a mounted file, one or several with spaces or lines between them: while a key is renewed,
    both sign. Raises `SigningKeyError`."""
    keys = tuple(_key(word) for word in text.split())
    if not keys:
        raise SigningKeyError("the signing key is empty")
    return keys


def _key(word: str) -> bytes:
    wanted = f"{KEY_PREFIX} and the base64 of {KEY_BYTES.start} to {KEY_BYTES.stop - 1} random bytes"
    if not word.startswith(KEY_PREFIX):
        raise SigningKeyError(f"the signing key must be {wanted}")
    try:
        key = b64decode(word.removeprefix(KEY_PREFIX), validate=True)
    except binascii.Error:
        raise SigningKeyError(f"the signing key is no base64; it must be {wanted}") from None
    if len(key) not in KEY_BYTES:
        raise SigningKeyError(f"the signing key has {len(key)} bytes; it must be {wanted}")
    return key


def headers(identity: str, body: bytes, keys: Iterable[bytes], now: float) -> dict[str, str]:
    """The headers of a request at `now`, in epoch seconds: `webhook-signature` has one signature for each
    key."""
    moment = str(int(now))
    content = b".".join((identity.encode(), moment.encode(), body))
    signatures = (b64encode(hmac.new(key, content, sha256).digest()).decode() for key in keys)
    return {
        "Content-Type": CONTENT_TYPE,
        "webhook-id": identity,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }
