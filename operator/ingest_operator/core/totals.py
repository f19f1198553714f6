"""The sums of a batch: added up in the ledger, written to `status.sums` and read back from it. Pure.

The fields have the names that they have in the API, so each is listed once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from ingest_contract.base import decimal
from ingest_contract.captions import (
    CaptionsProblem,
    ProblemCount,
    SourceCount,
    TranscriptOrigin,
    TranscriptSource,
)
from ingest_contract.figures import MAX_LANGUAGE_ENTRIES, OTHER_LANGUAGES, LanguageCount, StageSeconds, Sums
from ingest_contract.receipt import Receipt, StageFigures
from ingest_contract.stages import Stage


@dataclass(frozen=True, slots=True)
class StageTotal:
    """Of one stage, over the succeeded recordings."""

    seconds: float = 0.0
    computing_seconds: float = 0.0

    def plus(self, figures: StageFigures) -> "StageTotal":
        """With one more run of it."""
        return StageTotal(
            round(self.seconds + figures.seconds, 3),
            round(self.computing_seconds + figures.computing_seconds, 3),
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """Over the succeeded recordings; from `queued_seconds` on, over every run that ended."""

    media_seconds: float = 0.0
    processing_seconds: float = 0.0
    overhead_seconds: float = 0.0
    speech_seconds: float = 0.0
    voiced_seconds: float = 0.0
    dropped_seconds: float = 0.0
    wordless_seconds: float = 0.0
    speakerless_seconds: float = 0.0
    cut_words: int = 0
    words: int = 0
    doubtful_words: int = 0
    sounds_like: Mapping[str, int] = field(default_factory=dict)
    transcripts: Mapping[TranscriptSource, int] = field(default_factory=dict)
    captions_not_taken: Mapping[CaptionsProblem, int] = field(default_factory=dict)
    segments: int = 0
    vectors: int = 0
    stages: Mapping[Stage, StageTotal] = field(default_factory=dict)
    queued_seconds: float = 0.0
    starting_seconds: float = 0.0
    pulling_seconds: float = 0.0
    gpu_seconds: float = 0.0
    held_seconds: float = 0.0
    computing_seconds: float = 0.0

    def plus(self, **amounts: float) -> "Totals":
        """With these amounts added; seconds keep three decimals, as in the status."""
        return replace(
            self, **{name: round(getattr(self, name) + amount, 3) for name, amount in amounts.items()}
        )

    def with_receipt(self, receipt: Receipt) -> "Totals":
        """With the figures of a recording that has succeeded."""
        stages = dict(self.stages)
        for stage, figures in receipt.stages.items():
            stages[stage] = stages.get(stage, StageTotal()).plus(figures)
        summed = replace(self, stages=stages).plus(
            media_seconds=receipt.media_seconds,
            processing_seconds=receipt.seconds,
            overhead_seconds=receipt.overhead_seconds,
        )
        if coverage := receipt.coverage:
            summed = summed.plus(
                speech_seconds=coverage.speech_seconds,
                voiced_seconds=coverage.voiced_seconds,
                wordless_seconds=coverage.wordless_seconds,
                speakerless_seconds=coverage.speakerless_seconds,
                words=coverage.words,
                segments=coverage.segments,
                vectors=coverage.vectors,
            )
        if quality := receipt.quality:
            summed = summed.plus(
                dropped_seconds=quality.dropped_seconds,
                cut_words=quality.cut_words,
                doubtful_words=quality.doubtful_words,
            )
            if quality.sounds_like is not None:
                summed = summed.with_language(quality.sounds_like)
        return summed.with_origin(receipt.transcript) if receipt.transcript else summed

    def with_language(self, sounds_like: str) -> "Totals":
        """With one more recording that is surely in another language than ordered."""
        known = dict(self.sounds_like)
        name = sounds_like if sounds_like in known or len(known) < MAX_LANGUAGE_ENTRIES else OTHER_LANGUAGES
        known[name] = known.get(name, 0) + 1
        return replace(self, sounds_like=known)

    def with_origin(self, origin: TranscriptOrigin) -> "Totals":
        """With one more recording whose captions were preferred."""
        sources, problems = dict(self.transcripts), dict(self.captions_not_taken)
        sources[origin.source] = sources.get(origin.source, 0) + 1
        if origin.problem is not None:
            problems[origin.problem] = problems.get(origin.problem, 0) + 1
        return replace(self, transcripts=sources, captions_not_taken=problems)


_SECONDS: Final = tuple(each.name for each in fields(Totals) if isinstance(each.default, float))
_COUNTS: Final = tuple(each.name for each in fields(Totals) if isinstance(each.default, int))


def totals_of(sums: Sums) -> Totals:
    """As read from a status."""
    values: dict[str, Any] = {name: float(getattr(sums, name)) for name in _SECONDS}
    values |= {name: getattr(sums, name) for name in _COUNTS}
    stages = {
        each.stage: StageTotal(float(each.seconds), float(each.computing_seconds)) for each in sums.stages
    }
    transcripts = {each.source: each.count for each in sums.transcripts}
    problems = {each.problem: each.count for each in sums.captions_not_taken}
    values["sounds_like"] = {each.language: each.count for each in sums.sounds_like}
    return Totals(stages=stages, transcripts=transcripts, captions_not_taken=problems, **values)


def sums_of(totals: Totals) -> Sums:
    """As written to a status."""
    values: dict[str, Any] = {name: decimal(getattr(totals, name)) for name in _SECONDS}
    values |= {name: getattr(totals, name) for name in _COUNTS}
    values["stages"] = tuple(
        StageSeconds(
            stage=stage, seconds=decimal(total.seconds), computing_seconds=decimal(total.computing_seconds)
        )
        for stage, total in sorted(totals.stages.items())
    )
    values["sounds_like"] = tuple(
        LanguageCount(language=language, count=count)
        for language, count in sorted(totals.sounds_like.items(), key=lambda each: (-each[1], each[0]))
    )
    values["transcripts"] = tuple(
        SourceCount(source=source, count=count) for source, count in sorted(totals.transcripts.items())
    )
    values["captions_not_taken"] = tuple(
        ProblemCount(problem=problem, count=count)
        for problem, count in sorted(totals.captions_not_taken.items())
    )
    return Sums(**values)
