"""Delays that people have in minutes, in seconds: the same decisions, sooner. Nothing else of the operator is
changed."""

import pytest

from ingest_operator import breaker, fold, nodes, reconcile
from ingest_operator.kube import cluster, loop, plan_steps, planning, refusals

SOON = 1.0


def hurry(patch: pytest.MonkeyPatch) -> None:
    """For an operator in this process, as long as the patch holds."""
    for module, name in (
        (fold, "LATER"), (fold, "DISRUPTION_WAIT"), (breaker, "PROBE_AFTER"), (nodes, "SETTLED"),
        (planning, "LATER"), (planning, "SOON"), (plan_steps, "LONGEST_WAIT"),
        (refusals, "NAME_TAKEN_SECONDS"), (cluster, "RETRY_REFUSED"),
    ):  # fmt: skip
        patch.setattr(module, name, SOON)
    for module, name in ((loop, "APART"), (reconcile, "PASSED_ON")):
        patch.setattr(module, name, 0.2)
    for cause, (reason, _, advice) in refusals.ANSWERS.items():
        patch.setitem(refusals.ANSWERS, cause, (reason, SOON, advice))
