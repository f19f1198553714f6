"""Work orders: what is written is read, and what is not understood is refused."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from ingest_contract.order import Item, PlannedSource, PlanOrder, read_order
from ingest_contract.place import Place
from ingest_contract.profile import IngestProfileSpec
from ingest_operator.core.actions import Start
from ingest_operator.core.orders import Machine, Orders, runtime_of, settings_of
from testkit.objects.builders import TRACE, a_batch, an_item

PLACE = Place(models="/models", scratch="/scratch/1", receipt="/dev/termination-log", progress_port=9090)


def orders() -> Orders:
    batch, profile = a_batch(), IngestProfileSpec()
    return Orders(
        batch,
        profile,
        settings_of(batch, profile, ()),
        runtime_of(profile, Machine(has_gpu=True, cores=8), 2),
        TRACE,
    )


INGEST = orders().to_ingest(an_item(), Start(0, 2, 1, 1, 0), PLACE)
RUNTIME: dict[str, Any] = json.loads(INGEST.to_json())["runtime"]
PLAN = orders().to_plan(
    (PlannedSource(url="https://media.example.org/talks"),),
    {"talks": "/sources/talks"},
    (an_item(0), an_item(1)),
    PLACE,
)


@pytest.mark.parametrize("order", [INGEST, PLAN], ids=["ingest", "plan"])
def test_an_order_is_read_as_it_was_written(order: Any) -> None:
    assert read_order(order.to_json()) == order


def test_a_value_is_read_from_an_object_as_from_its_text_and_no_number_is_taken_for_a_text() -> None:
    written = json.loads(PLAN.to_json())
    assert PlanOrder.from_object(written) == PLAN
    with pytest.raises(ValidationError):
        PlanOrder.from_object(written | {"batch": 7})
    with pytest.raises(TypeError):
        PlanOrder.from_object(written | {"batch": object()})


def test_an_order_says_which_run_it_is_and_what_it_runs_with() -> None:
    written = json.loads(INGEST.to_json())
    assert (written["kind"], written["run"], written["batch"]) == ("Ingest", 2, "default/talks")
    assert written["runtime"]["transcriptionBatch"] == 4
    assert (written["runtime"]["together"], written["runtime"]["preload"]) == (True, True)


def test_a_plan_goes_on_where_the_last_one_ended() -> None:
    assert (PLAN.first_index, PLAN.known) == (2, (an_item(0).id, an_item(1).id))


def without(field: str) -> dict[str, Any]:
    """The runtime of an order that an operator froze into a Job before there was such a field."""
    return {name: value for name, value in RUNTIME.items() if name != field}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"mood": "good"}, id="a field of another version"),
        pytest.param({"kind": "Relabel"}, id="a kind of another version"),
        pytest.param({"kind": None}, id="no kind"),
        pytest.param({"run": 0}, id="no try"),
        pytest.param({"run": "2"}, id="a text for a number"),
        pytest.param({"traceId": "abc"}, id="half a trace"),
        pytest.param({"item": {"index": 0, "id": "no-colon", "url": "x"}}, id="an id without its origin"),
        pytest.param({"runtime": None}, id="no runtime"),
        pytest.param({"runtime": without("together")}, id="nothing said about sharing the GPU"),
        pytest.param({"runtime": without("preload")}, id="nothing said about loading early"),
        pytest.param({"rung": 2}, id="a rung, for the worker to know what it means"),
    ],
)
def test_an_order_that_this_version_does_not_understand_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read_order(json.dumps(json.loads(INGEST.to_json()) | change))


@pytest.mark.parametrize("text", ["", "null", "{}", "[]", "not JSON"])
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        read_order(text)


@pytest.mark.parametrize(("low", "high"), [(3, 2), (50, 1)])
def test_speakers_are_a_range(low: int, high: int) -> None:
    with pytest.raises(ValidationError, match="min must not be above max"):
        Item.model_validate(an_item().model_dump() | {"speakers": {"min": low, "max": high}})


def test_the_largest_plan_that_can_be_ordered_still_fits_into_an_environment_variable() -> None:
    """Linux takes 128 kB per variable (MAX_ARG_STRLEN, 32 pages)."""
    long = an_item().model_copy(
        update={"title": "t" * 256, "channel": "c" * 256, "url": "https://x/" + "u" * 2038}
    )
    order = orders().to_ingest(long, Start(99_999, 10_000, 19, 3, 10), PLACE)
    assert len(order.to_json()) < 131_072
