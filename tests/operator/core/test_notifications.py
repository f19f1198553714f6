"""Which transitions are told, and what is known of telling them: decided from the status alone."""

from dataclasses import dataclass, field
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.conditions import Condition, ConditionStatus, ConditionType, with_conditions
from ingest_contract.notifications import MAX_ATTEMPTS, Delivery, Notification
from ingest_operator.core.conditions import as_conditions
from ingest_operator.core.notifications import (
    MAX_SETTLED_NOTIFICATIONS,
    MAX_WAITING_NOTIFICATIONS,
    TOO_MANY,
    WAITS_SECONDS,
    id_of,
    is_due,
    next_attempt,
    notified,
    of_batch,
    with_attempts,
    with_begun,
)
from ingest_operator.core.timestamps import to_rfc3339
from testkit.objects.builders import NOW

TRACE = "0" * 32
COMPLETE, STALLED, FAILED = ConditionType.COMPLETE, ConditionType.STALLED, ConditionType.FAILED


def conditions(*true: tuple[ConditionType, str], now: float = NOW) -> tuple[Condition, ...]:
    """These hold, and the others do not."""
    held = dict(true)
    drafts = [
        (kind, kind in held, held.get(kind, "No"), f"{kind} it is") for kind in (COMPLETE, FAILED, STALLED)
    ]
    return tuple(as_conditions(drafts, now, generation=1))


def begun(before: tuple[Condition, ...], after: tuple[Condition, ...]) -> list[tuple[str, str]]:
    return [(each.state, each.reason) for each in with_begun((), before, after, TRACE, NOW)]


def one(now: float = NOW) -> tuple[Notification, ...]:
    return with_begun((), (), conditions((COMPLETE, "Succeeded"), now=now), TRACE, now)


def test_a_condition_that_becomes_true_is_reported_with_its_reason_and_words() -> None:
    (found,) = one()
    assert (found.state, found.reason, found.message) == ("Complete", "Succeeded", "Complete it is")
    assert (found.at, found.delivery, found.attempts) == (to_rfc3339(NOW), Delivery.PENDING, 0)
    assert found.id == id_of(TRACE, "Complete", "Succeeded", to_rfc3339(NOW))


def test_one_that_stays_true_is_reported_once_and_one_that_holds_for_another_reason_again() -> None:
    stalled = conditions((STALLED, "ProfileMissing"))
    assert begun((), stalled) == [("Stalled", "ProfileMissing")]
    assert begun(stalled, stalled) == []
    assert begun(stalled, conditions((STALLED, "Throttled"))) == [("Stalled", "Throttled")]
    assert begun(stalled, conditions()) == []


def test_reasons_that_take_turns_are_each_reported_with_the_time_at_which_they_began() -> None:
    status, known = tuple[Condition, ...](), tuple[Notification, ...]()
    for second, reason in enumerate(("Throttled", "ProfileMissing", "Throttled", "ProfileMissing")):
        after = with_conditions(status, conditions((STALLED, reason), now=NOW + second))
        status, known = after, with_begun(known, status, after, TRACE, NOW + second)
    assert [(each.reason, each.at) for each in known] == [
        ("Throttled", to_rfc3339(NOW)),
        ("ProfileMissing", to_rfc3339(NOW + 1)),
        ("Throttled", to_rfc3339(NOW + 2)),
        ("ProfileMissing", to_rfc3339(NOW + 3)),
    ]
    assert len({each.id for each in known}) == 4
    assert [*of_batch(known, TRACE)] == [*known]
    assert status[0].last_transition_time == to_rfc3339(NOW), "the condition itself was true all the time"


def test_a_failed_batch_is_stalled_too_and_that_is_reported_once() -> None:
    assert begun((), conditions((FAILED, "TooMany"), (STALLED, "TooMany"))) == [("Failed", "TooMany")]
    both = conditions((FAILED, "TooMany"), (STALLED, "ProfileMissing"))
    assert begun((), both) == [("Stalled", "ProfileMissing"), ("Failed", "TooMany")]


def test_what_was_recorded_for_another_batch_of_that_name_is_not_reported() -> None:
    assert [*of_batch(one(), TRACE)] == [*one()]
    assert [*of_batch(one(), "1" * 32)] == []


def test_waits_grow_and_after_the_last_attempt_it_is_given_up() -> None:
    known, now = one(), NOW
    for attempt, wait in enumerate(WAITS_SECONDS, start=1):
        assert is_due(known[0], now)
        known = with_attempts(known, {known[0].id: "HTTP 500"}, now)
        assert (known[0].attempts, known[0].problem, known[0].delivery) == (
            attempt,
            "HTTP 500",
            Delivery.PENDING,
        )
        assert not is_due(known[0], now + wait - 1)
        assert next_attempt(known, now) == now + wait
        now += wait
    known = with_attempts(known, {known[0].id: "HTTP 500"}, now)
    assert (known[0].attempts, known[0].delivery) == (MAX_ATTEMPTS, Delivery.GIVEN_UP)
    assert next_attempt(known, now) == inf
    assert len(WAITS_SECONDS) == MAX_ATTEMPTS - 1


def test_the_condition_says_how_far_telling_is() -> None:
    def said(known: tuple[Notification, ...]) -> tuple[bool, str] | None:
        draft = notified(known)
        return None if draft is None else (draft[1], draft[2])

    known = one()
    assert (said(()), said(known)) == (None, (False, "Pending"))
    failing = with_attempts(known, {known[0].id: "HTTP 500"}, NOW)
    assert said(failing) == (False, "Retrying")
    assert "HTTP 500" in (notified(failing) or ("", "", "", ""))[3]
    assert said(with_attempts(known, {known[0].id: ""}, NOW)) == (True, "Delivered")
    lost = failing
    for _ in range(MAX_ATTEMPTS):
        lost = with_attempts(lost, {known[0].id: "HTTP 500"}, NOW)
    assert said(lost) == (False, "GivenUp")
    later = one(NOW + 60)
    assert said((*lost, *with_attempts(later, {later[0].id: ""}, NOW))) == (False, "GivenUp")


def test_more_than_may_wait_are_given_up_oldest_first_and_what_is_over_is_kept_for_a_while() -> None:
    known: tuple[Notification, ...] = ()
    for second in range(MAX_WAITING_NOTIFICATIONS + 2):
        known = (*known, *one(NOW + second))
    known = with_attempts(known, {}, NOW)
    assert [each.delivery for each in known] == [Delivery.GIVEN_UP] * 2 + [
        Delivery.PENDING
    ] * MAX_WAITING_NOTIFICATIONS
    assert known[0].problem == TOO_MANY
    for second in range(30):
        fresh = one(NOW + 100 + second)
        known = with_attempts((*known, *fresh), {fresh[0].id: ""}, NOW)
    assert sum(each.delivery is Delivery.PENDING for each in known) == MAX_WAITING_NOTIFICATIONS
    assert sum(each.delivery is not Delivery.PENDING for each in known) == MAX_SETTLED_NOTIFICATIONS


def test_what_ends_late_is_kept_in_the_write_that_ends_it_and_older_ends_make_room() -> None:
    late, known = one(), one()
    for second in range(MAX_SETTLED_NOTIFICATIONS):
        fresh = one(NOW + 1 + second)
        known = with_attempts((*known, *fresh), {fresh[0].id: ""}, NOW)
    first = known[1].id
    known = with_attempts(known, {late[0].id: ""}, NOW)
    assert (known[0].id, known[0].delivery) == (late[0].id, Delivery.DELIVERED)
    assert len(known) == MAX_SETTLED_NOTIFICATIONS
    assert first not in {each.id for each in known}


def test_however_many_end_at_once_each_is_kept_in_that_write() -> None:
    known: tuple[Notification, ...] = ()
    for second in range(MAX_SETTLED_NOTIFICATIONS + 3):
        known = (*known, *one(NOW + second))
    known = with_attempts(known, dict.fromkeys((each.id for each in known), ""), NOW)
    assert [each.delivery for each in known] == [Delivery.DELIVERED] * (MAX_SETTLED_NOTIFICATIONS + 3)
    assert len(with_attempts(known, {}, NOW)) == MAX_SETTLED_NOTIFICATIONS


def test_of_too_many_none_that_is_on_its_way_is_given_up() -> None:
    known: tuple[Notification, ...] = ()
    for second in range(MAX_WAITING_NOTIFICATIONS + 2):
        known = (*known, *one(NOW + second))
    updated = with_attempts(known, {}, NOW, sending={known[0].id, known[2].id})
    given_up = [each.id for each in updated if each.delivery is Delivery.GIVEN_UP]
    assert given_up == [known[1].id, known[3].id]


@dataclass
class Story:
    """An operator that dies whenever it is told to, and a receiver that keeps what comes."""

    status: tuple[Condition, ...] = ()
    notifications: tuple[Notification, ...] = ()
    held: dict[ConditionType, str] = field(default_factory=dict)
    """What holds, and why, in the last write that was accepted."""
    expected: list[tuple[str, str, str]] = field(default_factory=list)
    """(state, reason, when) of each transition that was written."""
    received: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """By id."""
    outcomes: dict[str, str] = field(default_factory=dict)
    """In the memory of the operator that lives."""
    now: float = NOW

    def change(self, true: list[tuple[ConditionType, str]], *, accepted: bool) -> None:
        """A write that dies before or after it is accepted."""
        after = with_conditions(self.status, conditions(*true, now=self.now))
        updated = with_begun(self.notifications, self.status, after, TRACE, self.now)
        if accepted:
            holds = dict(true)
            self.expected += [
                (kind.value, reason, to_rfc3339(self.now))
                for kind, reason in holds.items()
                if self.held.get(kind) != reason and (kind is not STALLED or holds.get(FAILED) != reason)
            ]
            self.status, self.notifications, self.held = after, updated, holds

    def record(self, *, accepted: bool) -> None:
        updated = with_attempts(self.notifications, self.outcomes, self.now)
        if accepted:
            self.notifications = updated
            self.outcomes.clear()

    def deliver(self, *, takes: bool) -> None:
        for each in of_batch(self.notifications, TRACE):
            if is_due(each, self.now) and each.id not in self.outcomes:
                if takes:
                    self.received[each.id] = (each.state, each.reason, each.at)
                self.outcomes[each.id] = "" if takes else "HTTP 503"


STEPS = st.one_of(
    st.tuples(
        st.just("change"),
        st.lists(st.tuples(st.sampled_from([COMPLETE, STALLED, FAILED]), st.sampled_from("AB")), max_size=3),
        st.booleans(),
    ),
    st.tuples(st.just("record"), st.just([]), st.booleans()),
    st.tuples(st.just("deliver"), st.just([]), st.booleans()),
    st.tuples(st.just("die"), st.just([]), st.booleans()),
)


@given(st.lists(STEPS, max_size=40))
def test_however_often_it_dies_each_transition_that_was_written_is_reported_and_none_that_was_not(
    steps: list[tuple[str, list[tuple[ConditionType, str]], bool]],
) -> None:
    story = Story()
    for step, true, good in steps:
        story.now += 1
        if step == "change":
            story.change(true, accepted=good)
        elif step == "record":
            story.record(accepted=good)
        elif step == "deliver":
            story.deliver(takes=good)
        else:
            story.outcomes.clear()
    for _ in range(2):  # then the receiver is well
        story.now += sum(WAITS_SECONDS)
        story.deliver(takes=True)
        story.record(accepted=True)
    received = [*story.received.values()]
    lost = {
        (each.state, each.reason, each.at)
        for each in story.notifications
        if each.delivery is Delivery.GIVEN_UP
    }
    assert len(set(received)) == len(received), "each transition has one id"
    assert set(story.expected) >= set(received)
    if len(story.expected) <= MAX_WAITING_NOTIFICATIONS:
        assert set(story.expected) - lost <= set(received)
        assert not [each for each in story.notifications if each.delivery is Delivery.PENDING]
    assert all(condition.status in ConditionStatus for condition in story.status)
