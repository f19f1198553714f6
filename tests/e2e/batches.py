"""Batches of one recording or several, made and awaited as a test needs them.

Stages are kept by what they were computed from: a recording that an earlier test has transcribed is not transcribed again. A test that
needs real work gives its batch a profile of its own, with another `beamSize` than anybody else's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ingest_operator.kube.names import BATCH_UID, INGEST, ROLE
from tests.e2e.place import BASE, Place

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
        """Wait until one of its workers is in one of these stages; the name of the only pod that runs."""
        wanted = stages or ("transcribe", "diarize")

        def working() -> bool:
            status = self.status
            assert status.get("state") not in ("Complete", "CompleteWithFailures", "Failed"), f"too late: {status}"
            return any(row["state"] == "Running" and row.get("stage") in wanted for row in status.get("videos", ()))

        self.here.until(working, f"{self.name} is in {' or '.join(wanted)}")
        (pod,) = [each for each in self.workers() if each["status"]["phase"] == "Running"]
        return str(pod["metadata"]["name"])

    def done(self) -> dict[str, Any]:
        """Its status when it is complete."""
        self.here.kubectl(f"wait --timeout=60m --for=condition=Complete ib {self.name}", shown=False)
        return self.status


def batch(here: Place, name: str, files: Sequence[str], *, beams: int, parallelism: int = 1, **fields: Any) -> Batch:
    """Apply a batch of these files, or addresses. Its profile is the chart's with other beams, these `fields`, and pods that are kept."""
    profile = here.read("ingestprofile", "default")["spec"]
    profile["transcription"]["beamSize"] = beams
    profile["pods"]["keepSucceededSeconds"] = 86_400
    for field, value in fields.items():
        profile[field] |= value
    apply(here, {"apiVersion": API, "kind": "IngestProfile", "metadata": {"name": name}, "spec": profile})
    sources = [{"url": file if "://" in file else f"{BASE}/{file}"} for file in files]
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
