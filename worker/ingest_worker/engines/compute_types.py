"""The number format in which Whisper runs, where the profile leaves it to the device.

Called by the composition root before the first model is loaded: on CUDA the question starts CUDA.
"""

import logging
from collections.abc import Collection
from typing import Final, Literal

from ingest_contract.failures import Reason
from ingest_contract.profile import ComputeType
from ingest_worker.errors import StageError
from ingest_worker.memory import classify

PREFERRED: Final = {
    "cuda": (ComputeType.INT8_FLOAT16, ComputeType.FLOAT16, ComputeType.FLOAT32),
    "cpu": (ComputeType.INT8, ComputeType.FLOAT32),
}
"""Best first: what takes the least memory, and on a CPU the least time."""

log = logging.getLogger(__name__)


def resolved(wanted: ComputeType, device: Literal["cuda", "cpu"]) -> ComputeType:
    """The number format in which Whisper will run. A device that lacks the best one says so in the log.

    Raises:
        StageError: `GPU_UNAVAILABLE` or another reason of `classify`, if CUDA does not start;
            `COMPUTE_TYPE_UNSUPPORTED`, if the device has none of ours.
    """
    if wanted is not ComputeType.AUTO:
        return wanted
    import ctranslate2

    try:
        found = ctranslate2.get_supported_compute_types(device)
    except Exception as error:
        raise StageError(
            refused(error) or classify(error) or Reason.UNKNOWN, f"{type(error).__name__}: {error}"
        ) from error
    best = best_of(found, device)
    if best is not PREFERRED[device][0]:
        log.warning(
            "the device computes in %s and not in %s",
            best.value,
            PREFERRED[device][0].value,
            extra={"action": "choose-compute-type", "compute_type": best.value},
        )
    return best


def best_of(supported: Collection[str], device: Literal["cuda", "cpu"]) -> ComputeType:
    """The best of the number formats that a device has, by CTranslate2's names.

    Raises:
        StageError: `COMPUTE_TYPE_UNSUPPORTED`, if it has none of ours.
    """
    for wanted in PREFERRED[device]:
        if wanted.value in supported:
            return wanted
    raise StageError(
        Reason.COMPUTE_TYPE_UNSUPPORTED,
        f"The device computes in {', '.join(sorted(supported)) or 'nothing'}.",
    )


def refused(error: Exception) -> Reason | None:
    """The reason of CTranslate2's `ValueError`s about the device; None for every other exception.

    Its texts come from the library alone, so that they are trusted here, other than those of any `ValueError`
    (`src/types.cc` and `src/devices.cc` of CTranslate2 4.8).
    """
    text = str(error)
    if not isinstance(error, ValueError):
        return None
    if "compute type" in text and "do not support" in text:
        return Reason.COMPUTE_TYPE_UNSUPPORTED
    return Reason.GPU_UNAVAILABLE if "not compiled with CUDA" in text else None
