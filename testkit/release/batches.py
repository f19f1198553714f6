"""Batches of one recording or several, made and awaited as a test needs them. Each does all its work,
whatever earlier ones have kept."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import yaml

from ingest_contract.names import API_VERSION
from ingest_operator.kube.api.names import BATCH_UID, INGEST, PROGRESS_PORT, ROLE
from testkit.release.place import BASE, NAMESPACE, Place


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch in the cluster, which has a profile of its own and the same name."""

    here: Place
    name: str

    @property
    def status(self) -> dict[str, Any]:
        """What it says now."""
        return dict(self.here.read("ingestbatches", self.name).get("status", {}))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its recordings."""
        return list(self.status.get("recordings", ()))

    def workers(self) -> list[dict[str, Any]]:
        """Pods of its recordings."""
        uid = self.here.read("ingestbatches", self.name)["metadata"]["uid"]
        return self.here.listed("pods", f"{BATCH_UID}={uid},{ROLE}={INGEST}")

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something holds while the batch goes on."""

        def look() -> bool:
            if condition():
                return True
            assert self._end() is None, f"too late for {what}: {self.status}"
            return False

        self.here.until(look, f"{self.name}: {what}")

    def until_working(self) -> str:
        """Wait until one of its workers says itself that it transcribes or tells speakers apart; the name of
        its pod."""
        working: list[str] = []

        def look() -> list[str]:
            working[:] = [name for name in self._running() if self._stage(name) in ("transcribe", "diarize")]
            return working

        self.until(look, "a worker is at work")
        return working[0]

    def done(self) -> dict[str, Any]:
        """Its status when it is complete."""
        self.here.until(self._end, f"{self.name} is complete")
        assert self._end() == "Complete", f"{self.status}\n{self.here.trouble()}"
        return self.status

    def _end(self) -> str | None:
        """Complete or Failed, once it is."""
        conditions = self.status.get("conditions", ())
        holds = {each["type"] for each in conditions if each["status"] == "True"}
        return next((each for each in ("Complete", "Failed") if each in holds), None)

    def _running(self) -> list[str]:
        return [str(pod["metadata"]["name"]) for pod in self.workers() if pod["status"]["phase"] == "Running"]

    def _stage(self, pod: str) -> str | None:
        """What its progress page says, if it serves one yet."""
        page = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:{PROGRESS_PORT}/proxy/progress"
        status, body = self.here.node.plane.admin.send("GET", page)
        return str(json.loads(body)["stage"]) if status == HTTPStatus.OK else None


def batch(here: Place, name: str, files: Sequence[str], *, parallelism: int = 1, **fields: Any) -> Batch:
    """Apply a batch of these files, or addresses. Its profile is the chart's with these `fields`, and pods
    that are kept."""
    profile = here.read("ingestprofiles", "default")["spec"]
    profile["pods"]["keepSucceededSeconds"] = 86_400
    for field, value in fields.items():
        profile[field] |= value
    apply(
        here,
        {"apiVersion": API_VERSION, "kind": "IngestProfile", "metadata": {"name": name}, "spec": profile},
    )
    sources = [{"url": file if "://" in file else f"{BASE}/{file}"} for file in files]
    spec = {
        "profileRef": {"name": name},
        "sources": sources,
        "parallelism": parallelism,
        "reprocess": "Always",
        "transcription": {"language": "en"},
    }
    apply(here, {"apiVersion": API_VERSION, "kind": "IngestBatch", "metadata": {"name": name}, "spec": spec})
    return Batch(here, name)


def apply(here: Place, body: dict[str, Any]) -> None:
    """As `kubectl apply` does it."""
    path = here.folder / f"{body['kind']}-{body['metadata']['name']}.yaml"
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    here.kubectl(f"apply --filename {path.name}", shown=False)
