"""The memory ladder: what a try gives up to fit where an earlier one did not. Pure.

One ladder for both memories: each rung takes less at once on the GPU and, in a cluster, asks for more of the host. The number of the rung
is recorded on the item, so the next try, and the batch's other recordings, start where this one learned to.
"""

from typing import Final

from ingest_contract.order import Runtime

LAST_RUNG: Final = 3
"""Rungs: 0 as the profile says; 1 half batches; 2 quarter batches, stages one after the other; 3 everything one at a time."""

_DIVISORS: Final = (1, 2, 4, 1_000_000)


def on_rung(runtime: Runtime, rung: int) -> Runtime:
    """The runtime of one rung: batch sizes divided, never below 1 (a text batch never below one text's 512 tokens), never larger."""
    divisor = _DIVISORS[rung]
    if divisor == 1:
        return runtime
    return runtime.model_copy(
        update={
            "transcription_batch": max(1, runtime.transcription_batch // divisor),
            "diarization_batch": max(1, runtime.diarization_batch // divisor),
            "embedding_batch_tokens": min(runtime.embedding_batch_tokens, max(512, runtime.embedding_batch_tokens // divisor)),
        }
    )
