"""Delays that people have in minutes, in seconds: the same decisions, sooner.
Nothing else of the operator is changed."""

import pytest

from ingest_operator import reconcile
from ingest_operator.core import breaker, nodes, retries, sites
from ingest_operator.kube import workqueue
from ingest_operator.kube.api import refusals
from ingest_operator.kube.batches import refused_starts
from ingest_operator.kube.planning import next_step, planner

SOON = 1.0


def hurry(patch: pytest.MonkeyPatch) -> None:
    """For an operator in this process, as long as the patch holds."""
    for module, name in (
        (retries, "RETRY_LATER_SECONDS"),
        (retries, "DISRUPTION_WAIT_SECONDS"),
        (breaker, "PROBE_AFTER_SECONDS"),
        (sites, "PROBE_AFTER_SECONDS"),
        (nodes, "SETTLED_SECONDS"),
        (planner, "SOURCES_RETRY_SECONDS"),
        (planner, "LOG_RETRY_SECONDS"),
        (next_step, "LONGEST_WAIT_SECONDS"),
        (refusals, "NAME_TAKEN_SECONDS"),
        (refused_starts, "RETRY_REFUSED_SECONDS"),
    ):
        patch.setattr(module, name, SOON)
    for module, name in ((workqueue, "APART_SECONDS"), (reconcile, "PASSED_ON_SECONDS")):
        patch.setattr(module, name, 0.2)
    for cause, (reason, _, advice) in refusals.ANSWERS.items():
        patch.setitem(refusals.ANSWERS, cause, (reason, SOON, advice))
