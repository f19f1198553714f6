"""Which exit codes end a Job at once: all of the failure table's. Pure.

One Job is one try, so no failure starts a second pod. The rules are here for what they leave behind: the Job's condition names the exit
code, or that the cluster took the pod away, also when the pod itself is gone.
"""

from typing import Final

from ingest_contract.failures import FAILURES, OK_EXIT
from ingest_operator.kube.names import CONTAINER
from ingest_operator.kube.resources import Object

MAX_CODES: Final = 255
"""Exit codes of one rule, by the API server's validation."""

MAX_RULES: Final = 20
"""Rules of one policy, by the API server's validation."""


def failure_policy() -> Object:
    """The podFailurePolicy of every Job. The first rule that holds decides: a pod that was taken away did not fail by its own fault."""
    codes = sorted({row.exit_code for row in FAILURES.values() if row.exit_code not in (None, OK_EXIT)})
    chunks = [codes[start : start + MAX_CODES] for start in range(0, len(codes), MAX_CODES)]
    return {"rules": [_TAKEN_AWAY, *({"action": "FailJob", "onExitCodes": _told_by_worker(chunk)} for chunk in chunks)]}


_TAKEN_AWAY: Final = {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def _told_by_worker(codes: list[int]) -> Object:
    return {"containerName": CONTAINER, "operator": "In", "values": codes}
