"""Batches of one recording or several, made and awaited as a test needs them.

Stages are kept by what they were computed from: a recording that an earlier test has transcribed is not transcribed again. A test that
needs real work gives its batch a profile of its own, with another `beamSize` than anybody else's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import yaml

from ingest_operator.kube.names import BATCH_UID, INGEST, PROGRESS_PORT, ROLE
from tests.e2e.place import BASE, NAMESPACE, Place

API = "video-ingest.dev/v1alpha1"


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch in the cluster, which has a profile of its own and the same name."""

    here: Place
    name: str

    @property
    def status(self) -> dict[str, Any]:
        """What it says now."""
        return dict(self.here.read("ib", self.name).get("status", {}))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its recordings."""
        return list(self.status.get("videos", ()))

    def workers(self) -> list[dict[str, Any]]:
        """Pods of its recordings."""
        uid = self.here.read("ib", self.name)["metadata"]["uid"]
        return self.here.listed("pods", f"{BATCH_UID}={uid},{ROLE}={INGEST}")

    def until_working(self, *stages: str) -> str:
        """Wait until one of its workers says itself that it is in one of these stages; the name of its pod."""
        wanted = stages or ("transcribe", "diarize")
        working: list[str] = []

        def look() -> bool:
            assert "Complete" not in self.status.get("state", ""), f"too late: {self.status}"
            working[:] = [name for name in self._running() if self._stage(name) in wanted]
            return bool(working)

        self.here.until(look, f"{self.name} is in {' or '.join(wanted)}")
        return working[0]

    def _running(self) -> list[str]:
        return [str(pod["metadata"]["name"]) for pod in self.workers() if pod["status"]["phase"] == "Running"]

    def _stage(self, pod: str) -> str | None:
        """What its progress page says, if it serves one yet."""
        page = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:{PROGRESS_PORT}/proxy/progress"
        status, body = self.here.node.plane.admin.send("GET", page)
        return str(json.loads(body)["stage"]) if status == HTTPStatus.OK else None

    def done(self) -> dict[str, Any]:
        """Its status when it is complete."""
        self.here.kubectl(f"wait --timeout=60m --for=condition=Complete ib {self.name}", shown=False)
        return self.status


def batch(
    here: Place, name: str, files: Sequence[str], *, beams: int, parallelism: int = 1, most: int | None = None, **fields: Any
) -> Batch:
    """Apply a batch of these files, or addresses. Its profile is the chart's with other beams, these `fields`, and pods that are kept.

    Where it says how many speakers there are at `most`, they are told apart anew as well.
    """
    profile = here.read("ingestprofile", "default")["spec"]
    profile["transcription"]["beamSize"] = beams
    profile["pods"]["keepSucceededSeconds"] = 86_400
    for field, value in fields.items():
        profile[field] |= value
    apply(here, {"apiVersion": API, "kind": "IngestProfile", "metadata": {"name": name}, "spec": profile})
    bounds = {"speakers": {"max": most}} if most else {}
    sources = [{"url": file if "://" in file else f"{BASE}/{file}", **bounds} for file in files]
    spec = {
        "profileRef": {"name": name},
        "sources": sources,
        "parallelism": parallelism,
        "reprocess": "Always",
        "transcription": {"language": "en"},
    }
    apply(here, {"apiVersion": API, "kind": "IngestBatch", "metadata": {"name": name}, "spec": spec})
    return Batch(here, name)


def apply(here: Place, body: dict[str, Any]) -> None:
    """As `kubectl apply` does it."""
    path = here.folder / f"{body['kind']}-{body['metadata']['name']}.yaml"
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    here.kubectl(f"apply --filename {path.name}", shown=False)
