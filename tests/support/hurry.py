"""Delays that people have in minutes, in seconds: the same decisions, sooner. Nothing else of the operator is
changed."""

import pytest

from ingest_operator import reconcile
from ingest_operator.core import breaker, fold, nodes
from ingest_operator.kube import workqueue
from ingest_operator.kube.api import refusals
from ingest_operator.kube.batches import job_cluster
from ingest_operator.kube.planning import next_step, planner

SOON = 1.0


def hurry(patch: pytest.MonkeyPatch) -> None:
    """For an operator in this process, as long as the patch holds."""
    for module, name in (
        (fold, "LATER"), (fold, "DISRUPTION_WAIT"), (breaker, "PROBE_AFTER"), (nodes, "SETTLED"),
        (planner, "LATER"), (planner, "SOON"), (next_step, "LONGEST_WAIT"),
        (refusals, "NAME_TAKEN_SECONDS"), (job_cluster, "RETRY_REFUSED"),
    ):  # fmt: skip
        patch.setattr(module, name, SOON)
    for module, name in ((workqueue, "APART"), (reconcile, "PASSED_ON")):
        patch.setattr(module, name, 0.2)
    for cause, (reason, _, advice) in refusals.ANSWERS.items():
        patch.setitem(refusals.ANSWERS, cause, (reason, SOON, advice))
