"""Pods that end at once, as a script says: the least of a kubelet that lets the Job controller and the operator do their work.

A plan's log stands in the Receipt's place here: `pods/log` needs a kubelet that serves it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time

from ingest_contract.failures import FAILURES, OK_EXIT, Reason
from ingest_contract.plan_document import PlanDocument, frames
from ingest_contract.receipt import Receipt, encode
from ingest_operator.kube.api import Api
from ingest_operator.kube.errors import ApiError
from ingest_operator.kube.names import CONTAINER, INDEX, PLAN, ROLE, TRY
from ingest_operator.kube.resources import JOBS, PODS, Object
from ingest_operator.moments import as_text
from tests.support.builders import a_failure, a_receipt

JOB_NAME = "batch.kubernetes.io/job-name"
LOOK = 0.1


@dataclass
class PlayedPods:
    """Plays the pods of one namespace."""

    api: Api
    namespace: str
    document: PlanDocument
    """What plan Jobs find."""
    fates: Mapping[tuple[int, int], Reason] = field(default_factory=dict)
    """Tries that do not succeed."""
    ended: list[tuple[int, int]] = field(default_factory=list)
    """Every try that ran, in the order of their ends."""
    plans: int = 0
    _seen: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            pods, _ = await self.api.list(PODS, self.namespace, labels=ROLE)
            for pod in pods:
                if pod["metadata"]["uid"] not in self._seen:
                    await self._end(pod)
            await asyncio.sleep(LOOK)

    def log(self) -> str:
        """What a plan Job prints."""
        return "\n".join(frames(self.document))

    async def _end(self, pod: Object) -> None:
        try:
            job = await self.api.get(JOBS, self.namespace, pod["metadata"]["labels"][JOB_NAME])
            code, receipt = self._fate(job["metadata"]["labels"])
            await self.api.patch(PODS, self.namespace, pod["metadata"]["name"], {"status": _over(code, receipt)}, subresource="status")
        except ApiError:
            return  # it went meanwhile, or the next look finds it again
        self._seen.add(pod["metadata"]["uid"])
        if job["metadata"]["labels"][ROLE] == PLAN:
            self.plans += 1
        else:
            self.ended.append((int(job["metadata"]["labels"][INDEX]), int(job["metadata"]["labels"][TRY])))

    def _fate(self, labels: Mapping[str, str]) -> tuple[int, Receipt]:
        if labels[ROLE] == PLAN:
            return OK_EXIT, Receipt(result="Succeeded", seconds=1.0, plan=self.document.summary)
        reason = self.fates.get((int(labels[INDEX]), int(labels[TRY])))
        return (OK_EXIT, a_receipt()) if reason is None else (FAILURES[reason].exit_code or 1, a_failure(reason))


def _over(code: int, receipt: Receipt) -> Object:
    """The status of a pod whose worker has ended, as a kubelet writes it."""
    moment = as_text(round(time()))
    terminated = {
        "exitCode": code,
        "reason": "Error" if code else "Completed",
        "startedAt": moment,
        "finishedAt": moment,
        "message": encode(receipt).decode(),
    }
    container = {
        "name": CONTAINER,
        "image": "worker",
        "imageID": "worker",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": terminated},
    }
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": moment}
    return {"phase": "Failed" if code else "Succeeded", "startTime": moment, "conditions": [scheduled], "containerStatuses": [container]}
