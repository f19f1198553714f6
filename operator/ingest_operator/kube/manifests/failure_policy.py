"""The exit codes that end a Job at once: all but success. Pure.

One Job is one run, so no failure starts a second pod. The rules exist for what they leave behind: the Job's
condition names the exit code, or that the cluster took the pod away, even when the pod itself is gone.
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
            # The codes of the failure table are not listed: unforeseen codes are reported as well, and etcd
            # stores the list several times per Job.
            {
                "action": "FailJob",
                "onExitCodes": {"containerName": CONTAINER, "operator": "NotIn", "values": [OK_EXIT]},
            },
        ]
    }
