"""Two people who change one batch at once: the second adds to what the first asked for, or is told."""

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from ingest_contract.failures import Reason
from ingest_operator.kube.api.client import connected
from ingest_operator.kube.api.kubeconfig import Target, chosen
from ingestctl.backends.cluster import InCluster
from ingestctl.backends.port import Batches, ChangedError, Found
from ingestctl.changing import ATTEMPTS, changed
from testkit.cluster.lives import fails, sequence
from testkit.cluster.scene import Scene
from tests.cli.test_batches_of_a_cluster import command
from tests.support.command_line import CommandLine

__all__ = ["command"]  # a fixture


class Busy:
    """A batch that others change: a change is refused so many times."""

    def __init__(self, refusals: int) -> None:
        self.refusals, self.read, self.fields = refusals, 0, list[Mapping[str, Any]]()

    async def get(self, name: str) -> Found:
        self.read += 1
        return Found("media", name, None, version=str(self.read))

    async def change(self, found: Found, fields: Mapping[str, Any]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ChangedError("media/talks changes all the time")
        self.fields.append({"of": found.version, **fields})


def asked(busy: Busy, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    async def fields_of(found: Found) -> Mapping[str, Any]:
        return fields and {**fields, "seen": found.version}

    batches: Batches = busy  # type: ignore[assignment]  # the two methods that are asked
    return anyio.run(lambda: changed(batches, "talks", fields_of))[1]


def test_what_somebody_changed_in_between_is_read_again() -> None:
    busy = Busy(2)
    assert asked(busy, {"suspend": True}) == {"suspend": True, "seen": "3"}
    assert busy.fields == [{"of": "3", "suspend": True, "seen": "3"}]


def test_a_batch_that_never_rests_is_left_as_it_is() -> None:
    busy = Busy(ATTEMPTS)
    with pytest.raises(ChangedError, match="changes all the time"):
        asked(busy, {"suspend": True})
    assert (busy.read, busy.fields) == (ATTEMPTS, [])
    assert asked(Busy(ATTEMPTS - 1), {"suspend": True})["seen"] == str(ATTEMPTS)


def test_nothing_to_set_sets_nothing() -> None:
    busy = Busy(0)
    assert (asked(busy, {}), busy.fields) == ({}, [])


@pytest.mark.control_plane
def test_two_who_retry_single_recordings_at_once_both_get_theirs(
    scene: Scene, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.play(sequence({0: [fails(Reason.NOT_FOUND)], 1: [fails(Reason.NOT_FOUND)]}))
    operator = scene.operate()
    scene.batch()
    scene.until_state("CompleteWithFailures")
    operator.stop()  # or it might take the first one's pass before the second one asks
    others: list[str] = []
    plain = InCluster.items

    async def items(self: InCluster, found: Found) -> Mapping[int, Any]:
        """As this one is about to change what it has read, somebody else is done."""
        if not others:
            others.append(found.version)
            scene.change(retryFailed="the other one", retryRecordings="1")
        return await plain(self, found)

    monkeypatch.setattr(InCluster, "items", items)
    said = command("retry", "talks", "0", "-n", scene.namespace, "--kubeconfig", scene.plane.kubeconfig)
    assert said.code == 0, said.err
    spec = scene.seen()["spec"]
    assert (len(others), spec["retryRecordings"]) == (1, "0-1")
    monkeypatch.undo()
    scene.operate()
    scene.until_state("Complete")


@pytest.mark.control_plane
def test_a_change_of_what_was_changed_since_it_was_read_is_refused(scene: Scene) -> None:
    scene.batch()
    target = Target(str(scene.plane.kubeconfig), None)

    async def story() -> None:
        async with connected(target=target) as api:
            batches = InCluster(api, chosen(target), scene.namespace)
            found = await batches.get("talks")
            await batches.change(found, {"suspend": True})
            with pytest.raises(ChangedError, match="nothing of it was changed: try again"):
                await batches.change(found, {"suspend": False})

    anyio.run(story)
    assert scene.seen()["spec"]["suspend"] is True
