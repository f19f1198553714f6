"""The podFailurePolicy: every code that the worker can end with is told by the Job itself."""

from ingest_contract.failures import FAILURES
from ingest_operator.kube.names import CONTAINER
from ingest_operator.kube.policy import failure_policy

RULES = failure_policy()["rules"]
CODES = [rule["onExitCodes"] for rule in RULES if "onExitCodes" in rule]


def test_a_job_fails_at_once_for_every_code_of_the_failure_table() -> None:
    told = [code for each in CODES for code in each["values"]]
    assert told == sorted({row.exit_code for row in FAILURES.values()} - {None, 0})


def test_a_pod_that_was_taken_away_is_told_as_that_before_its_exit_code() -> None:
    assert RULES[0]["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]


def test_no_rule_starts_a_second_pod() -> None:
    assert {rule["action"] for rule in RULES} == {"FailJob"}


def test_the_rules_are_what_kubernetes_accepts() -> None:
    """ValidatePodFailurePolicy: 20 rules, each with one of the two requirements; 255 codes, unique and in order, none of them 0."""
    assert len(RULES) <= 20
    assert all(("onExitCodes" in rule) != ("onPodConditions" in rule) for rule in RULES)
    for each in CODES:
        assert (each["containerName"], each["operator"]) == (CONTAINER, "In")
        assert 0 < len(each["values"]) <= 255
        assert each["values"] == sorted(set(each["values"]))
        assert all(0 < code <= 255 for code in each["values"])
