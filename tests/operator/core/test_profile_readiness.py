"""Whether a profile is ready: what contradicts itself, what pods said, and until when that counts."""

import pytest

from ingest_contract.conditions import ConditionType
from ingest_contract.profile import IngestProfileSpec
from ingest_contract.profile_status import ProfileFault
from ingest_operator.core.profile_readiness import Finding, Heard, Past, contradictions, faults_after, ready

NOW = 1_764_000_000.0
SECRET = Finding("CredentialsInvalid", "Secret youtube has no key cookies.txt")
SAYS = Heard("talks", SECRET, at_work=True)
SILENT = Heard("talks", None, at_work=False)
PAST_IT = Heard("talks", None, at_work=True)


def faults(
    *told: Heard, before: tuple[ProfileFault, ...] = (), past: tuple[Past, ...] = (), generation: int = 1
) -> tuple[ProfileFault, ...]:
    return faults_after(before, told, past, generation, NOW)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"runtime": {"device": "Cuda"}, "pods": {"gpu": {"count": 0}}}, "runtime.device is Cuda"),
        ({"pods": {"queuePriorityClass": "high"}}, "pods.queuePriorityClass"),
        ({"pods": {"memory": {"baseMib": 9000, "maxMib": 8000}}}, "pods.memory.baseMib"),
    ],
)
def test_fields_that_contradict_each_other_are_reported(spec: dict, said: str) -> None:
    profile = IngestProfileSpec.from_object(spec)
    (found,) = contradictions(profile, has_gpu=profile.pods.gpu.count > 0)
    assert found.reason == "ProfileInvalid"
    assert said in found.message


def test_nothing_contradicts_itself_in_a_profile_of_defaults() -> None:
    assert list(contradictions(IngestProfileSpec(), has_gpu=True)) == []


def test_what_a_pod_said_stays_while_its_batch_says_so_is_suspended_or_is_gone() -> None:
    told = faults(SAYS)
    assert [(each.reason, each.batch, each.message) for each in told] == [
        ("CredentialsInvalid", "talks", SECRET.message)
    ]
    assert faults(SAYS, before=told) == faults(SILENT, before=told) == faults(before=told) == told


def test_it_ends_when_its_batch_gets_past_it_and_when_the_spec_changes() -> None:
    told = faults(SAYS)
    assert faults(PAST_IT, before=told) == ()
    assert faults(Heard("talks", Finding("ImageUnavailable", "x"), at_work=True), before=told)[0].reason == (
        "ImageUnavailable"
    )
    assert faults(before=told, generation=2) == ()


def test_after_its_batch_is_gone_only_a_pod_that_meets_what_it_met_ends_it() -> None:
    told = faults(SAYS)
    later, earlier = NOW + 60, NOW - 60
    assert faults(before=told, past=(Past(later, fetches=False), Past(earlier, fetches=True))) == told
    assert faults(before=told, past=(Past(later, fetches=True),)) == ()
    namesake = Heard("talks", None, at_work=True, made_at=later)
    assert faults(namesake, before=told) == told
    image = faults(Heard("talks", Finding("ImageUnavailable", "x"), at_work=True))
    assert faults(before=image, past=(Past(later, fetches=False),)) == ()


def test_a_fault_that_a_clock_ahead_has_written_is_of_now_and_ends_like_any_other() -> None:
    (ahead,) = faults_after((), [SAYS], (), 1, NOW + 3 * 86_400)
    told = faults(before=(ahead,))
    assert told == faults(SAYS)
    assert faults(before=told, past=(Past(NOW + 60, fetches=True),)) == ()


def test_a_message_that_differs_in_its_moment_alone_is_no_news() -> None:
    def says(when: str) -> Heard:
        message = f"Renew the Secret. Planning is {when}."
        return Heard("talks", Finding("ModelsUnavailable", message), at_work=True)

    told = faults(says("tried again at 2026-01-31T12:00:00Z"))
    assert told[0].message == "Renew the Secret."
    assert faults_after(told, [says("being tried again")], (), 1, NOW + 600) == told


def test_two_batches_that_say_the_same_are_one_fault_and_the_first_may_say_more() -> None:
    told = faults(SAYS, Heard("nightly", SECRET, at_work=True))
    assert [each.batch for each in told] == ["talks"]
    other = Heard("talks", Finding(SECRET.reason, "Secret proxy is not there"), at_work=True)
    assert [each.message for each in faults(other, before=told)] == ["Secret proxy is not there"]


def test_the_condition_names_the_first_reason_and_says_all_of_them_and_what_could_not_be_looked_up() -> None:
    assert ready([], []) == (ConditionType.READY, True, "AllFound", "")
    kind, holds, reason, message = ready(
        [Finding("ClaimMissing", "One."), Finding("QueueMissing", "Two.")], []
    )
    assert (kind, holds, reason, message) == (ConditionType.READY, False, "ClaimMissing", "One. Two.")
    assert "PriorityClass low" in ready([], ["PriorityClass low"])[3]
    assert len(ready([Finding("ClaimMissing", f"{each}." * 20) for each in range(99)], [])[3]) <= 1024
