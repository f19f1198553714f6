"""What people call a voice: a name, or `#7` for a voice without one."""

import re
from dataclasses import dataclass
from typing import Final

from ingest_contract.text import legible

_NUMBER: Final = re.compile(r"(?:unknown\s*)?#([1-9][0-9]{0,8})", re.IGNORECASE)

MAX_NAME_CHARACTERS: Final = 63
"""As of the names in a profile."""


class VoiceError(ValueError):
    """What a person asks about voices cannot be done; the message says why, and what can."""


@dataclass(frozen=True, slots=True)
class VoiceName:
    """A voice: exactly one of the two."""

    name: str | None = None
    unknown: int | None = None

    @property
    def label(self) -> str:
        """As views show it."""
        return self.name if self.name is not None else f"unknown #{self.unknown}"


def voice_of(text: str) -> VoiceName:
    """From what a person writes: `#7`, `unknown #7` or a name. Raises `VoiceError`."""
    plain = legible(text)
    if found := _NUMBER.fullmatch(plain):
        return VoiceName(unknown=int(found[1]))
    if not plain:
        raise VoiceError("a voice is a name, or #7 for `unknown #7`; this is neither")
    if len(plain) > MAX_NAME_CHARACTERS:
        raise VoiceError(f"a name has at most {MAX_NAME_CHARACTERS} characters, and this one {len(plain)}")
    if plain.startswith("#") or plain.lower().startswith("unknown #"):
        raise VoiceError(f"{plain!r} looks like a number and is none: #1, #2 and so on are")
    return VoiceName(name=plain)
