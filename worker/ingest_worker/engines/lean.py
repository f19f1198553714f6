"""Imports foreign packages without what they import for training, for measuring and for pictures.

Called by `pyannote_parts` and `sentence_parts`, and by `embedding`, whose model has a module of its own. Of
what they import, `LEFT_OUT` is optional to whoever asks for it; the import system's own way says that it is
not there. The rest is not optional: each table below names what is taken from a module, and what stands in
for it. An import that wants more fails at once, at the first start, with the name that is missing
(docs/decisions/0064-imports-that-nobody-needs.md, docs/decisions/0071-what-a-cold-process-does-first.md).
Afterwards all of it is gone from `sys.modules`, so that whoever else wants the real ones gets them. Must be
given imports and the loading of models, and nothing that computes.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from threading import RLock
from types import MappingProxyType, ModuleType
from typing import Any, Final

LEFT_OUT: Final = ("matplotlib", "pyarrow", "torchcodec")
"""pyannote.core draws with the first and pandas may use the second, whose allocator has a thread; the third
decodes media, which only our own decoder does."""

METRICS: Final = "torchmetrics"

RECOGNISED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        METRICS: ("Metric", "MetricCollection"),
        "networkx": ("Graph",),
        "pandas": ("DataFrame",),
        "sklearn.isotonic": ("IsotonicRegression",),
        "sklearn.utils.validation": ("NotFittedError",),
        "torch._dynamo": ("OptimizedModule",),
    }
)
"""Classes that are compared with, derived from or named in an annotation: empty ones do."""

CALLED_LATER: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "scipy.stats": ("bayes_mvs", "scoreatpercentile"),
        "sklearn.cluster": ("KMeans",),
        "sklearn.metrics": ("pairwise_distances",),
        "sklearn.utils.validation": ("check_is_fitted",),
        "torch._dynamo._trace_wrapped_higher_order_op": ("TransformGetItemToIndex",),
    }
)
"""What is called if at all: the real one is imported at its first call. A diarizer that is told how many
people speak may need `KMeans`."""

COMPILER_MARKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"torch._dynamo": ("allow_in_graph", "assume_constant_result", "disable")}
)
"""Decorators that tell torch's compiler what to do with a function. Nothing is compiled."""

TELEMETRY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"pyannote.audio.telemetry": ("track_model_init", "track_pipeline_apply", "track_pipeline_init")}
)
"""It has a thread even where it is switched off. Nothing is reported."""

STAND_INS: Final = tuple(sorted({*RECOGNISED, *CALLED_LATER, *COMPILER_MARKS, *TELEMETRY}))

_modules: dict[str, Any] = sys.modules
_one_at_a_time: Final = RLock()


@contextmanager
def lean_imports() -> Iterator[None]:
    """While it lasts, `LEFT_OUT` are not there and `STAND_INS` have only what is named above, in every thread
    of the process. If one of these is imported already, all of it stays real."""
    with _one_at_a_time:
        put: dict[str, Any] = {}
        if not _modules.keys() & set(STAND_INS):  # a real one may still be in the middle of its own imports
            put = {name: None for name in LEFT_OUT if name not in _modules} | _stand_ins()
        _modules.update(put)
        try:
            yield
        finally:
            for name in put:
                del _modules[name]


def _stand_ins() -> dict[str, ModuleType]:
    made: dict[str, Any] = {name: _empty(name) for name in STAND_INS}
    made[METRICS].__version__ = version(METRICS)
    kinds: tuple[tuple[Mapping[str, tuple[str, ...]], Callable[[str, str], object]], ...] = (
        (RECOGNISED, lambda _, name: type(name, (Exception,) if name.endswith("Error") else (), {})),
        (CALLED_LATER, lambda module, name: partial(_called, module, name)),
        (COMPILER_MARKS, lambda *_: _unmarked),
        (TELEMETRY, lambda *_: _nobody),
    )
    for names, stand_in in kinds:
        for module, wanted in names.items():
            for name in wanted:
                setattr(made[module], name, stand_in(module, name))
    return made


def _empty(name: str) -> ModuleType:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    return made


def _called(module: str, name: str, /, *arguments: Any, **named: Any) -> Any:
    """Call the real one. It is not imported while another thread leaves it out."""
    with _one_at_a_time:
        real = getattr(import_module(module), name)
    if isinstance(real, partial):
        raise ImportError(f"{module}.{name} is called by an import that leaves it out")  # noqa: TRY004 -- not a wrong type
    return real(*arguments, **named)


def _unmarked(function: Any = None, *_: object, **__: object) -> Any:
    """The function as it is, however it is decorated."""
    return function if function is not None else _unmarked


def _nobody(*_: object, **__: object) -> None:
    """Hears of nothing."""
