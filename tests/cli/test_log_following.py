"""What `ingestctl logs --follow` does where the place answers late, wrongly, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, cast

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.status import IngestBatchStatus
from ingestctl.backends.port import (
    Batches,
    Found,
    LogLine,
    MissingError,
    PassingError,
    RunSeen,
    moment_of,
)
from ingestctl.log_following import Wanted, follow_logs
from testkit.objects.builders import a_batch, a_run, items, over
from testkit.objects.statuses import a_status

COUNT = 2
LIVE = RunSeen(1, "Ingest", "job-0", "Running", moment_of(1), None)
ENDED = RunSeen(1, "Ingest", "job-0", "Succeeded", moment_of(1), moment_of(2))

Look = tuple[IngestBatchStatus, tuple[RunSeen, ...] | PassingError]
"""The status, and the runs of recording 0."""


class Place:
    """Answers look by look, the last one again and again; a log comes part by part."""

    def __init__(self, looks: Sequence[Look], parts: Sequence[Sequence[str | Exception]] = ()) -> None:
        self.looks, self.parts, self.spec = list(looks), list(parts), dict[str, str]()
        self.printed, self.said = list[str](), list[str]()

    async def get(self, name: str) -> Found:
        status, self.answer = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return Found("media", name, a_batch(**self.spec).model_copy(update={"status": status}))

    async def is_live(self, _: Found) -> bool:
        return True

    async def items(self, _: Found) -> Mapping[int, Item]:
        return {item.index: item for item in items(COUNT)}

    async def runs(self, _: Found, indexes: Collection[int]) -> Mapping[int, tuple[RunSeen, ...]]:
        if isinstance(self.answer, PassingError):
            raise self.answer
        return {index: () if index else self.answer for index in indexes}

    async def log_lines(self, *_: Any, after: str = "", tail: int | None = None) -> AsyncIterator[LogLine]:
        del after, tail
        for each in self.parts.pop(0):
            if isinstance(each, Exception):
                await asyncio.sleep(0)
                raise each
            yield LogLine(each, each)

    def followed(self, wanted: Wanted, printed: Callable[[str], None] | None = None) -> None:
        write = printed or self.printed.append

        async def pause(_: float) -> None:
            for _ in range(20):  # whoever follows a log comes to its end
                await asyncio.sleep(0)

        batches = cast("Batches", self)
        asyncio.run(follow_logs(batches, wanted, lambda *line: write(line[2]), self.said.append, pause))


def running() -> IngestBatchStatus:
    return a_status(a_run(0), count=COUNT)


def one_left() -> IngestBatchStatus:
    return a_status(over(a_run(0)), count=COUNT)


def complete() -> IngestBatchStatus:
    return a_status(over(a_run(0)), over(a_run(1)), count=COUNT)


def test_what_ended_while_the_cluster_did_not_answer_is_printed_all_the_same() -> None:
    looks = [(running(), ()), (one_left(), PassingError("busy")), (one_left(), (ENDED,)), (complete(), ())]
    place = Place(looks, [["one"]])
    place.followed(Wanted("talks"))
    assert place.printed == ["one"]
    assert "busy; asked again" in place.said


def test_a_log_that_is_cut_after_its_run_ended_is_asked_for_again() -> None:
    looks = [(running(), (LIVE,)), (one_left(), (ENDED,)), (one_left(), (ENDED,)), (complete(), ())]
    place = Place(looks, [["one", PassingError("cut")], [PassingError("cut")], ["two"]])
    place.followed(Wanted("talks"))
    assert place.printed == ["one", "two"]


@pytest.mark.parametrize("recording", [None, "0"])
def test_a_closed_standard_output_ends_it_although_its_run_is_over(recording: str | None) -> None:
    def closed(_: str) -> None:
        raise BrokenPipeError

    place = Place([(running(), (LIVE,)), (running(), (ENDED,))], [["one"]])
    with pytest.raises(BrokenPipeError):
        place.followed(Wanted("talks", recording), closed)


def test_a_run_that_is_gone_is_not_waited_for() -> None:
    third = RunSeen(3, "Ingest", "job-0-3", "Running", moment_of(1), None)
    place = Place([(running(), (third,))])
    with pytest.raises(MissingError, match="is to be seen any more; there: 3"):
        place.followed(Wanted("talks", "0", number=2))


def test_a_recording_whose_retry_has_not_begun_is_followed_through_it() -> None:
    failed = a_status(over(a_run(0), Reason.NOT_FOUND), count=1)
    done = a_status(over(a_run(0, 2)), count=1, retry_failed="monday")
    second = RunSeen(2, "Ingest", "job-0-2", "Succeeded", moment_of(1), moment_of(2))
    place = Place([(failed, ()), (done, (second,))], [["again"]])
    place.spec = {"retry_failed": "monday"}
    place.followed(Wanted("talks", "0"))
    assert (place.printed, place.said[-1][-9:]) == (["again"], "Succeeded")
    place = Place([(failed, ()), (done, (second,))], [["again"]])
    place.spec = {"retry_failed": "monday"}
    place.followed(Wanted("talks"))
    assert place.said[-1] == "media/talks: Complete"


def test_a_run_that_begins_after_the_first_poll_is_followed_before_its_end() -> None:
    place = Place([(a_status(count=COUNT), ()), (running(), (LIVE,)), (complete(), ())], [["one"]])
    place.followed(Wanted("talks"))
    assert place.printed == ["one"]
