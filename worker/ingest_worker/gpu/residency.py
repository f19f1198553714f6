"""The VRAM plan: from the memory that is free before CUDA starts, which stages may be resident together and
with which batches. Pure.

Called once per run by the composition root. The footprints are other people's measurements, so a run only
starts with them: batches still halve themselves when memory is short, and the Receipt has the memory that was
really used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingest_contract.profile import ComputeType

CONTEXT_MIB: Final = 300
"""A CUDA context with its kernels; 278 MiB measured on an A6000 (OpenTranscribe, `docs/whole-stack.md`). One
for both engines."""

MARGIN_FACTOR: Final = 1.25
"""Factor on every footprint: with it, the estimates below are at least as large as every process measured in
faster-whisper#1030 (large-v3, distil, turbo)."""

_WORKSPACE_MIB: Final = 580
_PIECE_MIB: Final = 233
"""Whisper in CTranslate2 beside its weights: the line through 1.85, 2.3, 3.2, 5.1 and 8.8 GB at batch 2, 4,
8, 16 and 32 (turbo, int8_float16, beam 5, A6000; OpenTranscribe, `docs/whisper-vram-profile`), less the
weights. All large models share this encoder; for smaller ones it is too much, which is the safe side."""

_WEIGHTS: Final = {
    ComputeType.FLOAT32: 2.0,
    ComputeType.FLOAT16: 1.0,
    ComputeType.BFLOAT16: 1.0,
    ComputeType.INT8: 0.5,
    ComputeType.INT8_FLOAT16: 0.5,
}
"""Size on the device divided by size of the file, which holds 16-bit weights."""

_DIARIZATION_MIB: Final = ((8, 640), (16, 954), (32, 1_900), (64, 4_600), (128, 8_000))
"""(batch up to, MiB): community-1 in fp32 on an A6000 (OpenTranscribe, `docs/diarization-vram-profile`),
for one call per window. Ours runs its trunk in blocks and needs less;
how much less on a GPU has not been measured."""


@dataclass(frozen=True, slots=True)
class Batches:
    """How many windows are decoded, and how many segmented, at once."""

    transcription: int
    diarization: int

    def halved(self) -> "Batches":
        """Half of both, never below 1."""
        return Batches(max(1, self.transcription // 2), max(1, self.diarization // 2))


@dataclass(frozen=True, slots=True)
class Whisper:
    """What is known of the transcription model before it is loaded."""

    weights_mib: int
    """Size of its largest file."""
    compute_type: ComputeType


@dataclass(frozen=True, slots=True)
class ResidencyPlan:
    """Which stages may share the GPU, and with which batches."""

    together: bool
    """Whether transcription and diarization run at the same time. Otherwise each is released before the other
    is loaded."""
    batches: Batches
    why: str
    """For the log."""


def transcription_mib(whisper: Whisper, batch: int) -> int:
    """Device memory of transcription, margin included."""
    return round(
        MARGIN_FACTOR
        * (whisper.weights_mib * _WEIGHTS[whisper.compute_type] + _WORKSPACE_MIB + _PIECE_MIB * batch)
    )


def diarization_mib(batch: int) -> int:
    """Device memory of diarization, margin included; the largest measured is scaled for larger batches."""
    top, most = _DIARIZATION_MIB[-1]
    need = next((mib for limit, mib in _DIARIZATION_MIB if batch <= limit), most * batch / top)
    return round(MARGIN_FACTOR * need)


def plan_residency(
    free_mib: int | None, whisper: Whisper, asked: Batches, *, together: bool
) -> ResidencyPlan:
    """The plan with which a run begins.

    Together at the asked batches, else together at half of them, else one after the other at the largest
    halves that fit alone. Half is as far as batches shrink for the sake of overlap: batches of 8 to 16 are
    where the gains of batching end, and overlapping two stages that are both short of work gains nothing. If
    even a batch of one does not seem to fit, it is tried: footprints are estimates.

    Args:
        free_mib: Free memory of the device before CUDA started; None on a CPU.
        whisper: The transcription model.
        asked: The order's batches.
        together: Whether the order allows that they share the GPU.
    """
    if free_mib is None:
        return ResidencyPlan(together=False, batches=asked, why="cpu: the stages share the same cores")
    usable = free_mib - CONTEXT_MIB
    if together:
        for batches in (asked, asked.halved()):
            need = transcription_mib(whisper, batches.transcription) + diarization_mib(batches.diarization)
            if need <= usable:
                return ResidencyPlan(together=True, batches=batches, why=f"{need} of {usable} MiB together")
    alone = Batches(
        _largest(asked.transcription, lambda batch: transcription_mib(whisper, batch) <= usable),
        _largest(asked.diarization, lambda batch: diarization_mib(batch) <= usable),
    )
    why = f"{usable} MiB are too few for both" if together else "the order wants one after the other"
    return ResidencyPlan(together=False, batches=alone, why=why)


def _largest(batch: int, fits: Callable[[int], bool]) -> int:
    """The batch, halved until it fits; at least 1."""
    while batch > 1 and not fits(batch):
        batch //= 2
    return batch
