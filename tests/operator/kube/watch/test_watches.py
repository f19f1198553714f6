"""Watches outlive what the API server answers,
and `/readyz` hears whether they live, which a list does not show."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from kopf._cogs.clients import watching

from ingest_operator.kube.watch import watches
from ingest_operator.kube.watch.watches import HEARING, Hearing, never_ending

LISTED = watching.Bookmark.LISTED
FOUND = {"type": None, "object": {}}
ADDED = {"type": "ADDED", "object": {}}
BOOKMARK = {"type": "BOOKMARK", "object": {}}
JOBS = "watch of jobs in media"


class RefusedError(Exception):
    """What the API server says to a watch."""


def brought(*turns: list[Any], namespace: str | None = "media") -> tuple[list[Any], list[str]]:
    """(what the caller got, which watches were heard of and how often)
    of a watch that begins once per turn."""
    heard: list[str] = []

    async def watch(*, turn: list[Any], **_: object) -> AsyncIterator[Any]:
        for each in turn:
            if isinstance(each, Exception):
                raise each
            yield each

    async def run() -> list[Any]:
        HEARING.set(Hearing(heard.append))
        given = {"resource": SimpleNamespace(plural="jobs"), "namespace": namespace}
        return [event for turn in turns async for event in never_ending(watch)(turn=turn, **given)]

    return asyncio.run(run()), heard


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "AGAIN_SECONDS", 0)


def test_a_watch_that_is_refused_ends_as_one_that_may_begin_again() -> None:
    assert brought([LISTED, ADDED, RefusedError("no")])[0] == [LISTED, ADDED]


def test_a_watch_is_heard_when_it_has_begun_and_of_each_event_and_bookmark() -> None:
    assert brought([FOUND, FOUND, LISTED])[1] == [JOBS]
    assert brought([LISTED, ADDED, BOOKMARK])[1] == [JOBS] * 3


def test_lists_that_come_again_and_again_while_the_watch_is_refused_are_not_a_watch_that_lives() -> None:
    assert brought(*[[FOUND, LISTED, RefusedError("no")]] * 5)[1] == [JOBS]


def test_a_watch_of_all_namespaces_says_so_by_naming_none() -> None:
    assert brought([LISTED], namespace=None)[1] == ["watch of jobs"]


def test_a_watch_that_is_refused_again_and_again_begins_ever_more_rarely_until_it_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watches, "AGAIN_SECONDS", 2.0)
    hearing = Hearing(lambda _: None)
    waits = [hearing.refused(JOBS) for _ in range(7)]
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 32.0, 32.0]
    assert hearing.refused("watch of pods in media") == 2.0
    hearing.heard(JOBS, LISTED)  # a list is no watch that lives
    assert hearing.refused(JOBS) == 32.0
    assert [hearing.refused(JOBS) for _ in range(2_000)][-1] == 32.0, "a namespace may be gone for days"
    hearing.heard(JOBS, BOOKMARK)
    assert hearing.refused(JOBS) == 2.0
