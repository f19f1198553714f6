"""Jobs that are deleted before others are made in their place."""

import asyncio
from typing import cast

import pytest

from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import RefusedError
from ingest_operator.kube.api.resources import JOBS, Object
from ingest_operator.kube.watch.confirm import end_job
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods
from testkit.cluster.memory_api import MemoryApi, RefusingApi
from testkit.objects import kube_objects as kube


def ended(job: Object) -> bool:
    """Whether nothing stands in the way of the next Job, under a policy by which Jobs stay."""
    api, seen = MemoryApi(), JobsAndPods()
    seen.jobs.offer(api.put(JOBS, job))
    auditors = RefusingApi(api, "delete", of=lambda kind, _: kind == JOBS)
    asyncio.run(end_job(cast("Api", auditors), seen, job))
    return bool(auditors.refused)


def test_a_job_that_is_over_and_may_not_be_deleted_is_in_nobodys_way() -> None:
    assert ended(kube.complete())


def test_a_job_that_goes_on_and_may_not_be_deleted_is() -> None:
    with pytest.raises(RefusedError):
        ended(kube.a_job())
