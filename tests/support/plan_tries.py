"""Tries of a plan as the decisions see them, without Jobs and pods behind them."""

from dataclasses import replace
from typing import Any

from ingest_contract.failures import Reason
from ingest_contract.receipt import PlanSummary, Receipt
from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.planning.attempts import PlanAttempt, PlanRequest
from testkit.objects.builders import NOW, a_failure, a_run, ended_by, over

REQUEST = PlanRequest("0", "order-a", "job-a")
MENDED = PlanRequest("0", "order-a", "job-b")
FINISHED = Receipt(result="Succeeded", seconds=3.0, plan=PlanSummary(items=0, sha256="0" * 64))


def a_live_try(
    number: int = 1, asked: PlanRequest | None = REQUEST, blocker: Blocker | None = None
) -> PlanAttempt:
    """A plan Job whose pod runs, or cannot begin."""
    name = f"talks-plan-0-{number}"
    return PlanAttempt(
        {"metadata": {"name": name, "uid": f"uid-{number}"}},
        f"{name}-x4k2p",
        a_run(0, number),
        asked,
        blocker,
    )


def a_success(number: int = 1, **fields: Any) -> PlanAttempt:
    return _over(a_live_try(number), NOW + 60, None, FINISHED, **fields)


def a_failed_try(
    number: int = 1,
    reason: Reason = Reason.DOWNLOAD_FAILED,
    *,
    at: float = NOW,
    asked: PlanRequest | None = REQUEST,
    retry_after: int | None = None,
    lingers: bool = False,
) -> PlanAttempt:
    receipt = a_failure(reason, message="as asked", retry_after=retry_after)
    return _over(a_live_try(number, asked), at, reason, receipt, lingers=lingers)


def _over(
    live: PlanAttempt, at: float, reason: Reason | None, receipt: Receipt, **fields: Any
) -> PlanAttempt:
    return replace(live, run=over(live.run, at=at, ended=ended_by(reason, receipt=receipt)), **fields)
