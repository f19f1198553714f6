"""The text of an order, in two parts: what all recordings of a batch on one rung share, and what belongs to
one recording. Pure.

Each Job and pod is written to etcd several times, and most of an order is the same for every recording. So
the shared part is stored once, in a ConfigMap, and the kubelet inserts it into the recording's own part: it
expands `$(NAME)` in the value of a variable, for variables that are listed before it.
"""

from dataclasses import replace
from typing import Final

from ingest_contract.order import FetchOrder, IngestOrder, PlanOrder
from ingest_operator.core.orders import Orders
from ingest_operator.core.site_access import access_to
from ingest_operator.kube.manifests.site_secrets import path_of
from ingest_operator.kube.manifests.sources import with_claims_allowed

SHARED_VARIABLE: Final = "INGEST_SHARED_ORDER"
"""The environment variable with the shared part, listed before the one with the order."""

MAX_SHARED_BYTES: Final = 110_000
"""Bytes of the shared part. Linux takes 131,072 for one variable,
and the longest part of one recording needs 20,000."""

MAX_PLAN_ORDER_BYTES: Final = 1_000_000
"""Bytes of a plan's order: a ConfigMap takes 1,048,576."""

_SHARED: Final = {
    *("kind", "trace_id", "batch", "profile", "settings", "runtime", "fetch", "artifacts_since", "place")
}


class OrderTooLargeError(ValueError):
    """The order is too large for a worker; the message says what to leave out."""


def split(order: FetchOrder | IngestOrder) -> tuple[str, str]:
    """(the recording's own text, the text that it shares with the batch's other recordings): expanded, they
    are the order's JSON.

    A `$` in the recording's own text is escaped as JSON allows, so that the kubelet finds nothing else to
    expand. The shared part is not expanded at all.
    """
    shared = order.model_dump_json(include=_SHARED, exclude_none=True).removeprefix("{")
    own = order.model_dump_json(exclude=_SHARED, exclude_none=True, exclude_defaults=True).removesuffix("}")
    return own.replace("$", r"\u0024") + f",$({SHARED_VARIABLE})", _fitting(shared)


def joined(own: str, shared: str) -> str:
    """The order that the kubelet makes of both parts."""
    return own.removesuffix(f"$({SHARED_VARIABLE})") + shared


def plan_text(order: PlanOrder) -> str:
    """A plan's order, as it is stored in a ConfigMap. Raises `OrderTooLargeError`."""
    text = order.to_json()
    if (size := len(text.encode())) > MAX_PLAN_ORDER_BYTES:
        raise OrderTooLargeError(
            f"the order to plan {len(order.sources)} sources, "
            f"with {len(order.known)} recordings planned before, has {size} bytes, "
            f"and a ConfigMap takes {MAX_PLAN_ORDER_BYTES}: put fewer sources into one batch"
        )
    return text


def in_pods(orders: Orders) -> Orders:
    """The orders as pods get them: files on the claims that the profile mounts may be read, and secrets of
    sites are files."""
    profile = orders.profile
    return replace(
        orders,
        access=access_to(profile.fetch.sites, path_of),
        profile=profile.model_copy(update={"fetch": with_claims_allowed(profile.fetch, profile.pods.claims)}),
    )


def _fitting(shared: str) -> str:
    if (size := len(shared.encode())) > MAX_SHARED_BYTES:
        raise OrderTooLargeError(
            f"what all orders of the batch share has {size} bytes, "
            f"and an environment variable takes {MAX_SHARED_BYTES} of them: look for fewer voices "
            "(`spec.speakers.profiles`), or enrol them with fewer recordings or shorter addresses"
        )
    return shared
