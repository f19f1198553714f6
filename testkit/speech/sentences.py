"""Single sentences and short answers of six voices, for conversations that are laid out of them.

Called by `testkit.speech.conversations`. Three voices' sentences are cut out of the dialogue. Three more
voices read what the first three say for their enrolment, and all six read the answers; no sentence is read by
two. Made once: one to three minutes on two cores.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from testkit import packages
from testkit.cache import key, once, say
from testkit.speech import audio, catalogue, dialogue, phonemes, voices
from testkit.speech.dialogue import Turn

VERSION: Final = 1
"""Raise it when the same sentences come out otherwise."""
READ_FOR: Final = {"hana": "mina", "yuki": "joe", "emi": "ken"}
"""Voice -> whose enrolment it reads."""
ANSWERS: Final = {"Yes.": "jˈɛs.", "Of course.": "ʌv kˈɔːɹs.", "That is true.": "ðæt ɪz tɹˈuː."}
"""One to three words -> IPA, as espeak-ng writes it. Every voice says them all."""
VOICES: Final = ("mina", "ken", "hana", "yuki", "emi", "joe")
"""Slowest to read first."""
QUIET: Final = 0.1
"""Of the level of speech: what is fainter is a pause."""
FRAME_SAMPLES: Final = audio.RATE // 100


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence as one voice reads it."""

    text: str
    sound: audio.Samples
    """(samples,) at 16 kHz, at the level of the dialogue."""


@cache
def sentences() -> Mapping[str, tuple[Said, ...]]:
    """Voice -> its sentences. Raises `PackageError`: a voice cannot be had."""
    known = catalogue.recordings()["dialogue"]
    whole, found = audio.read(known.path), dict[str, list[Said]]()
    for turn in known.utterances or ():
        found.setdefault(turn.speaker, []).extend(_cut(whole, turn))
    script = phonemes.parsed(phonemes.SCRIPT.read_text())
    for voice, other in READ_FOR.items():
        found[voice] = _read(voice, script.enrolment[other].sentences)
    return {voice: tuple(said) for voice, said in found.items()}


@cache
def answers() -> Mapping[str, tuple[Said, ...]]:
    """Voice -> its short answers. Raises `PackageError`: a voice cannot be had."""
    return {voice: tuple(_read(voice, tuple(ANSWERS))) for voice in VOICES}


def _cut(whole: audio.Samples, turn: Turn) -> Iterator[Said]:
    """A turn's sentences, which have a pause of `dialogue.PAUSE_SECONDS` between them, as some commas have:
    those pauses that give each sentence the time that its letters take."""
    sound = whole[round(turn.start * audio.RATE) : round(turn.end * audio.RATE)]
    texts = phonemes.Line(turn.speaker, turn.text or "").sentences
    shares = np.cumsum([len(text) for text in texts])[:-1] / sum(len(text) for text in texts)
    cuts = min(
        combinations(_pauses(sound), len(texts) - 1),
        key=lambda cuts: float(np.abs(np.array(cuts) / sound.size - shares).sum()),
    )
    edges = [0, *cuts, sound.size]
    for text, first, last in zip(texts, edges[:-1], edges[1:], strict=True):
        yield Said(text, audio.trimmed(sound[first:last]))


def _pauses(sound: audio.Samples) -> list[int]:
    """The middle sample of each pause that is long enough to end a sentence."""
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) > QUIET * dialogue.LEVEL)
    long = np.flatnonzero(np.diff(loud) * FRAME_SAMPLES >= dialogue.PAUSE_SECONDS * audio.RATE)
    return [int(loud[place] + loud[place + 1]) // 2 * FRAME_SAMPLES for place in long]


def _read(voice: str, texts: tuple[str, ...]) -> list[Said]:
    table = phonemes.TABLE.read_text()
    pinned = [p.sha256 for p in (packages.PIPER_JOE, packages.KOKORO, *packages.KOKORO_PARTS)]
    folder = once("sentences", key(str(VERSION), table, str(READ_FOR), str(ANSWERS), *pinned), _make)
    places: dict[str, str] = json.loads((folder / f"{voice}.json").read_text())
    return [Said(text, audio.read(folder / places[text])) for text in texts]


def _make(folder: Path) -> None:
    say("six voices read sentences, for conversations (1 to 3 minutes on 2 cores, once)")
    script = phonemes.parsed(phonemes.SCRIPT.read_text())
    ipa = {**phonemes.table(phonemes.TABLE.read_text()), **ANSWERS}
    wanted = {
        voice: (*(script.enrolment[READ_FOR[voice]].sentences if voice in READ_FOR else ()), *ANSWERS)
        for voice in VOICES
    }
    spoken = voices.all_spoken({voice: [ipa[text] for text in read] for voice, read in wanted.items()})
    for voice, read in wanted.items():
        names = {text: f"{voice}-{number}.wav" for number, text in enumerate(read)}
        for text, sound in zip(read, spoken[voice], strict=True):
            audio.write(folder / names[text], dialogue.levelled(sound))
        (folder / f"{voice}.json").write_text(json.dumps(names, indent=1) + "\n")
