"""An order in two parts: what the kubelet makes of them is the order, whatever stands in it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.order import IngestOrder, Item, read_order
from ingest_contract.order_variables import ORDER_DIGEST_VARIABLE, ORDER_VARIABLE, order_digest
from ingest_contract.pods import PodProfile
from ingest_contract.selection import Reprocess
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_contract.text import legible
from ingest_operator.core.actions import Start
from ingest_operator.kube.manifests.ingest_job import run_job, shared_order_map
from ingest_operator.kube.manifests.order_encoding import (
    MAX_SHARED_BYTES,
    SHARED_VARIABLE,
    OrderTooLargeError,
    in_pods,
    joined,
    split,
)
from ingest_operator.kube.manifests.volumes import PLACE
from testkit.cluster.kubelet_order import expand
from testkit.objects.builders import a_voice
from testkit.objects.manifests import ITEM, OWNER, orders_for, variables, worker_of

LONGEST_VARIABLE = 131_071
"""Bytes of `NAME=value` that Linux takes (MAX_ARG_STRLEN, with the zero at its end)."""

FIRST = Start(7, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$$(A)", "$(A)"),
        ("$(B)", "$(B)"),
        ("$$$(A)", "$1"),
        ("$(A", "$(A"),
        ("5$", "5$"),
        ("$x", "$x"),
        ("$()", "$()"),
    ],
)
def test_the_kubelet_of_these_tests_expands_as_kubernetes_says(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


tricky = st.sampled_from(
    [
        "$(HOME)",
        "$$",
        "$",
        "$(INGEST_SHARED_ORDER)",
        "$(",
        ")",
        "\\",
        '"',
        "\\$",
        "\u0000",
        "\u2028",
        "🎙",
        "é",
        "\\u0024",
    ]
)
texts = st.lists(st.one_of(tricky, st.text(max_size=8)), max_size=10).map("".join)


@given(
    title=texts,
    path=texts,
    channel=texts,
    voice=texts,
    number=st.integers(1, 1_000_000),
    rung=st.integers(0, 3),
)
def test_whatever_titles_and_addresses_hold_the_worker_reads_the_order_that_was_made(
    title: str, path: str, channel: str, voice: str, number: int, rung: int
) -> None:
    item = Item(
        index=3,
        id=f"url:{path.replace(chr(10), '') or 'x'}",
        url=f"https://media.example.org/{path}",
        title=title,
        channel=channel,
    )
    orders = orders_for(voices=[a_voice("ann", f"https://media.example.org/{legible(voice)}")])
    order = orders.to_ingest(item, Start(3, number, 0, rung, 0), PLACE)
    own, shared = split(order)
    assert read_order(expand(own, {SHARED_VARIABLE: shared, "HOME": "/root"})) == order
    assert joined(own, shared) == expand(own, {SHARED_VARIABLE: shared})


@pytest.mark.parametrize("reprocess", Reprocess)
def test_a_jobs_variable_and_the_batchs_map_together_are_the_order(reprocess: Reprocess) -> None:
    orders = orders_for(PodProfile(claims=("recordings",)), batch={"reprocess": reprocess})
    start = Start(7, 2, 1, 1, 0)
    job, shared = run_job(OWNER, orders, ITEM, start), shared_order_map(OWNER, orders, start)
    assert worker_of(job)["envFrom"] == [{"configMapRef": {"name": shared["metadata"]["name"]}}]
    text = expand(variables(job)[ORDER_VARIABLE], shared["data"])
    assert variables(job)[ORDER_DIGEST_VARIABLE] == order_digest(text)
    order = read_order(text)
    assert order == in_pods(orders).to_ingest(ITEM, start, PLACE)
    assert isinstance(order, IngestOrder)
    assert order.fetch.allow.folders == ("/sources/recordings",)


def test_the_map_is_the_same_for_every_item_and_another_when_the_settings_are_or_the_rung() -> None:
    orders = orders_for()
    one = shared_order_map(OWNER, orders, FIRST)
    assert shared_order_map(OWNER, orders, FIRST) == one
    assert one["immutable"] is True
    others = (
        shared_order_map(OWNER, orders_for(model_set="other"), FIRST),
        shared_order_map(OWNER, orders, replace(FIRST, rung=1)),
    )
    assert len({each["metadata"]["name"] for each in (one, *others)}) == 3


def voices_of(bytes_each: int, count: int) -> list[SpeakerProfile]:
    address = "https://media.example.org/" + "a" * (bytes_each - 26)
    return [a_voice(f"v{number}", address) for number in range(count)]


def test_voices_that_fit_into_no_variable_are_refused_with_what_to_do() -> None:
    with pytest.raises(OrderTooLargeError, match="look for fewer voices"):
        shared_order_map(OWNER, orders_for(voices=voices_of(2000, 60)), FIRST)


def test_the_longest_item_beside_the_longest_shared_part_fits_into_one_variable() -> None:
    name = "\\$" * 64
    item = Item(
        index=99_999,
        id=f"url:{name[:124]}",
        url="$" * 2048,
        title="$" * 256,
        channel="\u0001" * 256,
        duration_seconds=10**8,
    )
    orders = orders_for(voices=voices_of(1950, 54))
    own, shared = split(orders.to_ingest(item, Start(99_999, 1_000_000, 0, 3, 0), PLACE))
    assert MAX_SHARED_BYTES * 0.97 < len(shared.encode()) <= MAX_SHARED_BYTES
    assert len(f"{ORDER_VARIABLE}={expand(own, {SHARED_VARIABLE: shared})}".encode()) <= LONGEST_VARIABLE
