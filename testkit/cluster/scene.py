"""One namespace in which a story happens: what people write, a kubelet that plays the pods, an operator, and
what can be seen of it all.

The operator is its own ServiceAccount there and may do what its Role says, so a permission that is missing
ends the story.
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ingest_contract.names import API_VERSION, BATCH_KIND, PROFILE_KIND, SPEAKER_KIND
from ingest_contract.pods import PodProfile
from ingest_operator.kube.api.names import INGEST, MANAGER, ROLE
from ingest_operator.kube.operator import Options
from testkit.cluster.client import Json
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.history import History
from testkit.cluster.kubelet import RunningKubelet
from testkit.cluster.life import Script
from testkit.cluster.program import PATIENCE, until
from testkit.cluster.roles import Account, class_role_objects, role_objects
from testkit.cluster.running_operator import RunningOperator

SOURCE = {"url": "https://media.example.org/talks"}
STORE = PodProfile().store


class Scene:
    """The namespace of one test; what is started here ends with it."""

    def __init__(self, plane: ControlPlane, namespace: str, ends: ExitStack) -> None:
        self.plane, self.admin, self.namespace, self._ends = plane, plane.admin, namespace, ends
        self._account = Account(namespace)

    # What people do.

    def secret(self) -> None:
        """Where the store's address is."""
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": STORE.name},
                "stringData": {STORE.key: "host=db"},
            }
        )

    def profile(self, name: str = "default", **spec: Any) -> None:
        """Made, or made anew."""
        self.apply(
            {"apiVersion": API_VERSION, "kind": PROFILE_KIND, "metadata": {"name": name}, "spec": spec}
        )

    def batch(self, name: str = "talks", **spec: Any) -> Json:
        """Made. Retries do not wait unless the test says so."""
        wanted = {"sources": [SOURCE], "retry": {"backoffSeconds": 0}} | spec
        body = {"apiVersion": API_VERSION, "kind": BATCH_KIND, "metadata": {"name": name}, "spec": wanted}
        return self.admin.create(body, self.namespace, fieldValidation="Strict")

    def speaker(self, name: str = "ada", *urls: str, **spec: Any) -> None:
        """Made, or made anew: a voice of these recordings."""
        addresses = urls or (f"https://media.example.org/{name}.mp3",)
        recordings = [{"url": url} for url in addresses]
        self.apply(
            {
                "apiVersion": API_VERSION,
                "kind": SPEAKER_KIND,
                "metadata": {"name": name},
                "spec": {"recordings": recordings} | spec,
            }
        )

    def change(self, name: str = "talks", **spec: Any) -> Json:
        return self.admin.merge(self.path(name), {"spec": spec})

    def delete(self, name: str = "talks") -> None:
        self.admin.delete(self.path(name))

    def apply(self, body: Json) -> None:
        """Any object of the namespace, or of none."""
        self.admin.apply(body, self.namespace)

    # Who works.

    def play(self, script: Script | None = None, **options: Any) -> RunningKubelet:
        """A kubelet for the pods of the namespace, on nodes of its own."""
        nodes = options.pop("nodes", ("1",))
        names = tuple(f"{self.namespace}-{node}" for node in nodes)
        clocks = {f"{self.namespace}-{node}": ahead for node, ahead in options.pop("clocks", {}).items()}
        kubelet = RunningKubelet(
            self.plane, script, namespace=self.namespace, nodes=names, clocks=clocks, **options
        )
        return self._ends.enter_context(kubelet)

    def operate(
        self,
        *,
        also: tuple[str, ...] = (),
        clock: Callable[[], float] = time.time,
        port: int = 0,
        webhook: Path | None = None,
    ) -> RunningOperator:
        """An operator with its own rights in this namespace, and in others. `port` is where it tells of
        itself, `webhook` the folder of the webhook that it tells of batches."""
        self.allow(*also)
        environment = self._ends.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("KUBECONFIG", str(self.plane.kubeconfig_of(self.namespace, MANAGER)))
        options = Options((self.namespace, *also), port, webhook=webhook)
        return self._ends.enter_context(RunningOperator(options, clock))

    def allow(self, *also: str) -> None:
        """Give the operator's account its rights in this namespace, and in others."""
        for namespace in (self.namespace, *also):
            for each in role_objects(namespace, self._account):
                self.admin.apply(each)
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        asked = {"namespace": self.namespace, "verb": "list", "group": "batch", "resource": "jobs"}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        client = self.plane.client_of(self.namespace, MANAGER)
        until(
            lambda: client.request("POST", path, review)["status"]["allowed"],
            "its rights are known",
            every=0.01,
        )

    def allow_classes(self) -> None:
        """Let the operator's account look up what belongs to no namespace, and queues."""
        for each in class_role_objects(self._account):
            self.admin.apply(each)
            self._ends.callback(self.admin.delete, self.admin.path_of(each))

    # What can be seen.

    def path(self, name: str = "talks") -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/ingestbatches/{name}"

    def path_of_speaker(self, name: str = "ada") -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/speakerprofiles/{name}"

    def until_speaker(self, holds: Callable[[Json], object], what: str, name: str = "ada") -> Json:
        """A voice, as soon as something holds of it."""
        seen: list[Json] = [{}]

        def held() -> bool:
            seen[0] = self.admin.get(self.path_of_speaker(name))
            return bool(holds(seen[0]))

        try:
            until(held, what, PATIENCE)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it is {json.dumps(seen[0], indent=1)}") from None
        return seen[0]

    def seen(self, name: str = "talks") -> Json:
        """The batch."""
        return self.admin.get(self.path(name))

    def status(self, name: str = "talks") -> Json:
        found: Json = self.seen(name).get("status", {})
        return found

    def until(
        self, holds: Callable[[Json], object], what: str, name: str = "talks", seconds: float = PATIENCE
    ) -> Json:
        """The status as soon as something holds of it."""
        seen: list[Json] = [{}]

        def held() -> bool:
            seen[0] = self.status(name)
            return bool(seen[0]) and bool(holds(seen[0]))

        try:
            until(held, what, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the status is {json.dumps(seen[0], indent=1)}") from None
        return seen[0]

    def until_state(self, state: str, name: str = "talks") -> Json:
        return self.until(lambda status: status["state"] == state, f"{name} is {state}", name)

    def until_stalled(self, reason: str, name: str = "talks") -> Json:
        """The condition that says so."""
        return condition(
            self.until(lambda status: stalled_by(status) == reason, f"{name} is stalled by {reason}", name),
            "Stalled",
        )

    def history(self) -> History:
        """Every status of every batch here, from now on."""
        return self._ends.enter_context(History(self.admin, self.path().rpartition("/")[0]))

    def jobs(self, role: str = INGEST) -> list[Json]:
        path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs"
        found: list[Json] = self.admin.get(path, labelSelector=f"{ROLE}={role}")["items"]
        return found

    def pods(self) -> list[Json]:
        found: list[Json] = self.admin.get(f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        return found

    def events(self, reason: str) -> list[str]:
        """What Events of a reason say."""
        listed = self.admin.get(f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")["items"]
        return [each["note"] for each in listed if each["reason"] == reason]

    def left(self) -> list[str]:
        """Kind and name of everything that was made for batches and is there."""
        paths = {"Job": "/apis/batch/v1", "ConfigMap": "/api/v1", "Pod": "/api/v1"}
        found = []
        for kind, root in paths.items():
            listed = self.admin.get(
                f"{root}/namespaces/{self.namespace}/{kind.lower()}s", labelSelector=f"{ROLE}"
            )["items"]
            found += [f"{kind} {each['metadata']['name']}" for each in listed]
        return found

    def kubectl(self, *arguments: str) -> str:
        return self.plane.kubectl("-n", self.namespace, *arguments).stdout


def condition(status: Json, kind: str) -> Json:
    """One of its conditions."""
    return next((each for each in status.get("conditions", ()) if each["type"] == kind), {})


def stalled_by(status: Json) -> str | None:
    """The reason of a batch that is stalled."""
    found = condition(status, "Stalled")
    return found["reason"] if found.get("status") == "True" else None


def rows(status: Json) -> dict[int, Json]:
    """The recordings that are shown, by index."""
    return {row["index"]: row for row in status["recordings"]}


def final(status: Json) -> dict[str, int]:
    """How many recordings ended how."""
    return {name: status["counts"].get(name, 0) for name in ("succeeded", "skipped", "failed")}
