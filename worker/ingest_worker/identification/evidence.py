"""Which enrolled voice wins each of the diarizer's windows, and how many seconds of each speaker. Pure.

A window's vector comes of two to ten seconds of speech and so errs more often than a speaker's. Windows
overlap tenfold: each frame goes to the voice that wins more than half of the slots that speak alone in it,
whosever the diarizer took them for, so that one window decides nothing. A speaker's seconds are those of the
frames in his turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingest_contract.profile import IdentificationProfile
from ingest_worker.domain import Diarization, EnrolledVoice, Turn, WonSeconds
from ingest_worker.identification.scores import Reals, similarities
from ingest_worker.voice_windows import NOBODY, Bits, Numbers, VoiceWindows

CLEAN_SHARE: Final = 0.2
"""Share of a window in which a slot must speak alone for its vector to be judged: pyannote clusters by no
less (`min_active_ratio` of `filter_embeddings`, pyannote.audio 4.0.7)."""

PAUSE_SECONDS: Final = 0.5
"""Seconds of silence inside one stretch of speech."""

MOST_VOICES: Final = 5
"""Voices whose seconds are kept with a speaker: those with the most."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Every window's slots, and every frame, against the enrolled voices."""

    windows: VoiceWindows
    names: tuple[str, ...]
    """The voices, sorted."""
    clean: Bits
    """(windows, frames, slots) `VoiceWindows.clean`."""
    judged: Bits
    """(windows, slots) whether a slot has enough clean speech and a vector."""
    best: Reals
    """(windows, slots) score of its best voice; NaN where not judged."""
    winner: Numbers
    """(windows, slots) the voice that wins a slot, as an index into `names`; `NOBODY` if none does."""
    won_by: Numbers
    """(frames,) the voice that wins more than half of the slots that speak alone in a frame of the recording;
    `NOBODY` if none does."""
    owner: Numbers
    """(frames,) the speaker whose turn a frame is in; `NOBODY` where there is no turn."""


def judged(
    diarization: Diarization,
    windows: VoiceWindows,
    voices: Sequence[EnrolledVoice],
    profile: IdentificationProfile,
) -> Judged:
    """A voice wins a slot by the rule for names: a score of `threshold` and a lead of `margin`."""
    ordered = sorted(voices, key=lambda voice: voice.name)
    clean = windows.clean()
    enough = windows.heard() & (clean.sum(1) >= CLEAN_SHARE * windows.active.shape[1])
    best = np.full(enough.shape, np.nan)
    winner = np.full(enough.shape, NOBODY, np.int16)
    if enough.any():
        rows = windows.vectors[enough]
        scores = np.stack([similarities(rows, voice.vectors) for voice in ordered], 1)
        best[enough], winner[enough] = _winners(scores, float(profile.threshold), float(profile.margin))
    return Judged(
        windows,
        tuple(voice.name for voice in ordered),
        clean,
        enough,
        best,
        winner,
        _won_by(windows, clean, enough, winner),
        _owner(windows, diarization.turns),
    )


def won(found: Judged, speaker: int) -> tuple[WonSeconds, ...]:
    """The voices that win seconds of a speaker's turns, most seconds first, at most `MOST_VOICES`."""
    places = np.flatnonzero(found.owner == speaker)
    who = found.won_by[places]
    seconds = found.windows.frame
    breaks = (np.diff(who, prepend=NOBODY) != 0) | (
        np.diff(places, prepend=-1) > round(PAUSE_SECONDS / seconds) + 1
    )
    stretches = np.cumsum(breaks)
    found_seconds = [
        WonSeconds(
            found.names[voice],
            round(int((who == voice).sum()) * seconds, 2),
            round(int(np.bincount(stretches[who == voice]).max()) * seconds, 2),
        )
        for voice in np.unique(who[who != NOBODY]).tolist()
    ]
    return tuple(sorted(found_seconds, key=lambda each: (-each.seconds, each.voice))[:MOST_VOICES])


def _winners(scores: Reals, threshold: float, margin: float) -> tuple[Reals, Numbers]:
    """(n,) each row's highest of (n, voices) scores, and the voice if it wins."""
    top = scores.argmax(1)
    highest = np.take_along_axis(scores, top[:, None], 1)[:, 0]
    others = scores.copy()
    np.put_along_axis(others, top[:, None], -np.inf, 1)
    wins = (highest >= threshold) & (highest - others.max(1) >= margin)
    return highest, np.where(wins, top, NOBODY).astype(np.int16)


def _won_by(windows: VoiceWindows, clean: Bits, enough: Bits, winner: Numbers) -> Numbers:
    total = slots_over(windows, clean, enough)
    frames = np.full(windows.frames, NOBODY, np.int16)
    for voice in np.unique(winner[winner != NOBODY]).tolist():
        frames[slots_over(windows, clean, winner == voice) * 2 > total] = voice
    return frames


def slots_over(windows: VoiceWindows, clean: Bits, which: Bits) -> Numbers:
    """(frames,) how many of these slots speak alone in each frame of the recording."""
    over = np.zeros(windows.frames, np.int16)
    for window, slot in np.argwhere(which).tolist():
        first = windows.first_frame(window)
        over[first : first + clean.shape[1]] += clean[window, :, slot]
    return over


def _owner(windows: VoiceWindows, turns: Sequence[Turn]) -> Numbers:
    owner = np.full(windows.frames, NOBODY, np.int16)
    for turn in turns:
        owner[windows.frame_at(turn.start) : windows.frame_at(turn.end)] = turn.speaker
    return owner
