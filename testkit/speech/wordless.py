"""Sounds in which nobody says a word, made from seeds: what recognition is known to invent words for."""

from collections.abc import Callable
from typing import Final

import numpy as np

from ingest_worker.domain import SAMPLE_RATE
from testkit.speech import audio
from testkit.speech.audio import Samples
from testkit.speech.catalogue import recordings

LEVEL: Final = 0.1
"""Root mean square, of full scale: as loud as speech is recorded."""
_NOTES: Final = 220 * 2 ** (np.array([[0, 4, 7], [5, 9, 12], [7, 11, 14], [-3, 0, 4]]) / 12)
"""Hz of four chords in A: tonic, subdominant, dominant and the minor parallel."""
_CLAPS_PER_SECOND: Final = 150
_TALKERS: Final = 12


def of(kind: str, seconds: int) -> Samples:
    """So many seconds of a kind, the same each time: (samples,) at 16 kHz."""
    sound = KINDS[kind](seconds * SAMPLE_RATE, np.random.default_rng(17))
    loud = float(np.sqrt(np.mean(np.square(sound))))
    return (sound * (LEVEL / loud) if loud else sound).clip(-1, 1).astype(np.float32)


def _silence(count: int, _: np.random.Generator) -> Samples:
    return np.zeros(count, np.float32)


def _white(count: int, chance: np.random.Generator) -> Samples:
    return chance.standard_normal(count).astype(np.float32)


def _pink(count: int, chance: np.random.Generator) -> Samples:
    """Equal power in each octave."""
    spectrum = np.fft.rfft(chance.standard_normal(count))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    return np.fft.irfft(spectrum, count).astype(np.float32)


def _hum(count: int, chance: np.random.Generator) -> Samples:
    """Mains of 50 Hz with its odd harmonics, over a faint hiss."""
    time = np.arange(count) / SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * 50 * k * time) / k for k in (1, 3, 5, 7))
    return np.asarray(tones + 0.01 * chance.standard_normal(count), np.float32)


def _tones(count: int, chance: np.random.Generator) -> Samples:
    """A telephone's keys: two tones each, 0.2 s on and 0.3 s off (ITU-T Q.23)."""
    time, every = np.arange(count) / SAMPLE_RATE, SAMPLE_RATE // 2
    key = np.arange(count) // every
    low, high = (chance.choice(each, key[-1] + 1)[key] for each in ((697, 770, 852, 941), (1209, 1336, 1477)))
    sound = np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)
    return np.where(np.arange(count) % every < SAMPLE_RATE // 5, sound, 0).astype(np.float32)


def _music(count: int, chance: np.random.Generator) -> Samples:
    """Plucked chords, two a second, and a drum on each."""
    sound, beat = np.zeros(count + SAMPLE_RATE, np.float32), SAMPLE_RATE // 2
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for number, start in enumerate(range(0, count, beat)):
        for note in _NOTES[number // 4 % len(_NOTES)] * chance.choice((1, 2)):
            partials = sum(
                np.sin(2 * np.pi * note * k * time) / k * np.exp(-3 * k * time) for k in range(1, 6)
            )
            sound[start : start + time.size] += partials
        sound[start : start + time.size] += chance.standard_normal(time.size) * np.exp(-40 * time)
    return sound[:count]


def _applause(count: int, chance: np.random.Generator) -> Samples:
    """Claps that nobody keeps in time: bursts of a few milliseconds."""
    sound, time = np.zeros(count + SAMPLE_RATE // 50, np.float32), np.arange(SAMPLE_RATE // 50) / SAMPLE_RATE
    for start in chance.integers(0, count, _CLAPS_PER_SECOND * count // SAMPLE_RATE):
        burst = chance.standard_normal(time.size) * np.exp(-time * chance.uniform(200, 800))
        sound[start : start + time.size] += burst * chance.uniform(0.2, 1)
    return sound[:count]


def _crowd(count: int, chance: np.random.Generator) -> Samples:
    """Twelve people at once, each played backwards: the sound of voices, and no word."""
    sound = np.zeros(count, np.float32)
    voices = [audio.read(recordings()[name].path)[::-1] for name in ("voice-joe", "voice-mina", "voice-ken")]
    for number in range(_TALKERS):
        rate = round(SAMPLE_RATE * chance.uniform(0.85, 1.2))
        voice = audio.resampled(voices[number % len(voices)], rate)
        sound += np.roll(np.resize(voice, count), int(chance.integers(count)))
    return sound


KINDS: Final[dict[str, Callable[[int, np.random.Generator], Samples]]] = {
    "silence": _silence,
    "white noise": _white,
    "pink noise": _pink,
    "hum": _hum,
    "tones": _tones,
    "music": _music,
    "applause": _applause,
    "crowd": _crowd,
}
"""Kind -> its sound, of any level."""
