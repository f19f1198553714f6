"""The dialogue: three voices, about five minutes, every word and every turn's time known because it is made
here.

Called by `testkit.speech.catalogue`. Turns follow each other after 0.3 to 0.9 s and never overlap; a faint
noise lies under everything, because digital silence between turns would make detection of speech too easy.
The same machine makes the same bytes at every run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from testkit import packages
from testkit.cache import key, say
from testkit.speech import audio, phonemes, voices

VERSION: Final = 1
"""Raise it when the same script and voices come out otherwise, after a change here or in what this calls."""
SEED = 11
LEVEL = 0.06
"""Root mean square of each turn, of full scale."""
NOISE = 0.0008
"""Standard deviation of the noise, of full scale: 37 dB below the speech."""
PAUSE_SECONDS = 0.2
"""Between the sentences of one turn."""
GAP_SECONDS = (0.3, 0.9)
"""Between turns; drawn from the seeded generator."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker from start to end."""

    start: float
    """Seconds from the start of the recording."""
    end: float
    speaker: str
    text: str | None = None
    """The words as spoken; None where they are not known."""


def rttm(uri: str, turns: Sequence[Turn]) -> str:
    """Turns in NIST's Rich Transcription Time Marked format (RT-09 evaluation plan, appendix A)."""
    rows = (
        f"SPEAKER {uri} 1 {turn.start:.3f} {turn.end - turn.start:.3f} <NA> <NA> {turn.speaker} <NA> <NA>\n"
        for turn in turns
    )
    return "".join(rows)


def levelled(samples: audio.Samples) -> audio.Samples:
    """At root mean square `LEVEL`."""
    return samples * np.float32(LEVEL / np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def joined(sentences: Sequence[audio.Samples]) -> audio.Samples:
    """The sentences of one turn, a pause between them, at one level."""
    pause = np.zeros(int(PAUSE_SECONDS * audio.RATE), np.float32)
    parts = [part for sentence in sentences for part in (sentence, pause)]
    return levelled(np.concatenate(parts[:-1]))


def assembled(spoken: Sequence[audio.Samples]) -> tuple[audio.Samples, list[tuple[float, float]]]:
    """The whole recording from its turns, and each turn's start and end in seconds."""
    random = np.random.default_rng(SEED)
    parts: list[audio.Samples] = []
    spans: list[tuple[float, float]] = []
    place = 0
    for samples in spoken:
        gap = int(random.uniform(*GAP_SECONDS) * audio.RATE)
        parts += [np.zeros(gap, np.float32), samples]
        spans.append(((place + gap) / audio.RATE, (place + gap + samples.size) / audio.RATE))
        place += gap + samples.size
    parts.append(np.zeros(int(GAP_SECONDS[1] * audio.RATE), np.float32))
    whole = np.concatenate(parts)
    return whole + random.normal(0, NOISE, whole.size).astype(np.float32), spans


def _recited(script: phonemes.Script) -> Mapping[str, Mapping[str, audio.Samples]]:
    """Voice -> sentence -> samples."""
    ipa = phonemes.pronounced(script, phonemes.table(phonemes.TABLE.read_text()))
    lines = (*script.dialogue, *script.enrolment.values())
    wanted = {
        voice: list(dict.fromkeys(s for line in lines if line.voice == voice for s in line.sentences))
        for voice in voices.VOICES
    }
    spoken = voices.all_spoken(
        {voice: [ipa[sentence] for sentence in sentences] for voice, sentences in wanted.items()}
    )
    return {voice: dict(zip(sentences, spoken[voice], strict=True)) for voice, sentences in wanted.items()}


def make(folder: Path) -> None:
    """Write `dialogue.wav`, `dialogue.rttm`, `dialogue.json` and one `voice-<name>.wav` for each voice.

    Raises:
        phonemes.ScriptError: the script has sentences that the table of phonemes lacks.
        packages.PackageError: a voice cannot be fetched.
    """
    say(
        "synthesising the dialogue (three voices, about five minutes of speech; "
        "2 to 4 minutes on 2 cores, once)"
    )
    script = phonemes.parsed(phonemes.SCRIPT.read_text())
    samples = _recited(script)

    def read_out(line: phonemes.Line) -> audio.Samples:
        return joined([samples[line.voice][sentence] for sentence in line.sentences])

    whole, spans = assembled([read_out(line) for line in script.dialogue])
    turns = [
        Turn(start, end, line.voice, line.text)
        for line, (start, end) in zip(script.dialogue, spans, strict=True)
    ]
    audio.write(folder / "dialogue.wav", whole)
    (folder / "dialogue.rttm").write_text(rttm("dialogue", turns))
    (folder / "dialogue.json").write_text(json.dumps([asdict(turn) for turn in turns], indent=1) + "\n")
    for voice, line in script.enrolment.items():
        audio.write(folder / f"voice-{voice}.wav", read_out(line))


def version() -> str:
    """Changes with all that determines the result: the script, the table, the voices' packages, `VERSION`."""
    voices_of = (packages.PIPER_JOE, packages.KOKORO, *packages.KOKORO_PARTS)
    texts = (phonemes.SCRIPT.read_text(), phonemes.TABLE.read_text())
    return key(str(VERSION), *texts, *(package.sha256 for package in voices_of))
