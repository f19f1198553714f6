"""The podFailurePolicy: every code that the worker can end with is told by the Job itself."""

from ingest_operator.kube.manifests.failure_policy import failure_policy

RULES = failure_policy()["rules"]


def test_a_job_tells_every_exit_code_but_that_of_success() -> None:
    codes = [rule["onExitCodes"] for rule in RULES if "onExitCodes" in rule]
    assert codes == [{"containerName": "worker", "operator": "NotIn", "values": [0]}]


def test_a_pod_that_was_taken_away_is_reported_as_that_before_its_exit_code() -> None:
    assert RULES[0]["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]


def test_no_rule_starts_a_second_pod() -> None:
    assert {rule["action"] for rule in RULES} == {"FailJob"}
