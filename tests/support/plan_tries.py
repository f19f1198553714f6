"""Tries of a plan as the decisions see them, without Jobs and pods behind them."""

from dataclasses import replace
from typing import Any

from ingest_contract.failures import Reason
from ingest_contract.receipt import PlanSummary, Receipt
from ingest_operator.core.blocker import Hindrance
from ingest_operator.kube.planning.attempts import Asked, PlanTry
from tests.support.builders import NOW, a_failure, a_run, ended_by, over

ASKED = Asked(1, "order-a", "job-a")
MENDED = Asked(1, "order-a", "job-b")
FINISHED = Receipt(result="Succeeded", seconds=3.0, plan=PlanSummary(items=0, sha256="0" * 64))


def a_live_try(number: int = 1, asked: Asked | None = ASKED, hindrance: Hindrance | None = None) -> PlanTry:
    """A plan Job whose pod runs, or cannot begin."""
    name = f"talks-plan-0-{number}"
    return PlanTry(
        {"metadata": {"name": name, "uid": f"uid-{number}"}},
        f"{name}-x4k2p",
        a_run(0, number),
        asked,
        hindrance,
    )


def a_success(number: int = 1, **fields: Any) -> PlanTry:
    return _over(a_live_try(number), NOW + 60, None, FINISHED, **fields)


def a_failed_try(
    number: int = 1,
    reason: Reason = Reason.DOWNLOAD_FAILED,
    *,
    at: float = NOW,
    asked: Asked | None = ASKED,
    retry_after: int | None = None,
    lingers: bool = False,
) -> PlanTry:
    receipt = a_failure(reason, message="as asked", retry_after=retry_after)
    return _over(a_live_try(number, asked), at, reason, receipt, lingers=lingers)


def _over(live: PlanTry, at: float, reason: Reason | None, receipt: Receipt, **fields: Any) -> PlanTry:
    return replace(live, run=over(live.run, at=at, ended=ended_by(reason, receipt=receipt)), **fields)
