"""Keys that want a look: none is lost, none is looked at twice at once, none waits for another."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from ingest_operator.kube import workqueue as looping
from ingest_operator.kube.workqueue import Requeue, WorkQueue

Look = Callable[[str], Awaitable[float | None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (
        ("APART_SECONDS", 0.02),
        ("GATHERING_SECONDS", 0.005),
        ("LONGEST_BACKOFF_SECONDS", 0.02),
    ):
        monkeypatch.setattr(looping, name, seconds)


def run(
    look: Look, script: Callable[[WorkQueue[str]], Awaitable[None]], rest: float = 0.0
) -> list[tuple[str, str]]:
    """Play a script against a loop whose keys are left alone for `rest` seconds after each look; what was
    reported of the looks."""
    reported: list[tuple[str, str]] = []

    async def requeued(key: str) -> Requeue:
        return Requeue(await look(key), rest)

    async def play() -> None:
        loop = WorkQueue(
            requeued, lambda key, _, error: reported.append((key, type(error).__name__ if error else "ok"))
        )
        await asyncio.wait_for(script(loop), 20)
        await loop.close()

    asyncio.run(play())
    return reported


def test_a_burst_of_wake_ups_is_one_reconcile() -> None:
    looks: Counter[str] = Counter()
    done = asyncio.Event()

    async def look(key: str) -> None:
        looks[key] += 1
        done.set()

    async def script(loop: WorkQueue[str]) -> None:
        for _ in range(50):
            loop.enqueue("a")
        await done.wait()
        await idle(loop)

    run(look, script)
    assert looks == {"a": 1}


def test_a_key_that_failed_for_days_is_served_when_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APART_SECONDS", "GATHERING_SECONDS", "LONGEST_BACKOFF_SECONDS"):
        monkeypatch.setattr(looping, name, 0.0)
    failures, done = 1_100, asyncio.Event()
    looks: Counter[str] = Counter()

    async def look(key: str) -> None:
        looks[key] += 1
        if looks[key] <= failures:
            raise OSError("the API server refuses")
        done.set()

    async def script(loop: WorkQueue[str]) -> None:
        loop.enqueue("a")
        await done.wait()
        await idle(loop)

    assert run(look, script)[-1] == ("a", "ok")
    assert looks == {"a": failures + 1}


def test_a_wake_up_during_a_reconcile_brings_another_one() -> None:
    entered, go_on, seen = asyncio.Event(), asyncio.Event(), list[str]()

    async def look(key: str) -> None:
        seen.append(key)
        entered.set()
        await go_on.wait()

    async def script(loop: WorkQueue[str]) -> None:
        loop.enqueue("a")
        await entered.wait()
        loop.enqueue("a")
        go_on.set()
        await until(lambda: len(seen) == 2)
        await idle(loop)

    run(look, script)
    assert seen == ["a", "a"]


def test_a_key_that_hangs_keeps_no_other_waiting() -> None:
    seen: list[str] = []

    async def look(key: str) -> None:
        if key == "hangs":
            await asyncio.Event().wait()
        seen.append(key)

    async def script(loop: WorkQueue[str]) -> None:
        loop.enqueue("hangs")
        loop.enqueue("b")
        await until(lambda: seen == ["b"])

    run(look, script)


def test_the_age_of_the_oldest_reconcile_is_that_of_one_that_hangs_among_a_hundred_that_do_not() -> None:
    looks: Counter[str] = Counter()
    go_on = asyncio.Event()

    async def look(key: str) -> None:
        looks[key] += 1
        if key == "hangs":
            await go_on.wait()

    async def script(loop: WorkQueue[str]) -> None:
        assert loop.longest_running() == 0
        loop.enqueue("hangs")
        await until(lambda: looks["hangs"] == 1)
        began = asyncio.get_running_loop().time()
        for key in map(str, range(100)):
            loop.enqueue(key)
        await until(lambda: looks.total() == 101)
        least = asyncio.get_running_loop().time() - began
        assert loop.longest_running() >= least
        go_on.set()
        await idle(loop)
        assert loop.longest_running() == 0

    run(look, script)


def test_a_reconcile_that_fails_is_repeated_until_it_does_not_and_is_reported_each_time() -> None:
    failures = iter([ValueError("no"), ValueError("no")])

    async def look(_: str) -> None:
        error = next(failures, None)
        if error is not None:
            raise error

    async def script(loop: WorkQueue[str]) -> None:
        loop.enqueue("a")
        await idle(loop)

    assert run(look, script) == [("a", "ValueError"), ("a", "ValueError"), ("a", "ok")]


def test_a_key_that_wants_another_reconcile_later_gets_it_without_being_woken() -> None:
    wanted = iter([0.03, None])
    seen: list[str] = []

    async def look(key: str) -> float | None:
        seen.append(key)
        return next(wanted)

    async def script(loop: WorkQueue[str]) -> None:
        loop.enqueue("a")
        await until(lambda: len(seen) == 2)
        await idle(loop)

    run(look, script)


def test_a_key_is_left_alone_as_long_as_it_asks_for_however_often_it_is_woken() -> None:
    looks: list[float] = []

    async def look(_: str) -> float | None:
        looks.append(asyncio.get_running_loop().time())
        return 60 if len(looks) == 1 else None

    async def script(loop: WorkQueue[str]) -> None:
        loop.enqueue("a")
        await until(lambda: len(looks) == 1)
        loop.enqueue("a")
        await idle(loop)

    run(look, script, rest=0.1)
    assert len(looks) == 2
    assert looks[1] - looks[0] >= 0.1


def test_a_key_that_wants_nothing_more_leaves_no_task_behind() -> None:
    async def look(_: str) -> None:
        return None

    async def script(loop: WorkQueue[str]) -> None:
        loop.enqueue("a")
        await idle(loop)
        assert (loop.waiting, loop.keys) == (0, 0)

    run(look, script)


def test_a_loop_that_is_closed_in_the_moment_of_a_wake_up_ends() -> None:
    async def look(_: str) -> float:
        return 60.0

    async def script(loop: WorkQueue[str]) -> None:
        loop.enqueue("a")
        await until(lambda: loop.waiting == 0)
        await asyncio.sleep(2 * looping.APART_SECONDS)  # by then it rests until it is woken
        loop.enqueue("a")
        await asyncio.sleep(0)  # the wake-up has ended the rest, and the key's task has not gone on yet
        await asyncio.wait_for(loop.close(), 5)

    assert run(look, script) == [("a", "ok")]


def test_what_is_woken_after_the_end_is_not_looked_at() -> None:
    async def look(_: str) -> None:
        return None

    async def script(loop: WorkQueue[str]) -> None:
        await loop.close()
        loop.enqueue("a")
        assert (loop.waiting, loop.keys) == (0, 0)

    assert run(look, script) == []


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop run until something holds; the script's own deadline ends a wait in vain."""
    while not holds():  # noqa: ASYNC110 -- no event tells of it: it is the state of the loop under test
        await asyncio.sleep(0)


async def idle(loop: WorkQueue[str]) -> None:
    await until(lambda: loop.keys == 0)
