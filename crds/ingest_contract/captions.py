"""Captions in place of transcription: what a profile may ask for, where a transcript came from, and why
captions were not taken. Pure.

A transcript has one source, never two: heard words do not fill the gaps of captions.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BeforeValidator, StringConstraints

from ingest_contract.base import ContractModel, Count
from ingest_contract.selection import Language
from ingest_contract.text import said

MAX_WHY_CHARACTERS: Final = 200


class TranscriptPreference(StrEnum):
    """Where words come from, if there is a choice."""

    SPEECH = "Speech"
    """Every recording is transcribed."""
    CAPTIONS = "Captions"
    """The captions of its source, where there are some that fit the recording; else it is transcribed, and
    the status says how many were, and why."""


class TranscriptSource(StrEnum):
    """Where the words of one recording come from."""

    SPEECH = "Speech"
    """Heard by the transcription model."""
    CAPTIONS = "Captions"
    """Captions that people wrote."""
    AUTOMATIC_CAPTIONS = "AutomaticCaptions"
    """Captions that the site's own speech recognition wrote."""


class CaptionsProblem(StrEnum):
    """Why a recording was transcribed although its profile prefers captions."""

    NOT_OFFERED = "NotOffered"
    ONLY_AUTOMATIC = "OnlyAutomatic"
    OTHER_LANGUAGE = "OtherLanguage"
    LANGUAGE_UNKNOWN = "LanguageUnknown"
    UNKNOWN_FORMAT = "UnknownFormat"
    NOT_SEARCHED = "NotSearched"
    FETCH_FAILED = "FetchFailed"
    TOO_LARGE = "TooLarge"
    UNREADABLE = "Unreadable"
    EMPTY = "Empty"
    OTHER_CUT = "OtherCut"


SENTENCES: Final = MappingProxyType(
    {
        CaptionsProblem.NOT_OFFERED: "The source offers no captions for it.",
        CaptionsProblem.ONLY_AUTOMATIC: "There are automatic captions only. "
        "`transcription.automaticCaptions` of the profile takes those too.",
        CaptionsProblem.OTHER_LANGUAGE: "No captions are in the language that is spoken.",
        CaptionsProblem.LANGUAGE_UNKNOWN: "Nothing says which language is spoken, and captions may be a "
        "translation. Name it: `spec.transcription.language` of the batch.",
        CaptionsProblem.UNKNOWN_FORMAT: "The captions are neither WebVTT nor SubRip.",
        CaptionsProblem.NOT_SEARCHED: "Sources of this kind are not searched for captions.",
        CaptionsProblem.FETCH_FAILED: "The captions could not be fetched.",
        CaptionsProblem.TOO_LARGE: "The captions are larger than any that are read.",
        CaptionsProblem.UNREADABLE: "The captions cannot be read.",
        CaptionsProblem.EMPTY: "The captions have no word.",
        CaptionsProblem.OTHER_CUT: "The captions do not fit the sound: they belong to another cut.",
    }
)
"""What each problem means and what to do, for people."""


class CaptionsWish(ContractModel):
    """Which captions a recording's own transcript may come from."""

    automatic: bool = False
    """Whether also those that no person wrote."""

    language: Language | None = None
    """The language that is spoken, if a batch or a manifest names it."""


def _why(text: object) -> object:
    """A message is cut, never refused."""
    return said(text)[:MAX_WHY_CHARACTERS] if isinstance(text, str) else text


Why = Annotated[str, BeforeValidator(_why), StringConstraints(max_length=MAX_WHY_CHARACTERS)]
"""Details of a problem, for people."""


class TranscriptOrigin(ContractModel):
    """Where the words of a recording came from, in a Receipt whose profile prefers captions."""

    source: TranscriptSource
    """Where they came from."""

    problem: CaptionsProblem | None = None
    """Why not from captions."""

    message: Why = ""
    """Details, for people."""


class SourceCount(ContractModel):
    """How many recordings have their words from one source."""

    source: TranscriptSource
    """The source."""

    count: Count
    """How many."""


class ProblemCount(ContractModel):
    """How many recordings were transcribed although the profile prefers captions, for one reason."""

    problem: CaptionsProblem
    """The reason."""

    count: Count
    """How many."""
