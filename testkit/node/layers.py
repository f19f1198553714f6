"""An image as it lies in buildah's storage: what describes it, and a folder per layer, to be linked instead
of packed and copied.

The storage is containers/storage's, whose overlay driver keeps `overlay-images/images.json`,
`overlay-layers/layers.json` and `overlay/<layer>/diff`; a containerd with the overlayfs snapshotter wants the
same files in folders of its own.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of an image, unpacked."""

    chain: str
    """The digest of it and of all below it, which is the name of its snapshot (OCI image specification,
    "Layer ChainID")."""
    below: str | None
    """The chain that it lies on; None for the lowest."""
    folder: Path
    """Its files, and overlay's own marks for those it takes away."""


@dataclass(frozen=True, slots=True)
class Layered:
    """An image, its layers from the base up."""

    reference: str
    """The whole name, with the registry that pods mean when they name none."""
    manifest: bytes
    config: bytes
    layers: tuple[Layer, ...]

    def description(self) -> bytes:
        """An archive in the form of OCI's image layout with everything but the layers in it."""
        named = {"io.containerd.image.name": self.reference}
        media_type = json.loads(self.manifest)["mediaType"]
        about = {
            "mediaType": media_type,
            "digest": _digest(self.manifest),
            "size": len(self.manifest),
            "annotations": named,
        }
        files = {
            "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
            "index.json": _json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [about]}),
            **{f"blobs/{_digest(blob).replace(':', '/')}": blob for blob in (self.manifest, self.config)},
        }
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return archive.getvalue()


def layered(root: Path, reference: str, manifest: str, config: str) -> Layered:
    """The image that buildah's storage at `root` has as `reference`, with what `buildah inspect` says of
    it."""
    built, named = (
        (reference, reference)
        if "/" in reference
        else (f"localhost/{reference}", f"docker.io/library/{reference}")
    )
    (top,) = (
        each["layer"]
        for each in _entries(root / "overlay-images" / "images.json")
        if built in each.get("names", ())
    )
    layers: list[Layer] = []
    for entry in reversed(
        list(
            _down_from(top, {each["id"]: each for each in _entries(root / "overlay-layers" / "layers.json")})
        )
    ):
        below = layers[-1].chain if layers else None
        chain = _digest(f"{below} {entry['diff-digest']}".encode()) if below else entry["diff-digest"]
        layers.append(Layer(chain, below, root / "overlay" / entry["id"] / "diff"))
    return Layered(named, manifest.encode(), config.encode(), tuple(layers))


def _entries(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8")))


def _down_from(layer: str, known: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    while layer:
        yield known[layer]
        layer = known[layer].get("parent", "")


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
