"""Imports the engines, with the modules that loading a model imports: what `ingest_worker.imports` needs of
them, without any thread of theirs.

Two of them start threads when they are imported, and a thread does not survive a fork:

- onnxruntime, which pyannote.audio imports where it finds it, for networks that no pipeline of ours has. It
  does not find it here; a run imports it for itself when it listens for voice activity (0.1 s).
- pyannote.audio's telemetry, also where it is switched off: a provider waits for spans that never come. It is
  shut down, by OpenTelemetry's own method.
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

importlib.import_module("pyannote.audio.telemetry.metrics").provider.shutdown()
