"""Which exit codes end a Job at once: all but success. Pure.

One Job is one try, so no failure starts a second pod. The rules are here for what they leave behind: the
Job's condition names the exit code, or that the cluster took the pod away, also when the pod itself is gone.
"""

from ingest_contract.failures import OK_EXIT
from ingest_operator.kube.api.names import CONTAINER
from ingest_operator.kube.api.resources import Object


def failure_policy() -> Object:
    """The podFailurePolicy of every Job. The first rule that holds decides: a pod that was taken away did not
    fail by its own fault."""
    return {
        "rules": [
            {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            # The failure table is not listed: codes that nobody foresaw are told as well, and etcd keeps the
            # list several times per Job.
            {
                "action": "FailJob",
                "onExitCodes": {"containerName": CONTAINER, "operator": "NotIn", "values": [OK_EXIT]},
            },
        ]
    }
