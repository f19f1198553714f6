"""Speech in other languages than English, made once: a Kokoro voice reads IPA of German, Japanese
and Mandarin."""

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from testkit import packages
from testkit.cache import key, once
from testkit.speech import audio, dialogue, voices

VERSION: Final = 1
"""Raise it when the same texts come out otherwise."""
TEXTS: Final = {
    "de": "Guten Morgen, meine Damen und Herren. Heute sprechen wir über das Wetter in Berlin.",
    "ja": "今日は東京の天気について話します。朝から雨が降っています。",
    "zh": "中国是一个很大的国家。",
}
"""What is said, as it is written."""

_IPA: Final = {
    "de": (
        "ɡˈuːtən mˈɔɾɡən, mˌaɪnə dˈaːmən ʊnt hˈɛɾən.",
        "hˈɔɪtə ʃpɾˈɛçən viːɾ ˌyːbɐ das vˈɛtɐ ɪn bɛɾlˈiːn.",
    ),
    "ja": ("kjoː wa toːkʲoː no teŋki ni tsɯite hanaɕimasɯ.", "asa kaɾa ame ɡa ɸɯtte imasɯ."),
    "zh": ("tʂʊŋ→kwo↗ ʂi↘ i→kə↘ xən↓ ta↘ tə kwo↗tɕja→.",),
}
_VOICE: Final = "ken"


@cache
def sound(language: str) -> audio.Samples:
    """(samples,) of what `TEXTS` says in a language, at 16 kHz, float32 in -1..1. Raises `PackageError`: the
    voice cannot be had."""
    pinned = [package.sha256 for package in (packages.KOKORO, *packages.KOKORO_PARTS)]
    return audio.read(
        once("foreign-speech", key(str(VERSION), *pinned, str(_IPA)), _make) / f"{language}.wav"
    )


def _make(folder: Path) -> None:
    spoken = iter(voices.spoken(_VOICE, [ipa for sentences in _IPA.values() for ipa in sentences]))
    for language, sentences in _IPA.items():
        audio.write(
            folder / f"{language}.wav", np.asarray(dialogue.joined([next(spoken) for _ in sentences]))
        )
