"""Ready-made lives, one for each way in which a worker's pod may go, and scripts that choose among them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingest_contract.cache import Cached
from ingest_contract.failures import Reason
from ingest_contract.order import FetchOrder, IngestOrder, Item, PlanOrder, WorkOrder
from ingest_contract.plan_document import PlanDocument, frames
from ingest_contract.progress import Progress
from ingest_contract.receipt import Receipt
from ingest_contract.stages import Stage
from ingest_contract.voice_orders import EnrolOrder, ForgetOrder, RenameOrder, RetainOrder
from ingest_contract.voice_report import Enrolled, EnrolledSource, ForgetReport
from ingest_contract.voices import VoiceState
from testkit.cluster.kubelet_order import order_of, orders_of
from testkit.cluster.life import SIGKILLED, Exit, Life, Script, Stuck, Taken, told
from testkit.cluster.packs import packed
from testkit.objects.builders import a_failure, a_receipt, items

TALK = 600
"""Seconds of a recording whose length nobody tells."""


def succeeds(seconds: float = 0.0, media: float = TALK) -> Life:
    return Life(end=told(a_receipt(media=media)), seconds=seconds, log='{"message": "done"}\n')


def fetches(seconds: float = 0.0, bytes_: int = 10_000_000) -> Life:
    """Of a fetch Job: the audio is in the cache."""
    receipt = Receipt(result="Succeeded", seconds=1.0, media_seconds=TALK, cached=Cached(bytes=bytes_))
    return Life(end=told(receipt), seconds=seconds)


def enrols(*refused: Reason | None, seconds: float = 0.0) -> Life:
    """Of an enrol Job: each recording is used, or refused for a reason."""
    sources = tuple(
        EnrolledSource(state=VoiceState.USED, heard=True, seconds=20.0, score=0.8)
        if reason is None
        else EnrolledSource(state=VoiceState.REFUSED, reason=reason, message=f"as {reason} is told")
        for reason in refused
    )
    enrolled = Enrolled(model="community-1@0123456789ab", bytes_read=1000, sources=sources)
    return Life(end=told(Receipt(result="Succeeded", seconds=1.0, enrolled=enrolled)), seconds=seconds)


def forgets(seconds: float | None = 0.0) -> Life:
    """Of a forget Job: the voice is gone from the store."""
    report = ForgetReport(rows={"enrolment": 2, "speaker": 5})
    return Life(end=told(Receipt(result="Succeeded", seconds=1.0, forgotten=report)), seconds=seconds)


def fails(
    reason: Reason, seconds: float = 0.0, message: str = "as asked", retry_after: int | None = None
) -> Life:
    """The worker itself says what is wrong."""
    return Life(end=told(a_failure(reason, message=message, retry_after=retry_after)), seconds=seconds)


def plans(found: PlanDocument | Sequence[Item]) -> Life:
    """Of a plan Job: the document is in the log, between lines of another kind."""
    document = found if isinstance(found, PlanDocument) else document_of(found)
    receipt = Receipt(result="Succeeded", seconds=1.0, plan=document.summary)
    return Life(end=told(receipt), log="\n".join(["a line of another kind", *frames(document), ""]))


def document_of(found: Sequence[Item]) -> PlanDocument:
    return PlanDocument(items=tuple(found), media_seconds=sum(item.duration_seconds or 0 for item in found))


def killed() -> Life:
    """Nobody says why."""
    return Life(end=Exit(code=SIGKILLED))


def out_of_memory(seconds: float = 0.0) -> Life:
    return Life(end=Exit(code=SIGKILLED, reason="OOMKilled"), seconds=seconds)


def mute() -> Life:
    """It says that it succeeded, and leaves no Receipt."""
    return Life(end=Exit(code=0))


def evicted() -> Life:
    """Its node is short of memory."""
    message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 81240Ki. "
    return Life(
        end=Exit(code=SIGKILLED, pod_reason="Evicted", pod_message=message, disrupted="TerminationByKubelet")
    )


def over_scratch_limit() -> Life:
    """Evicted because it wrote too much: not a disruption."""
    return Life(
        end=Exit(
            code=SIGKILLED,
            pod_reason="Evicted",
            pod_message='Usage of EmptyDir volume "scratch" exceeds the limit "20Gi". ',
        )
    )


def preempted(seconds: float = 0.0) -> Life:
    return Life(end=Taken.PREEMPTED, seconds=seconds)


def drained(seconds: float = 0.0) -> Life:
    return Life(end=Taken.DRAINED, seconds=seconds)


def taken_by_its_queue(seconds: float = 0.0) -> Life:
    """As if its Job were in a queue, which gives its place to other work."""
    return Life(end=Taken.QUEUE, seconds=seconds)


def tainted(seconds: float = 0.0) -> Life:
    """Somebody taints its node, which answers."""
    return Life(end=Taken.TAINTED, seconds=seconds)


def node_lost(seconds: float = 0.0) -> Life:
    return Life(end=Taken.NODE_LOST, seconds=seconds)


def silent(seconds: float = 0.0) -> Life:
    """On a node that does not answer any more, and tolerated there."""
    return Life(end=Taken.SILENT, seconds=seconds)


def refused(
    reason: str = "OutOfcpu",
    message: str = "Node didn't have enough resource: cpu, requested: 4000, used: 7000",
) -> Life:
    """Its node does not take it in."""
    return Life(end=Exit(code=SIGKILLED), refused=Stuck(reason, message))


def rebooted(seconds: float = 0.0) -> Life:
    """Its node restarts, and the runtime there knows nothing of it any more."""
    return Life(end=Exit(code=255, reason="Unknown"), seconds=seconds)


def past_deadline() -> Life:
    """As if `activeDeadlineSeconds` were over. A worker is asked to end, and does."""
    return Life(end=Taken.PAST_DEADLINE)


def hangs(percent: int = 40) -> Life:
    """Runs, and says how far it is, until somebody ends it; then it succeeds."""
    return replace(
        succeeds(),
        seconds=None,
        progress=lambda elapsed: Progress(stage=Stage.TRANSCRIBE, percent=percent, seconds=elapsed),
    )


def deaf() -> Life:
    """Runs, and does not listen when it is asked to end."""
    return replace(hangs(), to_sigterm=None)


def image_missing(image: str = "video-ingest-worker:0.1.0") -> Life:
    """Until it is released, the registry does not have the image."""
    said = (
        f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not '
        "found"
    )
    back_off = f'Back-off pulling image "{image}": ErrImagePull: {said}'
    return replace(succeeds(), stuck=(Stuck("ErrImagePull", said), Stuck("ImagePullBackOff", back_off)))


def secret_missing(name: str = "video-ingest-store") -> Life:
    """Until it is released, as if there were no such Secret. One that is really missing is noticed without
    this."""
    return replace(succeeds(), stuck=(Stuck("CreateContainerConfigError", f'secret "{name}" not found'),))


def image_slow() -> Life:
    """Until it is released, its image is being pulled."""
    return replace(succeeds(), stuck=(Stuck("ContainerCreating", pulls=True),))


def never_starts() -> Life:
    """Until it is released, its volumes are not there."""
    return replace(succeeds(), stuck=(Stuck("ContainerCreating"),))


def by_default(count: int = 3) -> Script:
    """Plans find so many recordings, and all of them succeed."""
    return sequence({}, count=count)


def sequence(
    lives: Mapping[int, Sequence[Life]],
    *,
    otherwise: Life | None = None,
    plan: Life | None = None,
    count: int = 3,
) -> Script:
    """The lives of items, by their tries: `{3: [fails(...), succeeds()]}`. What is not listed is as
    `otherwise`, or succeeds."""

    def one(order: WorkOrder) -> Life:
        if isinstance(order, PlanOrder):
            return plan or plans(_new_items(order, count))
        if isinstance(order, EnrolOrder | ForgetOrder | RenameOrder | RetainOrder):
            return enrols(*(None for _ in order.recordings)) if isinstance(order, EnrolOrder) else forgets()
        its_own = lives.get(order.item.index, ())
        if order.run <= len(its_own):
            return its_own[order.run - 1]
        if isinstance(order, FetchOrder):
            return fetches()
        return otherwise or succeeds(media=order.item.duration_seconds or TALK)

    def choose(pod: dict[str, Any]) -> Life:
        orders = orders_of(pod)
        if not orders:
            return succeeds()
        if len(orders) == 1:
            return one(orders[0])
        return packed(
            [each for each in orders if isinstance(each, IngestOrder)], [one(each) for each in orders]
        )

    return choose


def where(lives: Mapping[str, Life], *, otherwise: Life | None = None, count: int = 3) -> Script:
    """The lives of items by the names of their nodes: a bad node does the same to whatever it is given."""
    elsewhere = sequence({}, otherwise=otherwise, count=count)
    return lambda pod: (
        elsewhere(pod) if is_plan(pod) else lives.get(pod["spec"]["nodeName"]) or elsewhere(pod)
    )


def is_plan(pod: dict[str, Any]) -> bool:
    """Whether it is the pod of a plan Job."""
    return isinstance(order_of(pod), PlanOrder)


def _new_items(order: PlanOrder, count: int) -> tuple[Item, ...]:
    """A first plan finds the items of `builders.items(count)`; a later one as many more."""
    return items(order.first_index + count)[order.first_index :]
