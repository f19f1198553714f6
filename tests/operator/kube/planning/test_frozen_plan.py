"""Frozen plans: what goes into ConfigMaps comes out of them,
whole or with an error that says which one is damaged."""

import asyncio
import base64
import copy
import gzip
import hashlib
import json
import random
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.order import Item, PlannedSource
from ingest_contract.plan_document import PlanDocument, SkipReason
from ingest_contract.status import IngestBatchStatus, PlanStatus
from ingest_operator.core.timestamps import to_rfc3339
from ingest_operator.kube.api.errors import NotFoundError
from ingest_operator.kube.api.names import plan_map_name
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.manifests.plan_job import plan_order_map
from ingest_operator.kube.planning import frozen_plan
from ingest_operator.kube.planning.freeze import read_frozen
from ingest_operator.kube.planning.frozen_plan import (
    MAX_INFLATED_BYTES,
    FrozenPlan,
    PlanDamagedError,
    digest_of,
    digest_of_document,
    require_all,
    to_config_maps,
)
from testkit.objects.builders import NOW, items
from testkit.objects.manifests import ITEM, OWNER, orders_for

SMALL = 256
"""Bytes of a part, so that a plan of a few items has several."""

SETTINGS = orders_for().settings


def a_frozen_plan(
    number: int = 0, recordings: tuple[Item, ...] = (), sources: int = 1, at: float = NOW
) -> FrozenPlan:
    return FrozenPlan(
        sources=sources,
        document=PlanDocument(items=recordings),
        number=number,
        at=to_rfc3339(at),
        settings=SETTINGS,
    )


class Maps:
    """An API server that has these ConfigMaps."""

    def __init__(self, maps: Iterable[Object]) -> None:
        self._maps = {each["metadata"]["name"]: each for each in maps}

    async def get(self, _: object, __: str, name: str) -> Object:
        if name not in self._maps:
            raise NotFoundError(404, "NotFound", name)
        return self._maps[name]


def read_back(maps: Iterable[Object]) -> tuple[FrozenPlan, ...]:
    with mock.patch.object(frozen_plan, "MAX_PARTS", 1000):  # as many as small parts may be
        return asyncio.run(read_frozen(Maps(maps), OWNER))  # type: ignore[arg-type]  # it asks for nothing else


def in_small_parts(plan: FrozenPlan) -> tuple[Object, ...]:
    with mock.patch.object(frozen_plan, "PART_BYTES", SMALL):
        return to_config_maps(OWNER, plan)


plans = st.builds(
    FrozenPlan,
    sources=st.integers(1, 100),
    document=st.builds(
        PlanDocument,
        items=st.lists(st.text(max_size=40), max_size=40).map(
            lambda titles: tuple(
                Item(**ITEM.model_dump() | {"index": index, "title": title})
                for index, title in enumerate(titles)
            )
        ),
        skip_counts=st.dictionaries(st.sampled_from(SkipReason), st.integers(0, 1000)),
    ),
    number=st.just(0),
    at=st.just(to_rfc3339(NOW)),
    settings=st.just(SETTINGS),
)


def renumbered(plans: list[FrozenPlan]) -> Iterator[FrozenPlan]:
    """One after the other, with indexes that go on."""
    first = 0
    for number, plan in enumerate(plans):
        moved = tuple(item.model_copy(update={"index": first + item.index}) for item in plan.document.items)
        yield replace(plan, number=number, document=plan.document.model_copy(update={"items": moved}))
        first += len(moved)


@given(st.lists(plans, max_size=3), st.randoms(use_true_random=False))
def test_plans_come_back_as_they_were_in_whatever_order_their_parts_are_listed(
    given: list[FrozenPlan], chance: random.Random
) -> None:
    numbered = tuple(renumbered(given))
    maps = [part for plan in numbered for part in in_small_parts(plan)]
    chance.shuffle(maps)
    assert read_back(json.loads(json.dumps(maps))) == numbered


def test_a_plan_that_was_cut_off_anywhere_between_its_parts_is_no_plan_yet() -> None:
    parts = in_small_parts(a_frozen_plan(recordings=items(200)))
    assert len(parts) > 3
    for made in range(len(parts)):
        assert read_back(parts[:made]) == ()
    assert len(read_back(parts)) == 1


def test_parts_of_an_attempt_that_was_cut_off_never_mix_with_those_of_the_next() -> None:
    first, second = a_frozen_plan(recordings=items(200)), a_frozen_plan(recordings=items(190), at=NOW + 60)
    remains = in_small_parts(first)[:-1]
    assert read_back((*remains, *in_small_parts(second))) == (second,)
    names = [part["metadata"]["name"] for part in (*remains, *in_small_parts(second))]
    assert len(names) == len(set(names))


def test_of_two_attempts_that_were_finished_only_one_can_have_the_first_part() -> None:
    first, second = (in_small_parts(a_frozen_plan(recordings=items(count)))[-1] for count in (3, 4))
    assert first["metadata"]["name"] == second["metadata"]["name"] == plan_map_name(OWNER, 0, 0)


def test_the_same_plan_is_frozen_into_the_same_config_maps() -> None:
    assert in_small_parts(a_frozen_plan(recordings=items(50))) == in_small_parts(
        a_frozen_plan(recordings=items(50))
    )


def test_a_part_that_is_gone_is_named_with_what_to_do() -> None:
    parts = in_small_parts(a_frozen_plan(recordings=items(200)))
    for gone in parts[:-1]:
        rest = [part for part in parts if part is not gone]
        with pytest.raises(
            PlanDamagedError,
            match=rf"ConfigMap {gone['metadata']['name']} is gone: part .* Restore it from a backup",
        ):
            read_back(rest)


def test_a_plan_that_is_gone_from_between_others_is_named() -> None:
    maps = [
        part
        for number in range(3)
        for part in in_small_parts(a_frozen_plan(number, items(2 * number + 2)[2 * number :], number + 1))
    ]
    known = counted(read_back(maps))
    rest = [part for part in maps if part["metadata"]["name"] != plan_map_name(OWNER, 1, 0)]
    with pytest.raises(PlanDamagedError, match="The status counts 3 planned sources"):
        require_all(read_back(rest), known)


def test_a_plan_that_does_not_follow_the_one_before_it_is_none_of_the_batch() -> None:
    maps = [
        part for number in range(2) for part in in_small_parts(a_frozen_plan(number, items(2), number + 1))
    ]
    with pytest.raises(PlanDamagedError, match="does not follow the one before it"):
        read_back(maps)


def test_a_plan_that_is_larger_than_any_is_refused_before_it_fills_the_memory() -> None:
    bomb = gzip.compress(b"0" * (4 * MAX_INFLATED_BYTES))
    (only,) = to_config_maps(OWNER, a_frozen_plan(recordings=items(2)))
    only["binaryData"], only["data"]["sha256"] = (
        {"plan.json.gz": base64.b64encode(bomb).decode()},
        hashlib.sha256(bomb).hexdigest(),
    )
    tracemalloc.start()
    with pytest.raises(PlanDamagedError, match="more than 8388608 bytes"):
        read_back((only,))
    assert tracemalloc.get_traced_memory()[1] < 3 * MAX_INFLATED_BYTES
    tracemalloc.stop()


def test_a_plan_that_was_never_compressed_is_reported_as_damaged() -> None:
    (only,) = to_config_maps(OWNER, a_frozen_plan(recordings=items(2)))
    text = b'{"sources":1}'
    only["binaryData"], only["data"]["sha256"] = (
        {"plan.json.gz": base64.b64encode(text).decode()},
        hashlib.sha256(text).hexdigest(),
    )
    with pytest.raises(PlanDamagedError, match="holds no gzip"):
        read_back((only,))


def test_a_plan_of_more_parts_than_one_can_have_is_refused_before_they_are_asked_for() -> None:
    (only,) = to_config_maps(OWNER, a_frozen_plan(recordings=items(2)))
    only["data"]["of"] = "100000"
    with pytest.raises(PlanDamagedError, match="is said to be one of 100000 parts"):
        asyncio.run(read_frozen(Maps((only,)), OWNER))  # type: ignore[arg-type]  # it asks for nothing else


def test_maps_that_somebody_else_has_laid_beside_a_plan_are_not_read() -> None:
    (only,) = to_config_maps(OWNER, a_frozen_plan(recordings=items(2)))
    foreign = copy.deepcopy(only) | {
        "metadata": only["metadata"] | {"name": plan_map_name(OWNER, 1, 0), "ownerReferences": []}
    }
    assert len(read_back((only, foreign))) == 1


def counted(plans: tuple[FrozenPlan, ...], **said: Any) -> IngestBatchStatus:
    found = {"sources": plans[-1].sources, "recordings": 2, "media_seconds": 0, "digest": digest_of(plans)}
    return IngestBatchStatus(plan=PlanStatus(**found | said))


def test_a_status_that_counts_by_another_plan_is_not_gone_by() -> None:
    (one,) = read_back(to_config_maps(OWNER, a_frozen_plan(recordings=items(2))))
    (other,) = read_back(to_config_maps(OWNER, a_frozen_plan(recordings=items(3))))
    more = replace(other, number=1, sources=2)
    for status in (None, counted((one,)), counted((one,), digest=None)):
        require_all((one,), status)
        require_all((one, more), status)
    with pytest.raises(PlanDamagedError, match="is not the one by which the status counts 2 recordings"):
        require_all((other,), counted((one,)))
    with pytest.raises(PlanDamagedError, match="counts 2 planned sources; the ConfigMaps"):
        require_all((one,), counted((one, more)))


def items_written(plan: FrozenPlan) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(plan.document.to_json())["items"]
    return found


def maps_of(plan: FrozenPlan, document: dict[str, Any]) -> tuple[Object, ...]:
    """The plan's one ConfigMap, as a version would have written it that knew fewer fields."""
    (only,) = to_config_maps(OWNER, plan)
    content = json.loads(gzip.decompress(base64.b64decode(only["binaryData"]["plan.json.gz"]))) | {
        "document": document
    }
    body = gzip.compress(json.dumps(content).encode())
    only["binaryData"], only["data"]["sha256"] = (
        {"plan.json.gz": base64.b64encode(body).decode()},
        hashlib.sha256(body).hexdigest(),
    )
    return (only,)


def test_a_plan_is_known_by_what_was_written_and_not_by_what_a_version_makes_of_it() -> None:
    plan = a_frozen_plan(recordings=items(2))
    (known,) = read_back(to_config_maps(OWNER, plan))
    assert known.digest == digest_of_document(json.loads(plan.document.to_json()))
    shorter = {
        "items": [
            {key: value for key, value in item.items() if key != "title"} for item in items_written(plan)
        ]
    }
    (from_before,) = read_back(maps_of(plan, shorter))
    assert from_before.document.items[0].title == ""
    assert (
        from_before.digest
        == digest_of_document(shorter)
        != digest_of_document(json.loads(from_before.document.to_json()))
    )


def test_a_part_with_other_content_is_found_out() -> None:
    one, other = (list(in_small_parts(a_frozen_plan(recordings=items(count)))) for count in (200, 190))
    swapped = copy.deepcopy(one)
    swapped[0]["binaryData"] = other[0]["binaryData"]
    with pytest.raises(
        PlanDamagedError,
        match=rf"ConfigMap {plan_map_name(OWNER, 0, 0)} and its further parts .* the sha256 differs",
    ):
        read_back(swapped)


@pytest.mark.parametrize("field", ["binaryData", "data"])
def test_a_part_without_content_is_found_out(field: str) -> None:
    (only,) = to_config_maps(OWNER, a_frozen_plan(recordings=items(2)))
    del only[field]
    with pytest.raises(PlanDamagedError, match="holds no part of a plan, though its name says so"):
        read_back((only,))


def test_a_plan_of_another_version_is_not_taken_for_damaged_bytes() -> None:
    plan = a_frozen_plan(recordings=items(2))
    with mock.patch.object(frozen_plan._Content, "to_json", return_value='{"sources": 1, "shape": "new"}'):
        maps = to_config_maps(OWNER, plan)
    with pytest.raises(PlanDamagedError, match="comes from another version"):
        read_back(maps)


def test_the_order_of_a_plan_is_no_part_of_it() -> None:
    order = plan_order_map(OWNER, orders_for(), (PlannedSource(url="https://media.example.org/"),), (), 0)
    parts = to_config_maps(OWNER, a_frozen_plan(recordings=items(2)))
    assert len(read_back((order, *parts))) == 1


def test_what_is_frozen_is_the_batchs_own_and_cannot_be_changed() -> None:
    for part in in_small_parts(a_frozen_plan(recordings=items(200))):
        assert part["immutable"] is True
        assert part["metadata"]["ownerReferences"] == [OWNER.reference()]
        assert part["metadata"]["labels"]["video-ingest.dev/batch-uid"] == OWNER.uid


def test_ten_thousand_recordings_take_two_or_three_config_maps_far_below_their_limit() -> None:
    chance = random.Random(7)  # noqa: S311 -- titles, not secrets
    words = [f"{chance.getrandbits(30):x}" for _ in range(5000)]
    recordings = tuple(
        Item(
            index=index,
            id=f"youtube:{chance.getrandbits(64):011x}"[:19],
            url=f"https://www.youtube.com/watch?v={chance.getrandbits(64):011x}",
            title=" ".join(chance.choices(words, k=9)),
            duration_seconds=chance.randrange(60, 20_000),
            published_at=to_rfc3339(NOW - chance.randrange(10**8)),
            channel="Database talks",
        )
        for index in range(10_000)
    )
    parts = to_config_maps(OWNER, a_frozen_plan(recordings=recordings))
    sizes = [len(json.dumps(part)) for part in parts]
    assert len(parts) <= 3
    assert sum(sizes) < 1_500_000
    assert all(size < 1_000_000 for size in sizes)
