"""The stages of one recording, and the hashes that say whether a stored result still counts.

A stage hash covers what determines the stage's output: the identity of its model (the sha256 of its files),
its parameters, its own version, and the hashes it builds on. Image, batch sizes, number format and rung are
left out: they change speed and memory, not meaning.
"""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final


class Stage(StrEnum):
    """The stages in the order of the data. `transcribe` and `diarize` both read the audio and may overlap."""

    FETCH = "fetch"
    DECODE = "decode"
    TRANSCRIBE = "transcribe"
    DIARIZE = "diarize"
    IDENTIFY = "identify"
    ATTRIBUTE = "attribute"
    SEGMENT = "segment"
    EMBED = "embed"
    STORE = "store"


KEPT: Final = (Stage.TRANSCRIBE, Stage.DIARIZE, Stage.IDENTIFY, Stage.EMBED)
"""The stages whose results are kept as artifacts: a later run resumes after the last of them."""

RESTS_ON: Final[Mapping[Stage, frozenset[Stage]]] = {
    Stage.TRANSCRIBE: frozenset(),
    Stage.DIARIZE: frozenset(),
    Stage.IDENTIFY: frozenset({Stage.DIARIZE}),
    Stage.EMBED: frozenset({Stage.TRANSCRIBE, Stage.DIARIZE}),
}
"""For each kept stage those whose kept results its own was made of. It counts as long as they do: two
machines hear the same recording under the same hash in slightly different words and turns, and names or
passages of the one would be laid over the speakers and words of the other."""

STAGE_VERSION: Final[Mapping[Stage, int]] = {
    Stage.DECODE: 6,
    Stage.TRANSCRIBE: 13,
    Stage.DIARIZE: 5,
    Stage.IDENTIFY: 3,
    Stage.ATTRIBUTE: 1,
    Stage.SEGMENT: 1,
    Stage.EMBED: 1,
}
"""Raise by hand when a stage's own code changes its output: for each stage that determines what is stored,
whether its own result is kept or not. `tests/worker/test_stage_versions.py` detects a changed result under
the same number, for stages without a model."""

CAPTIONS_VERSION: Final = 2
"""The same for transcripts that are made of captions."""


def stage_hash(stage: Stage, *, parameters: Mapping[str, Any], builds_on: tuple[str, ...] = ()) -> str:
    """Sixteen hex digits over the stage's name and version, its parameters (JSON values) and the hashes it
    builds on."""
    content = [stage.value, STAGE_VERSION[stage], dict(parameters), list(builds_on)]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
