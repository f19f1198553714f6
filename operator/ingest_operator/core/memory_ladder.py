"""The memory ladder: what a run gives up to fit where an earlier one did not. Pure.

One ladder for both memories: each rung takes less at once on the GPU and, in a cluster, asks for more of the
host. The rung is recorded on the recording, so its next run, and the batch's other recordings, start on the
rung that this one reached. A worker knows no rungs: its order says what the rung means.
"""

from dataclasses import dataclass
from typing import Final

from ingest_contract.place import Runtime


@dataclass(frozen=True, slots=True)
class _Rung:
    """What a rung leaves of the profile's settings."""

    divisor: int
    """Batches are divided by it, never below 1."""
    together: bool
    """Whether stages may share the GPU, and models may be loaded before they are needed: in both cases two
    models are in one memory."""


_LADDER: Final = (
    _Rung(1, together=True),  # as the profile says
    _Rung(2, together=True),
    _Rung(4, together=False),
    _Rung(1_000_000, together=False),  # everything one at a time
)

LAST_RUNG: Final = len(_LADDER) - 1
"""The lowest rung; 0 is the top."""

_ONE_TEXT_TOKENS: Final = 512
"""Tokens of the longest text that the text model reads: a batch of texts is never smaller."""


def on_rung(runtime: Runtime, rung: int) -> Runtime:
    """The runtime of one rung: divided batches, never larger than before, and whether two models may be in
    memory together."""
    divisor, together = _LADDER[rung].divisor, _LADDER[rung].together
    tokens = runtime.embedding_batch_tokens
    return runtime.model_copy(
        update={
            "transcription_batch": max(1, runtime.transcription_batch // divisor),
            "diarization_batch": max(1, runtime.diarization_batch // divisor),
            "embedding_batch_tokens": min(tokens, max(_ONE_TEXT_TOKENS, tokens // divisor)),
            "together": runtime.together and together,
            "preload": runtime.preload and together,
        }
    )
