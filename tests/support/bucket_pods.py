"""Pods that read a bucket: the real child process of the worker, with the order that the operator wrote and
the Secrets that its pod mounts, on a real S3 server. Only the container around it is missing."""

import base64
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest_contract.order import FetchOrder, IngestOrder, PlanOrder, read_order
from ingest_contract.plan_document import PlanDocument
from ingest_operator.kube.manifests.sources import SECRETS
from ingest_worker.errors import StageError
from ingest_worker.sources.apart import FetcherApart, make_plan_apart
from testkit.cluster.kubelet_order import order_of
from testkit.cluster.life import Life
from testkit.cluster.lives import fails, fetches, plans, succeeds
from testkit.cluster.scene import Scene


class BucketPods:
    """A script for a kubelet. What each pod had of Secrets is kept by what it was for."""

    def __init__(
        self, scene: Scene, folder: Path, before_fetch: Callable[[str], None] = lambda _: None
    ) -> None:
        """`before_fetch` is called with the title of a recording that is about to be fetched."""
        self._scene, self._folder, self._before = scene, folder, before_fetch
        self._pods = itertools.count()
        self.mounted: dict[str, list[str]] = {}
        """The Secrets of the pods, by role and title."""

    def __call__(self, pod: dict[str, Any]) -> Life:
        order = order_of(pod)
        root = self._folder / str(next(self._pods))
        names = self._mount(pod, root)
        here = read_order(order.to_json().replace(f"mount={SECRETS}", f"mount={root}"))
        try:
            match here:
                case PlanOrder():
                    self.mounted["plan"] = names
                    return plans(self._planned(here, root))
                case FetchOrder() | IngestOrder():
                    return self._run(here, root, names)
                case _:
                    raise AssertionError(f"nobody ordered {here}")
        except StageError as error:
            return fails(error.reason, message=str(error))

    def _mount(self, pod: dict[str, Any], root: Path) -> list[str]:
        """As a kubelet does: the keys that a volume names and that there are."""
        wanted = [each["secret"] for each in pod["spec"]["volumes"] if "secret" in each]
        path = f"/api/v1/namespaces/{self._scene.namespace}/secrets"
        there = {
            each["metadata"]["name"]: each.get("data", {}) for each in self._scene.admin.get(path)["items"]
        }
        for each in wanted:
            data = there.get(each["secretName"], {})
            for item in each["items"]:
                if item["key"] in data:
                    file = root / each["secretName"] / item["path"]
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(base64.b64decode(data[item["key"]]))
        return [each["secretName"] for each in wanted]

    def _planned(self, order: PlanOrder, root: Path) -> PlanDocument:
        place = order.place.model_copy(update={"scratch": str(root / "scratch")})
        found = make_plan_apart(
            order.model_copy(update={"place": place}), lambda _: {}, lambda _: None, lambda: None
        )
        return PlanDocument.model_validate_json(found.to_json().replace(f"mount={root}", f"mount={SECRETS}"))

    def _run(self, order: FetchOrder | IngestOrder, root: Path, names: list[str]) -> Life:
        fetches_here = isinstance(order, FetchOrder) or order.place.cache is None
        role = "fetch" if isinstance(order, FetchOrder) else "ingest"
        self.mounted[f"{role} {order.item.title}"] = names
        if fetches_here:
            self._before(order.item.title)
            FetcherApart(order.fetch, order.sites).fetch(order.item, root / "media", lambda _: None)
        return fetches() if isinstance(order, FetchOrder) else succeeds()
