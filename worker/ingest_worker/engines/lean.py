"""Imports foreign packages without what they import for training and for pictures.

Called by `pyannote_parts` and `sentence_parts`. Of what they import, `LEFT_OUT` is optional to whoever asks
for it; the import system's own way says that it is not there. `METRICS` is not optional: Lightning and
pyannote.audio take two class names from it, to recognise what only training logs, and with them come
transformers and matplotlib. Two empty classes stand in for them
(docs/decisions/0064-imports-that-nobody-needs.md). Afterwards all of it is gone from `sys.modules`, so that
whoever else wants the real ones gets them. Must be given imports and nothing else.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from threading import RLock
from types import ModuleType
from typing import Any, Final

LEFT_OUT: Final = ("matplotlib", "pyarrow", "torchcodec")
"""pyannote.core draws with the first and pandas may use the second, whose allocator has a thread; the third
decodes media, which only our own decoder does."""

METRICS: Final = "torchmetrics"

_modules: dict[str, Any] = sys.modules
_one_at_a_time: Final = RLock()


@contextmanager
def lean_imports() -> Iterator[None]:
    """While it lasts, `LEFT_OUT` are not there and `METRICS` is empty, in every thread of the process; those
    that are imported already stay as they are."""
    with _one_at_a_time:
        put: dict[str, Any] = dict.fromkeys(LEFT_OUT)
        put[METRICS] = _stand_in()
        put = {name: module for name, module in put.items() if name not in _modules}
        if METRICS not in put:
            put.clear()  # the real one may still be in the middle of its own imports
        _modules.update(put)
        try:
            yield
        finally:
            for name in put:
                del _modules[name]


def _stand_in() -> ModuleType:
    made: Any = ModuleType(METRICS)
    made.__version__ = version(METRICS)
    made.__spec__ = ModuleSpec(METRICS, None)
    made.Metric = type("Metric", (), {})
    made.MetricCollection = type("MetricCollection", (), {})
    return made  # type: ignore[no-any-return]  # a module may have any attribute
