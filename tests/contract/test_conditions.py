"""Conditions keep to the API conventions."""

import pytest
from pydantic import ValidationError

from ingest_contract.conditions import Condition, ConditionStatus, ConditionType, with_conditions

T0, T1 = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"


def a_condition(
    kind: ConditionType = ConditionType.STALLED, *, holds: bool = True, at: str = T0, reason: str = "BotCheck"
) -> Condition:
    status = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
    return Condition(type=kind, status=status, reason=reason, last_transition_time=at, observed_generation=1)


def test_the_clock_stays_while_the_status_does_though_the_reason_changes() -> None:
    (after,) = with_conditions([a_condition()], [a_condition(at=T1, reason="RateLimited")])
    assert (after.last_transition_time, after.reason) == (T0, "RateLimited")


def test_the_clock_moves_with_the_status() -> None:
    (after,) = with_conditions([a_condition()], [a_condition(holds=False, at=T1)])
    assert after.last_transition_time == T1


def test_the_clock_survives_the_way_through_json() -> None:
    stored = Condition.model_validate_json(a_condition().to_json())
    assert with_conditions([stored], [a_condition(at=T1)]) == (stored,)


def test_conditions_stand_in_one_order_and_those_that_nobody_speaks_of_stay() -> None:
    old = [a_condition(ConditionType.SUSPENDED), a_condition(ConditionType.COMPLETE)]
    after = with_conditions(old, [a_condition(ConditionType.FAILED), a_condition(ConditionType.COMPLETE)])
    assert [each.type for each in after] == [
        ConditionType.COMPLETE,
        ConditionType.FAILED,
        ConditionType.SUSPENDED,
    ]


def test_no_argument_is_changed() -> None:
    current, wanted = [a_condition()], [a_condition(holds=False, at=T1)]
    with_conditions(current, wanted)
    assert (current, wanted) == ([a_condition()], [a_condition(holds=False, at=T1)])


@pytest.mark.parametrize(
    "reason", ["", "bot check", "1st", "Bot-Check", "x" * 65], ids=lambda text: f"<{text[:9]}>"
)
def test_a_reason_is_one_word_for_machines(reason: str) -> None:
    with pytest.raises(ValidationError):
        a_condition(reason=reason)
