"""What `ingestctl` makes of the objects of a cluster: recordings from frozen plans, runs from Jobs and pods,
Events, and a sentence for everything that a server can answer instead."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
import yaml
from typer.testing import CliRunner

from ingest_contract.failures import FAILURES, Reason
from ingest_operator.kube.api.client import Api
from ingest_operator.kube.api.errors import ApiError, NotFoundError, SilentError, UnreachableError, error_of
from ingest_operator.kube.api.kubeconfig import Chosen
from ingest_operator.kube.api.resources import BATCHES, EVENTS, PODS, Object, Resource
from ingestctl.backends.cluster import InCluster
from ingestctl.backends.port import CommandError, MissingError, PassingError, RunSeen, moment_of
from ingestctl.commands import following
from ingestctl.commands.every import app
from ingestctl.run import LAST_APPLIED
from ingestctl.why import answer
from testkit.cluster.memory_api import MemoryApi
from testkit.cluster.one_batch import OWNER, OneBatch
from testkit.objects import kube_objects as kube

CODE = FAILURES[Reason.NOT_FOUND].exit_code or 0


class Server:
    """The objects in memory, read as `ingestctl` does: with lists, labels and logs."""

    def __init__(self, memory: MemoryApi) -> None:
        self.memory, self.fails, self.tails = memory, dict[str, ApiError](), list[int | None]()
        self.parts, self.since = list[list[str | ApiError]](), list[str]()
        self.log_tails = list[int | None]()

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        self._fail(resource)
        return await self.memory.get(resource, namespace, name)

    async def list(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labels: str = "",
        keep: Callable[[Object], Object] = lambda thing: thing,
    ) -> tuple[list[Object], str]:
        self._fail(resource)
        wanted = [each.split("=") for each in labels.split(",") if each]
        found = [
            keep(thing)
            for (plural, its, _), thing in self.memory.objects.items()
            if plural == resource.plural
            and namespace in (None, its)
            and all((thing["metadata"].get("labels") or {}).get(name) == value for name, value in wanted)
        ]
        return found, "1"

    async def log(self, namespace: str, pod: str, container: str, *, tail: int | None = None) -> str:
        del namespace, container
        self.tails.append(tail)
        if "pods/log" in self.fails:
            raise self.fails["pods/log"]
        return f"the log of {pod}\n"

    async def log_lines(
        self, namespace: str, pod: str, container: str, *, since: str = "", tail: int | None = None
    ) -> AsyncIterator[str]:
        """One connection's part of the log after the other; a part that is an error ends it so."""
        del namespace, pod, container
        self.log_tails.append(tail)
        self.since.append(since)
        for line in self.parts.pop(0):
            if isinstance(line, ApiError):
                raise line
            yield line

    def _fail(self, resource: Resource) -> None:
        if resource.plural in self.fails:
            raise self.fails[resource.plural]


@pytest.fixture
def one() -> OneBatch:
    """Three recordings: the first failed, the second runs, the third has a Job and no pod."""
    made = OneBatch(3, parallelism=2)
    made.job(0, pod=kube.ended_pod(CODE))
    made.job(1, pod=kube.running_pod())
    for (plural, _, _), thing in made.api.objects.items():
        if plural == PODS.plural:
            thing["metadata"]["labels"] = OWNER.pod_labels("ingest")
    event = {"type": "Warning", "reason": "RecordingsFailed", "note": f"{made.items[0].id}: gone"}
    metadata = {"namespace": OWNER.namespace, "name": "e1", "creationTimestamp": kube.at(9)}
    made.api.put(EVENTS, event | {"metadata": metadata, "regarding": {"uid": OWNER.uid}})
    other = {"namespace": OWNER.namespace, "name": "e2", "creationTimestamp": kube.at(9)}
    made.api.put(EVENTS, event | {"metadata": other, "regarding": {"uid": "another"}})
    asyncio.run(made.operator().reconcile((OWNER.namespace, OWNER.name)))
    return made


def cluster(one: OneBatch, namespace: str | None = OWNER.namespace) -> tuple[InCluster, Server]:
    server = Server(one.api)
    return InCluster(cast("Api", server), Chosen("config", "prod", "elsewhere"), namespace), server


def run(story: Awaitable[Any]) -> Any:
    async def carried_out() -> Any:
        return await story

    return asyncio.run(carried_out())


def test_a_batch_its_recordings_and_their_runs_are_read_from_its_objects(one: OneBatch) -> None:
    batches, _ = cluster(one)
    found = run(batches.get("talks"))
    assert (found.namespace, found.name, found.uid, found.unreadable) == ("media", "talks", OWNER.uid, "")
    assert dict(run(batches.items(found))) == {item.index: item for item in one.items}
    seen = run(batches.runs(found, (0, 1, 2)))
    (failed,), (live,), (fresh,) = seen[0], seen[1], seen[2]
    assert (failed.number, failed.exit_code, failed.phase) == (1, CODE, "Ingest")
    assert failed.state == "NotFound"
    assert (live.state, live.ended_at) == ("Running", None)
    assert (fresh.state, fresh.pod) == ("Pending", None)


def test_the_answer_about_a_recording_has_its_runs_events_and_the_end_of_its_log(one: OneBatch) -> None:
    batches, server = cluster(one)
    told = run(answer(batches, "talks", "0"))
    assert told.why.reason == "NotFound"
    assert [event.reason for event in told.events] == ["RecordingsFailed"]
    assert told.log.startswith("the log of ")
    assert server.tails == [10]
    assert told.gaps == ()


def test_what_cannot_be_found_out_is_reported_and_the_rest_is_answered(one: OneBatch) -> None:
    batches, server = cluster(one)
    server.fails["pods/log"] = NotFoundError(404, "NotFound", "pods not found")
    server.fails["events"] = forbidden("events")
    told = run(answer(batches, "talks", "0"))
    assert told.why.reason == "NotFound"
    assert [gap.partition(":")[0] for gap in told.gaps] == ["Events", "log"]
    assert "`pods.keepFailedSeconds`" in told.gaps[1]


def forbidden(plural: str) -> ApiError:
    said = f'{plural} is forbidden: User "ann" cannot list resource'
    status = {"kind": "Status", "reason": "Forbidden", "message": said}
    return error_of(403, json.dumps(status).encode(), None)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (forbidden("ingestbatches"), CommandError, "ask for the role `view` there"),
        (error_of(401, b"Unauthorized", None), CommandError, "or log in again"),
        (
            error_of(404, b"404 page not found", None),
            CommandError,
            "lacks our kinds: install the chart's definitions",
        ),
        (error_of(503, b"etcd leader changed", None), PassingError, "does not answer as it should"),
        (error_of(429, b"slow down", "3"), PassingError, "does not answer as it should"),
        (
            UnreachableError("TimeoutError", "no answer in time"),
            PassingError,
            "kubectl --context prod version",
        ),
        (error_of(422, b"no", None), CommandError, "the cluster refuses: no"),
    ],
)
def test_an_error_of_the_server_is_a_sentence_with_the_next_step(
    one: OneBatch, error: ApiError, kind: type[CommandError], said: str
) -> None:
    batches, server = cluster(one)
    server.fails["ingestbatches"] = error
    with pytest.raises(CommandError, match=said) as caught:
        run(batches.all())
    assert type(caught.value) is kind
    with pytest.raises(CommandError):
        run(batches.get("talks"))


def test_a_batch_that_is_not_there_is_answered_with_names_that_are_near(one: OneBatch) -> None:
    batches, _ = cluster(one)
    with pytest.raises(
        MissingError, match=r"no batch 'talk' in context prod, namespace media; did you mean talks\?"
    ):
        run(batches.get("talk"))


def test_a_plan_that_is_damaged_is_reported_as_what_it_is(one: OneBatch) -> None:
    batches, _ = cluster(one)
    found = run(batches.get("talks"))
    for (plural, _, _), thing in one.api.objects.items():
        if plural == "configmaps" and "binaryData" in thing:
            thing["data"] = thing["data"] | {"sha256": "0" * 64}
    with pytest.raises(CommandError, match="the sha256 differs"):
        run(batches.items(found))


def test_the_status_of_a_batch_whose_plan_is_damaged_is_shown_and_what_is_missing_said(
    one: OneBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, server = cluster(one)
    server.fails["configmaps"] = forbidden("configmaps")
    monkeypatch.setattr(following, "on", lambda _, story: run(story(batches)))
    table, document = (
        CliRunner().invoke(app, ["status", "talks", "--cluster", "-o", kind]) for kind in ("table", "yaml")
    )
    assert (table.exit_code, document.exit_code) == (0, 0)
    assert one.items[0].id in table.stdout
    assert "titles and lengths are not known: prod may not list configmaps" in table.stderr
    assert (yaml.safe_load(document.stdout)["metadata"]["name"], document.stderr) == ("talks", "")


def test_a_status_for_programs_is_the_object_as_the_cluster_has_it(
    one: OneBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches, _ = cluster(one)
    monkeypatch.setattr(following, "on", lambda _, story: run(story(batches)))
    (thing,) = (each for (plural, _, _), each in one.api.objects.items() if plural == BATCHES.plural)
    thing["metadata"]["managedFields"] = [{"manager": "helm"}]
    thing["metadata"]["annotations"] = {
        LAST_APPLIED: '{"spec":{"sources":[{"url":"https://ann:secret@media.example/a"}]}}',
        "from": "see https://ann:secret@media.example/list",
    }
    thing["spec"]["colour"] = "blue"  # of a later version
    thing["spec"]["sources"] = [
        {"url": "https://ann:secret@media.example/a"},
        {"fresco": {"wall": 7}},
        {"mirror": ["https://ann:secret@media.example/b"]},
    ]
    thing["status"]["recordings"] = [{"index": "zero"}]
    told = CliRunner().invoke(app, ["status", "talks", "--cluster", "-o", "json"])
    wanted = copy.deepcopy(thing)
    del wanted["metadata"]["managedFields"]
    wanted["metadata"]["annotations"] = {"from": "see https://media.example/list"}
    wanted["spec"]["sources"][0]["url"] = "https://media.example/a"
    wanted["spec"]["sources"][2]["mirror"] = ["https://media.example/b"]
    assert json.loads(told.stdout) == wanted
    assert thing["metadata"]["managedFields"], "it is a copy that is changed"


def test_a_run_without_a_pod_has_no_log_any_more(one: OneBatch) -> None:
    batches, _ = cluster(one)
    found = run(batches.get("talks"))
    gone = RunSeen(1, "Ingest", "job", "NotFound", moment_of(0), moment_of(1))
    with pytest.raises(MissingError, match="the pod of run 1 is gone"):
        run(batches.log(found, gone, None))


def test_a_log_that_breaks_off_goes_on_behind_its_last_line_and_repeats_none(one: OneBatch) -> None:
    batches, server = cluster(one)
    found = run(batches.get("talks"))
    (live,) = run(batches.runs(found, (1,)))[1]
    at = "2026-03-29T02:59:59.{:09}+02:00 {}".format
    whole = [at(5, "one"), at(5, "two"), at(5, "two"), at(5, "three"), at(7, ""), at(1_0, "five")]
    server.parts = [
        [*whole[:3], UnreachableError("ClientPayloadError", "cut")],
        ["unable to retrieve container logs for containerd://1"],
        whole,
    ]
    lines: list[str] = []

    async def followed(after: str) -> str:
        mark = after
        try:
            async for line in batches.log_lines(found, live, after=after):
                lines.append(line.text)
                mark = line.mark
        except PassingError:
            lines.append("(broken)")
        return mark

    mark = run(followed(""))
    mark = run(followed(mark))
    run(followed(mark))
    assert lines == [
        "one",
        "two",
        "two",
        "(broken)",
        "unable to retrieve container logs for containerd://1",
        "three",
        "",
        "five",
    ]
    assert server.since == ["", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"]


def test_a_worker_that_says_nothing_for_long_is_no_trouble_and_loses_no_line(one: OneBatch) -> None:
    batches, server = cluster(one)
    found = run(batches.get("talks"))
    (live,) = run(batches.runs(found, (1,)))[1]
    at = "2026-03-29T02:59:59.{:09}Z {}".format
    silence = SilentError("SocketTimeoutError", "no line in time")
    server.parts = [[silence], [at(5, "one"), silence], [at(5, "one"), at(6, "two")]]

    async def followed() -> list[str]:
        return [line.text async for line in batches.log_lines(found, live, tail=1)]

    assert run(followed()) == ["one", "two"]
    assert server.since == ["", "", "2026-03-29T02:59:59Z"]
    assert server.log_tails == [1, 1, None], "the last lines are those of the beginning"
