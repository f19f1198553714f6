"""A stored transcript as JSON: WhisperX's `segments` and `words`, with speakers, models and quality figures
added. Pure; called by `formats`.

docs/how-to.md has a table of the fields; a test compares it with this module.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingest_contract.text import escaped, without_credentials
from ingest_contract.times import rfc3339
from ingest_worker.domain import Segment, SpokenWord
from ingest_worker.store.reads import RecordingRow, StoredSpeaker, StoredTranscript

SCHEMA_VERSION: Final = 1
"""Raise when a field changes its meaning or is removed, not for a new field."""

Names = Mapping[int | None, str]
"""From a speaker's number to a name or `unknown #k`."""


def names_of(transcript: StoredTranscript) -> dict[int | None, str]:
    """The names of the recording's speakers."""
    return {speaker.speaker: speaker.label for speaker in transcript.speakers}


def as_json(transcript: StoredTranscript) -> str:
    """The document as text, its fields in a fixed order, so that two exports can be compared as text."""
    return escaped(json.dumps(document(transcript), ensure_ascii=False, indent=2)) + "\n"


def document(transcript: StoredTranscript) -> dict[str, Any]:
    """The document as JSON values. Times are seconds with three decimals:
    models are no more exact than 0.02."""
    names, run, figures = names_of(transcript), transcript.run, transcript.run.figures
    parameters = {name: value for name, value in (figures.get("effective") or {}).items() if name != "models"}
    return {
        "schema_version": SCHEMA_VERSION,
        "recording": _recording(transcript.recording),
        "language": run.language,
        "transcript": {"source": run.transcript_source, "word_times_estimated": not run.is_heard},
        "models": dict(sorted(run.models.items())),
        "parameters": {"pipeline_hash": run.pipeline_hash, **parameters},
        "quality": {
            "coverage": figures.get("coverage"),
            "transcription": figures.get("quality"),
            "rtf": _rounded(run.rtf),
        },
        "run": {
            "id": str(run.id),
            "batch": run.batch,
            "run": run.number,
            "finished_at": rfc3339(run.finished_at),
        },
        "speakers": [_speaker(each) for each in transcript.speakers],
        "segments": [
            _segment(each, transcript.words, names, heard=run.is_heard) for each in transcript.segments
        ],
        "turns": [
            {"start": _rounded(t.start), "end": _rounded(t.end), "speaker": names[t.speaker]}
            for t in transcript.turns
        ],
    }


def _recording(recording: RecordingRow) -> dict[str, Any]:
    return {
        "id": recording.id,
        "url": without_credentials(recording.url),
        "title": recording.title,
        "channel": recording.channel,
        "published_at": rfc3339(recording.published_at) if recording.published_at else None,
        "duration_seconds": _rounded(recording.duration_seconds),
    }


def _speaker(speaker: StoredSpeaker) -> dict[str, Any]:
    return {
        "speaker": speaker.label,
        "name": speaker.name,
        "decision": speaker.decision.value,
        "score": _rounded(speaker.score),
        "runner_up": speaker.runner_up,
        "runner_up_score": _rounded(speaker.runner_up_score),
        "threshold": _rounded(speaker.threshold),
        "seconds": _rounded(speaker.seconds),
        "evidence": speaker.evidence,
    }


def _segment(segment: Segment, words: Sequence[SpokenWord], names: Names, *, heard: bool) -> dict[str, Any]:
    return {
        "start": _rounded(segment.start),
        "end": _rounded(segment.end),
        "text": segment.text,
        **_whose(segment.speaker, names),
        "words": [_word(each, names, heard=heard) for each in words[slice(*segment.words)]],
    }


def _word(spoken: SpokenWord, names: Names, *, heard: bool) -> dict[str, Any]:
    word = spoken.word
    score = _rounded(word.probability) if heard else None
    times = {"start": _rounded(word.start), "end": _rounded(word.end), "score": score}
    language = {} if word.language is None else {"language": word.language}
    whose = {**_whose(spoken.speaker, names), "overlap": spoken.overlap}
    return {"word": word.text, "space_before": word.spaced, **times, **whose, **language}


def _whose(speaker: int | None, names: Names) -> dict[str, str]:
    """The `speaker` key. WhisperX omits it if there is no speaker,
    and its readers check whether it is present."""
    return {} if speaker is None else {"speaker": names[speaker]}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
