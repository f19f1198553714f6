"""Captions on their way from a source to a transcript. Frozen. Pure. Times are seconds from the start of the
recording."""

from dataclasses import dataclass
from pathlib import Path

from ingest_contract.captions import MAX_WHY_CHARACTERS, SENTENCES, CaptionsProblem
from ingest_contract.text import said


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption: text that is shown at once."""

    start: float
    end: float
    text: str
    """On one line, without markup."""


@dataclass(frozen=True, slots=True)
class CaptionFile:
    """Captions as they were fetched, not yet trusted."""

    path: Path
    language: str
    """ISO 639 code of what is spoken."""
    automatic: bool = False
    """Whether a site's speech recognition wrote them."""


@dataclass(frozen=True, slots=True)
class Captions:
    """Captions that were read: clean text, in the order of time. Not yet compared with the sound."""

    cues: tuple[Cue, ...]
    language: str
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class NoCaptions:
    """Why there are none that can be taken."""

    problem: CaptionsProblem
    message: str = ""
    """Details, for people; empty: what the problem means. It may quote a site or a file's name, and is made
    legible here, once."""

    def __post_init__(self) -> None:
        message = said(self.message) or SENTENCES[self.problem]
        object.__setattr__(self, "message", message[:MAX_WHY_CHARACTERS])
