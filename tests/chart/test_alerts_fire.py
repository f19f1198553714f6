"""The alerts of the chart, evaluated by Prometheus' own engine on what the operator exposes: each fires in
its trouble, after its wait, and stays silent in what only looks like it."""

from math import inf

import pytest
import yaml

from ingest_contract.failures import Reason
from ingest_contract.notifications import MAX_ATTEMPTS, Delivery
from ingest_operator.core.blocker import Blocker
from ingest_operator.kube.workqueue import LONGEST_BACKOFF_SECONDS
from testkit.objects.builders import a_run, over
from testkit.objects.statuses import a_status
from testkit.prometheus.engine import RULES_SECONDS
from tests.support.chart import CHART, NAMESPACE
from tests.support.exposed import (
    DAY,
    HOUR,
    MINUTE,
    OperatorProcess,
    Story,
    Tell,
    failing_look,
    free_at_start,
    given_up,
    gone,
    missed,
    notified,
    out_of_memory,
    out_of_reach,
    unanswered,
    waited,
    waiting,
    with_status,
)

WAITS = {
    each["alert"]: int(each.get("for", "0m")[:-1]) * {"m": MINUTE, "h": HOUR}[each.get("for", "0m")[-1]]
    for each in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
}


def names(story: Story, until: int, only: str = "", every: int = RULES_SECONDS) -> set[str]:
    return {each.name for each in story.fires(until, only, every)}


def told(*events: tuple[int, Tell]) -> Story:
    """One process that was scraped from the beginning, and what it saw at which second."""
    story = Story()
    process = story.operator()
    process.scraped(0)
    for second, tell in events:
        tell(process)
        process.scraped(second)
    return story


def every(seconds: int, until: int, tell: Tell) -> list[tuple[int, Tell]]:
    return [(second, tell) for second in range(seconds, until, seconds)]


STALLED = a_status(blockers=(Blocker("QuotaExceeded", "exceeded quota: gpus", inf),))
BROKEN = a_status(over(a_run(0, node="gpu-7"), Reason.GPU_BROKEN), count=2)
FAILED = a_status(
    *(over(a_run(index), Reason.NOT_FOUND) for index in range(2)), count=4, retry={"max_failed_percent": 10}
)

TROUBLE: dict[str, tuple[list[tuple[int, Tell]], dict[str, str], str]] = {
    "VideoIngestOperatorDown": (
        [(20 * MINUTE, gone)],
        {"namespace": NAMESPACE},
        "Nobody scrapes the operator",
    ),
    "VideoIngestReconcileErrors": (
        every(int(LONGEST_BACKOFF_SECONDS), 50 * MINUTE, failing_look),
        {"kind": "batch", "error": "BusyError"},
        "Looks at a batch fail with BusyError",
    ),
    "VideoIngestReconcileBacklog": (
        [(5 * MINUTE, waiting(101))],
        {"kind": "batch"},
        "101 objects of kind batch wait for a reconcile",
    ),
    "VideoIngestApiServerRefuses": (
        every(int(LONGEST_BACKOFF_SECONDS), 50 * MINUTE, unanswered),
        {"verb": "get", "resource": "ingestbatches"},
        "The API server does not answer get ingestbatches",
    ),
    "VideoIngestNamespaceOutOfReach": (
        [(5 * MINUTE, out_of_reach("media"))],
        {"namespace": "media"},
        "Nothing in namespace media is served",
    ),
    "VideoIngestBatchStalled": (
        [(5 * MINUTE, with_status(STALLED))], {"namespace": "default"}, "1 batches in default are stalled",
    ),
    "VideoIngestBreakerOpen": (
        [(5 * MINUTE, with_status(a_status(over(a_run(0), Reason.BOT_CHECK))))],
        {"reason": "BotCheck"},
        "Batches wait because of BotCheck",
    ),
    "VideoIngestNodeAvoided": (
        [(5 * MINUTE, with_status(BROKEN))],
        {"node": "gpu-7", "reason": "GpuBroken"},
        "Batches avoid node gpu-7 because of GpuBroken",
    ),
    "VideoIngestBatchFailed": (
        [(5 * MINUTE, with_status(FAILED))], {"namespace": "default"}, "1 batches in default have failed",
    ),
    "VideoIngestRecordingsGivenUp": (
        [(5 * MINUTE, given_up(6))],
        {"reason": "NotFound"},
        "6 recordings were given up within six hours because of NotFound",
    ),
    "VideoIngestNotificationGivenUp": (
        [(5 * MINUTE, notified(Delivery.GIVEN_UP, MAX_ATTEMPTS))],
        {"namespace": NAMESPACE},
        "The webhook was not told of a batch",
    ),
    "VideoIngestOutOfMemory": (
        [(5 * MINUTE, out_of_memory(6, rung=1))],
        {"memory": "gpu"},
        "Recordings run out of gpu memory again after they were made smaller",
    ),
    "VideoIngestGpuKeepsMemory": (
        [(5 * MINUTE, free_at_start(40_000)), (HOUR, free_at_start(38_000))],
        {"gpu_uuid": "GPU-1"},
        "GPU GPU-1 has 2000 MiB less than at its best today",
    ),
    "VideoIngestWaitsForGpu": (
        every(10 * MINUTE, HOUR, waited(3 * HOUR)), {}, "Recordings wait for hours for a node",
    ),
    "VideoIngestScheduleMissed": (
        [(5 * MINUTE, missed)], {"namespace": NAMESPACE}, "A schedule missed its time",
    ),
}  # fmt: skip


def test_every_alert_is_tried() -> None:
    assert list(TROUBLE) == list(WAITS)


@pytest.mark.parametrize("name", TROUBLE)
def test_an_alert_fires_in_its_trouble_after_its_wait_and_says_what_it_is_about(name: str) -> None:
    events, labels, summary = TROUBLE[name]
    story = told(*events)
    (alert,) = story.fires(HOUR + WAITS[name] + 20 * MINUTE, only=name)
    assert alert.labels == labels
    assert alert.annotations["summary"] == summary
    assert alert.fired[0] - alert.pending == WAITS[name]
    assert alert.pending <= events[-1][0] + 20 * MINUTE


NO_TROUBLE: dict[str, list[tuple[int, Tell]]] = {
    "VideoIngestReconcileErrors": every(6 * MINUTE, 2 * HOUR, failing_look),
    "VideoIngestReconcileBacklog": [(5 * MINUTE, waiting(100))],
    "VideoIngestApiServerRefuses": [(50 * MINUTE, unanswered)],
    "VideoIngestNamespaceOutOfReach": [(5 * MINUTE, out_of_reach("media")), (19 * MINUTE, out_of_reach())],
    "VideoIngestBatchStalled": [(5 * MINUTE, with_status(STALLED)), (34 * MINUTE, with_status(a_status()))],
    "VideoIngestBreakerOpen": [
        (5 * MINUTE, with_status(a_status(over(a_run(0), Reason.BOT_CHECK)))),
        (64 * MINUTE, with_status(a_status())),
    ],
    "VideoIngestNodeAvoided": [(5 * MINUTE, with_status(BROKEN)), (14 * MINUTE, with_status(a_status()))],
    "VideoIngestBatchFailed": [(5 * MINUTE, with_status(FAILED)), (9 * MINUTE, with_status(a_status()))],
    "VideoIngestRecordingsGivenUp": [(20 * MINUTE, given_up(5)), (HOUR, given_up(50, Reason.PRIVATE))],
    "VideoIngestNotificationGivenUp": [(5 * MINUTE, notified(Delivery.DELIVERED, MAX_ATTEMPTS))],
    "VideoIngestOutOfMemory": [(20 * MINUTE, out_of_memory(5, rung=1)), (HOUR, out_of_memory(50, rung=0))],
    "VideoIngestGpuKeepsMemory": [(5 * MINUTE, free_at_start(40_000)), (HOUR, free_at_start(39_000))],
    "VideoIngestWaitsForGpu": every(10 * MINUTE, HOUR, waited(1.5 * HOUR)),
    "VideoIngestScheduleMissed": [
        (5 * MINUTE, lambda process: process.metrics.schedule(fired=True, missed=0))
    ],
}


@pytest.mark.parametrize("name", NO_TROUBLE)
def test_an_alert_is_silent_below_its_threshold_and_before_its_wait_is_over(name: str) -> None:
    assert names(told(*NO_TROUBLE[name]), 3 * HOUR, only=name) == set()


def test_what_was_given_up_long_ago_alarms_nobody() -> None:
    events = [(hour * HOUR, given_up(1)) for hour in range(1, 14, 2)]
    assert names(told(*events), 14 * HOUR, every=5 * MINUTE) == set()


def test_an_operator_that_is_restarted_is_not_missed() -> None:
    story = Story()
    first = story.operator()
    first.scraped(0)
    first.away(20 * MINUTE)
    story.operator(28 * MINUTE).scraped(29 * MINUTE)
    assert names(story, HOUR) == set()


def test_an_operator_that_was_never_there_is_missed_and_nothing_else_is_said_of_it() -> None:
    assert names(Story(), HOUR) == {"VideoIngestOperatorDown"}


def test_an_operator_that_went_in_the_middle_of_trouble_is_missed_and_that_trouble_is_over() -> None:
    story = told((MINUTE, with_status(STALLED)), (2 * MINUTE, waiting(500)), (10 * MINUTE, gone))
    assert names(story, 2 * HOUR) == {"VideoIngestOperatorDown"}


GIVEN_UP = "VideoIngestRecordingsGivenUp"


def that_gave_up(story: Story, count: int) -> OperatorProcess:
    """An operator that is scraped at zero, and an hour later once it has given up so many recordings."""
    operator = story.operator()
    operator.scraped(0)
    given_up(count)(operator)
    operator.scraped(HOUR)
    return operator


@pytest.mark.parametrize(
    ("before", "after", "fires"), [(3, 3, True), (3, 2, False), (0, 6, True), (0, 5, False)]
)
def test_what_the_operators_of_two_pods_gave_up_is_counted_together_and_once(
    before: int, after: int, *, fires: bool
) -> None:
    """The second has counted before it is first scraped: what ended while nobody looked."""
    story = Story()
    first = that_gave_up(story, before)
    first.away(2 * HOUR)
    second = story.operator(2 * HOUR)
    given_up(after)(second)
    second.scraped(2 * HOUR + 2 * MINUTE)
    assert names(story, 5 * HOUR, every=5 * MINUTE) == ({GIVEN_UP} if fires else set())


@pytest.mark.parametrize(("before", "after", "fires"), [(3, 3, True), (3, 2, False)])
def test_a_counter_that_begins_again_in_the_same_pod_goes_on_being_counted(
    before: int, after: int, *, fires: bool
) -> None:
    """It was scraped at zero once; otherwise three after three are the same three to Prometheus."""
    story = Story()
    first = that_gave_up(story, before)
    second = story.again(first, 2 * HOUR)
    second.scraped(2 * HOUR)
    given_up(after)(second)
    second.scraped(3 * HOUR)
    assert names(story, 5 * HOUR, every=5 * MINUTE) == ({GIVEN_UP} if fires else set())


@pytest.mark.parametrize(
    ("tell", "name"),
    [
        (missed, "VideoIngestScheduleMissed"),
        (notified(Delivery.GIVEN_UP, MAX_ATTEMPTS), "VideoIngestNotificationGivenUp"),
        (out_of_memory(6, rung=2), "VideoIngestOutOfMemory"),
    ],
)
def test_what_a_new_process_counts_before_it_is_first_scraped_is_not_lost(tell: Tell, name: str) -> None:
    story = Story()
    process = story.operator()
    tell(process)
    process.scraped(MINUTE)
    assert names(story, 30 * MINUTE) == {name}


def test_the_best_of_a_gpu_is_remembered_over_a_restart_of_the_operator() -> None:
    story = Story()
    first = story.operator()
    free_at_start(40_000)(first)
    first.scraped(0)
    first.away(HOUR)
    second = story.operator(HOUR)
    free_at_start(38_000)(second)
    second.scraped(HOUR + 5 * MINUTE)
    (alert,) = story.fires(4 * HOUR)
    assert (alert.name, alert.labels) == ("VideoIngestGpuKeepsMemory", {"gpu_uuid": "GPU-1"})


def test_a_busy_operator_whose_requests_fail_now_and_then_alarms_nobody() -> None:
    def busy(process: OperatorProcess) -> None:
        for number in range(600):
            process.metrics.api_request("create", "jobs", 503 if number % 20 == 0 else 201, 0.1)

    assert names(told(*every(MINUTE, HOUR, busy)), HOUR) == set()


def test_a_day_without_trouble_is_a_silent_one() -> None:
    story = Story()
    process = story.operator()
    process.scraped(0)
    for done, second in enumerate(range(10 * MINUTE, DAY, 10 * MINUTE), start=1):
        if second == 12 * HOUR:  # an upgrade
            process.away(second)
            process = story.operator(second + MINUTE)
        waited(20 * MINUTE)(process)
        free_at_start(40_000 - done % 3)(process)
        with_status(a_status(over(a_run(0)), over(a_run(1), Reason.PRIVATE), a_run(2)))(process)
        given_up(done % 30 == 0)(process)
        waiting(done % 20)(process)
        out_of_reach(*(["media"] if second == 6 * HOUR else []))(process)  # made again at once
        for number in range(100):
            process.metrics.reconciled("batch", 0.1, "ConflictError" if number + done == 150 else None)
            process.metrics.api_request("update", "ingestbatches/status", 409 if number == 7 else 200, 0.1)
        process.metrics.schedule(fired=second % (6 * HOUR) == 0, missed=0)
        notified(Delivery.DELIVERED, 1 + done % 2)(process)
        process.scraped(second + RULES_SECONDS)
    assert names(story, DAY, every=5 * MINUTE) == set()
