"""The stage of a row: a control plane of its own that forgets nothing, namespaces in which batches run, and
batches."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ingest_contract.names import API_VERSION, BATCH_KIND, PROFILE_KIND
from ingest_contract.pods import StoreSecret
from ingest_operator.kube.api.resources import BATCHES, Resource
from ingest_operator.kube.install.managed_fields_policy import untracked
from testkit.cluster import admission
from testkit.cluster.control_plane import ControlPlane, control_plane
from testkit.cluster.fixtures import definitions
from testkit.cluster.program import until

Object = dict[str, Any]

PATIENCE: Final = 7200.0
"""Seconds after which a row that does not end is given up."""

IN_FORCE: Final = 5.0
"""Seconds after which the API server surely goes by a new policy."""

REPORT_SECONDS: Final = 15.0
"""Seconds between two lines of progress."""


def say(text: str) -> None:
    """Tell the person what takes time; standard output carries the tables only."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


@contextmanager
def cluster(*, is_untracked: bool = False) -> Iterator[ControlPlane]:
    """A control plane with our kinds, whose etcd keeps every version of everything; if wanted with the policy
    that leaves out who wrote."""
    with control_plane(
        api_server_flags=("--etcd-compaction-interval=0", *(admission.FLAGS if is_untracked else ()))
    ) as plane:
        plane.install(*definitions())
        if is_untracked:
            for each in untracked(admission.VERSION):
                plane.admin.create(each)
            time.sleep(IN_FORCE)
        yield plane


@dataclass(frozen=True, slots=True)
class Scene:
    """A namespace with what batches and their pods name."""

    plane: ControlPlane
    namespace: str

    @classmethod
    def made(cls, plane: ControlPlane, namespace: str = "media", **pods: Any) -> "Scene":
        """The namespace, with the store's Secret and a profile whose pods are as given."""
        scene, admin, store = cls(plane, namespace), plane.admin, StoreSecret()
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"  # without it no pod is admitted
        until(lambda: admin.send("GET", account)[0] == 200, f"{namespace} has its ServiceAccount")
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": store.name},
            "stringData": {store.key: "host=db"},
        }
        admin.create(secret, namespace)
        admin.create(
            {
                "apiVersion": API_VERSION,
                "kind": PROFILE_KIND,
                "metadata": {"name": "default"},
                "spec": {"pods": pods},
            },
            namespace,
        )
        return scene

    def make(self, name: str, **spec: Any) -> Object:
        """A batch of this name."""
        content = {"sources": [{"url": "https://media.example.org/talks"}]} | spec
        body = {"apiVersion": API_VERSION, "kind": BATCH_KIND, "metadata": {"name": name}, "spec": content}
        return self.plane.admin.create(body, self.namespace)

    def batch(self, name: str) -> Object:
        """As it is now."""
        return self.plane.admin.get(self.path(name))

    def counts(self, name: str) -> dict[str, int]:
        """How many of its recordings stand where."""
        return dict(self.batch(name).get("status", {}).get("counts") or {})

    def count(self, resource: Resource) -> int:
        """How many objects of a kind there are."""
        answer = self.plane.admin.get(resource.path(self.namespace), limit="1")
        return len(answer["items"]) + int(answer["metadata"].get("remainingItemCount", 0))

    def until(self, holds: Callable[[], bool], what: str, reported: Callable[[], str]) -> None:
        """Return once it holds, and say now and then how far it is."""
        deadline, next_line = time.monotonic() + PATIENCE, 0.0
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: {reported()}")
            if time.monotonic() >= next_line:
                next_line = time.monotonic() + REPORT_SECONDS
                say(f"{what}: {reported()}")
            time.sleep(0.5)

    def until_complete(self, *names: str) -> None:
        """Return once these batches are."""

        def complete() -> bool:
            return all(
                str(self.batch(name).get("status", {}).get("state")).startswith("Complete") for name in names
            )

        def reported() -> str:
            every = [self.counts(name) for name in names]
            return (
                f"{sum(each.get('succeeded', 0) for each in every)} "
                f"of {sum(each.get('total', 0) for each in every)}"
            )

        self.until(complete, f"until {len(names)} batches are complete", reported)

    def path(self, name: str) -> str:
        """Where a batch is."""
        return BATCHES.path(self.namespace, name)


def size(thing: object) -> int:
    """Bytes as the API server would send it."""
    return len(json.dumps(thing, separators=(",", ":"), ensure_ascii=False).encode())
