"""The folder from which a bare machine with torch runs `python -m bench.gpu`, 64 MiB at most.
`make gpu-kit`.

The voice network's trunk as TorchScript and half a minute of sound as its filterbank, made from the demo's
models, and the modules of this package that need torch alone. Brings also what the other rows need and do not
carry away: the demo's models and its dialogue, in the cache.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import torch

from bench.gpu.trunk import CONTEXT, FEATURES, TRUNK

LIMIT_BYTES = 64 << 20
ROOT = Path(__file__).parents[2]
BARE_CODE = ("__init__", "__main__", "device", "trunk", "rows", "processes", "child", "residency_table")
"""Of this package. `product` stays: without the worker's environment it has nothing to call."""


class _Frames(torch.nn.Module):
    """Of the voice network what does not depend on who speaks."""

    def __init__(self, resnet: torch.nn.Module) -> None:
        super().__init__()
        self.resnet = resnet

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(batch, channels, mel, frames)."""
        resnet: Any = self.resnet
        found: torch.Tensor = resnet.forward_frames(batch)
        return found


def traced(resnet: torch.nn.Module, mel: int) -> Any:
    """The trunk as TorchScript: (batch, frames, mel) to (batch, channels, features, frames).

    Tracing alone writes down whether convolutions may use TF32 at that moment; a convolution that is a script
    asks when it runs, so that a row can switch it.
    """
    jit: Any = torch.jit  # it has no types
    for name, part in list(resnet.named_modules()):
        if isinstance(part, torch.nn.Conv2d):
            resnet.set_submodule(name, jit.script(part))
    return jit.trace(_Frames(resnet), torch.zeros(1, 3 * CONTEXT, mel), check_trace=False)


def make(folder: Path, community: Path, sound: Path) -> int:
    """Write the kit from a pipeline's folder and a 16 kHz mono WAV. Returns its bytes.

    Raises:
        ValueError: it is larger than it may be.
    """
    from ingest_worker.engines.pyannote_folder import loaded
    from testkit.models.reference_diarization import pcm

    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bench" / "gpu").mkdir(parents=True)
    network: Any = loaded(community, "cpu")._embedding.model_  # noqa: SLF001 - it has no public name
    audio = pcm(sound, folder / "sound.pcm")
    samples = torch.from_numpy(audio.pcm().astype("float32"))[None]
    (folder / "sound.pcm").unlink()
    with torch.inference_mode():
        features = network._fbank(samples)  # noqa: SLF001 - as the product's trunk calls it
        features -= features.mean(0)
    torch.save(features.clone(), folder / FEATURES)
    traced(network.resnet.eval(), features.shape[1]).save(str(folder / TRUNK))
    (folder / "bench" / "__init__.py").write_text("")
    for name in BARE_CODE:
        shutil.copy(ROOT / "bench" / "gpu" / f"{name}.py", folder / "bench" / "gpu" / f"{name}.py")
    size = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
    if size > LIMIT_BYTES:
        raise ValueError(f"the kit has {size} bytes, more than {LIMIT_BYTES}")
    return size


def main() -> None:
    """Make it where the command looks for it, and have in the cache what the command asks of it."""
    from bench.gpu.__main__ import KIT
    from testkit.models import community1, demo_set
    from testkit.speech.catalogue import recordings

    parser = argparse.ArgumentParser(prog="python -m bench.gpu.kit", description=__doc__)
    parser.add_argument("--into", type=Path, default=KIT)
    chosen = parser.parse_args()
    size = make(chosen.into, community1.kit(), recordings()["sample"].path)
    print(f"for the rows with the worker: {demo_set.models()}, {recordings()['dialogue'].path}")
    print(f"{chosen.into}: {size / 2**20:.1f} MiB. There: cd {chosen.into} && python3 -m bench.gpu --kit .")


if __name__ == "__main__":
    main()
