"""Imports the engines, with the modules that loading a model imports: what `ingest_worker.imports` needs of
them, without any thread of theirs.

A thread does not survive a fork, and one of them starts threads when it is imported: onnxruntime, which
pyannote.audio imports where it finds it, for networks that no pipeline of ours has. It does not find it here;
a run imports it for itself when it listens for voice activity (0.1 s). pyannote.audio's telemetry, which
would start one too, has a stand-in (`lean`).
"""

import importlib
import sys
from typing import Any, Final

LEFT_OUT: Final = "onnxruntime"

MODULES: Final = (
    "ingest_worker.engines.whisper",
    "ingest_worker.engines.diarization",
    "ingest_worker.engines.embedding",
    "ingest_worker.engines.sentence_parts",
)

# the import system's own way to say that a module is not there (Python Language Reference, 5.3.1)
_modules: dict[str, Any] = sys.modules
_modules[LEFT_OUT] = None
for _module in MODULES:
    importlib.import_module(_module)
del _modules[LEFT_OUT]
