"""What the diarizer takes from pyannote.audio, with the modules that loading a pipeline imports, and without
those that only training needs. Called by the diarizer's modules: nobody else imports pyannote.audio.

Importing takes seconds. It happens while `diarization` is imported, which a run does in the background.
"""

import os
import warnings
from types import MappingProxyType
from typing import Final

from ingest_worker.engines.lean import lean_imports

QUIET: Final = MappingProxyType({"PYANNOTE_METRICS_ENABLED": "0", "HF_HUB_OFFLINE": "1"})
"""Read when pyannote.audio and huggingface_hub are imported: no telemetry, no hub."""

os.environ.update(QUIET)

with warnings.catch_warnings(), lean_imports():
    # that torchcodec is not there, and what Lightning deprecates: neither is used
    warnings.simplefilter("ignore")
    from pyannote.audio import Pipeline, pipelines
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models import embedding, segmentation
    from pyannote.core import SlidingWindow, SlidingWindowFeature

__all__ = [
    "Pipeline",
    "Problem",
    "Resolution",
    "SlidingWindow",
    "SlidingWindowFeature",
    "Specifications",
    "embedding",
    "pipelines",
    "segmentation",
]
