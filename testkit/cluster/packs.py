"""The life of a pod that carries out several orders, made from the lives that its recordings would have in
pods of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest_contract.failures import BREAKERS, FAILURES, Reason, Verdict
from ingest_contract.order import IngestOrder
from ingest_contract.pack import PackEntry, PackWriter
from ingest_contract.receipt import Receipt, decode
from testkit.cluster.life import Exit, Life

PACK_ENDED = FAILURES[Reason.PACK_ENDED].exit_code or 1
ENDS_ALL = {Verdict.STOP_BATCH, Verdict.RETRY_ELSEWHERE}
ASKED = 143


@dataclass
class _Message:
    """The termination message, as far as it is written."""

    writer: PackWriter
    text: str = ""

    def begun(self, index: int) -> None:
        self.text += self.writer.begun(index)

    def ended(self, entry: PackEntry) -> None:
        self.text += self.writer.ended(entry)


def packed(orders: Sequence[IngestOrder], lives: Sequence[Life]) -> Life:
    """One recording after the other. Whatever ends one of them from outside, or keeps it from beginning, ends
    or keeps the pod; whoever waits to be ended is the last."""
    writer = PackWriter(len(orders))
    message, seconds, good = _Message(writer, writer.header), 0.0, 0
    for order, life in zip(orders, lives, strict=True):
        index = order.item.index
        if life.stuck or life.refused:
            return life
        message.begun(index)
        if life.seconds is None:
            return replace(life, to_sigterm=_asked(life, index, message))
        seconds += life.seconds
        receipt = _receipt(life.end)
        if receipt is None or not isinstance(life.end, Exit):
            end = life.end if not isinstance(life.end, Exit) else replace(life.end, message=message.text)
            return replace(life, seconds=seconds, end=end, to_sigterm=_asked(life, index, message))
        message.ended(PackEntry(index=index, ended=True, code=life.end.code, receipt=receipt))
        good += receipt.reason is None
        if receipt.reason and (receipt.reason in BREAKERS or FAILURES[receipt.reason].verdict in ENDS_ALL):
            break
    code = 0 if good == len(orders) else PACK_ENDED
    return replace(lives[0], seconds=seconds, end=Exit(code=code, message=message.text))


def _receipt(end: object) -> Receipt | None:
    """What a worker tells at its own end; None where something was done to it."""
    if not isinstance(end, Exit) or end.pod_reason or end.reason:
        return None
    try:
        return decode(end.message)
    except ValueError:
        return None


def _asked(life: Life, index: int, message: _Message) -> Exit | None:
    """How the pod ends when it is asked to while this recording is under way."""
    if life.to_sigterm is None:
        return None
    text = message.text + message.writer.ended(
        PackEntry(
            index=index, ended=True, code=ASKED, seen=Reason.INTERRUPTED, receipt=_receipt(life.to_sigterm)
        )
    )
    return Exit(code=ASKED, message=text)
