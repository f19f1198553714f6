"""A passage each in German, Spanish, French and Japanese, sentence by sentence, read by a Kokoro voice.

Called by `bench.languages`. The IPA of the first three is espeak-ng's, as `phonemes.ask_espeak` gives it in
the voices `de`, `es` and `fr`; that of Japanese is written by hand, and Arabic, half of whose sounds the
voice never learned, is left out.
"""

from functools import cache
from pathlib import Path
from typing import Final

from testkit import packages
from testkit.cache import key, once
from testkit.speech import audio, dialogue, voices

VERSION: Final = 1
"""Raise it when the same texts come out otherwise."""
VOICE: Final = "ken"
SENTENCES: Final = {
    "de": {
        "Guten Morgen, meine Damen und Herren.": "ɡˈuːtən mˈɔɾɡən, mˌaɪnə dˈaːmən ʊnt hˈɛɾən.",
        "Heute sprechen wir über das Wetter in Berlin.": (
            "hˈɔɪtə ʃpɾˈɛçən viːɾ ˌyːbɐ das vˈɛtɐ ɪn bɛɾlˈiːn."
        ),
        "Am Nachmittag wird der Wind stärker, und in der Nacht kann es regnen.": (
            "am nˈaxmɪtˌɑːk vˌɪɾt dɛɾ vˈɪnt ʃtˈɛɾkɜ, ʊnt ɪn dɛɾ nˈaxt kˌan ɛs rˈɛɡnən."
        ),
        "Wer morgen mit dem Zug fährt, sollte früh am Bahnhof sein.": (
            "vˈeːɾ mˈɔɾɡən mɪt deːm tsˈuːk fˈɛːɾt, zˌɔltə frˈyː am bˈɑːnhoːf zaɪn."
        ),
    },
    "es": {
        "Buenos días a todos.": "bwˈenos ðˈiʲas a tˈoðos.",
        "Hoy hablamos del tiempo en Madrid.": "ˈoɪ aβlˈamos ðel tjˈempo en maðɾˈid.",
        "Por la tarde habrá viento, y por la noche puede llover.": (
            "poɾ la tˈaɾðe aβɾˈa βjˈɛnto, i poɾ la nˈotʃe pwˈeðe ʎoβˈeɾ."
        ),
        "Mañana abrimos el mercado, y los niños cantan en la plaza.": (
            "maɲˈana aβɾˈimos el meɾkˈaðo, i los nˈiɲos kˈantan en la plˈaθa."
        ),
    },
    "fr": {
        "Bonjour à tous.": "bɔ̃ʒˈuʁ a tˈus.",
        "Aujourd'hui, nous parlons du temps à Paris.": "oʒuʁdɥˈi, nu paʁlˈɔ̃ dy tˈɑ̃ a paʁˈi.",
        "Cet après-midi, le vent sera plus fort, et il peut pleuvoir pendant la nuit.": (
            "sɛt apʁˌɛmidˈi, lə vˈɑ̃ səʁˈa ply fˈɔʁ, e il pˈø pløvwˈaʁ pɑ̃dˈɑ̃ la nɥˈi."
        ),
        "Demain matin, nous ouvrons le marché, et les enfants chantent sur la place.": (
            "dəmˈɛ̃ matˈɛ̃, nuz uvʁˈɔ̃ lə maʁʃˈe, e lez ɑ̃fˈɑ̃ ʃˈɑ̃t syʁ la plˈas."
        ),
    },
    "ja": {
        "今日は東京の天気について話します。": "kjoː wa toːkʲoː no teŋki ni tsɯite hanaɕimasɯ.",
        "朝から雨が降っています。": "asa kaɾa ame ɡa ɸɯtte imasɯ.",
        "午後には風が強くなります。": "ɡoɡo ni wa kaze ɡa tsɯjokɯ naɾimasɯ.",
        "明日は晴れて、暖かい一日になるでしょう。": ("aɕita wa haɾete, atatakai itɕinitɕi ni naɾɯ deɕoː."),
    },
}
"""Language -> sentence -> IPA. No numbers, which Whisper writes in digits."""


@cache
def sentences(language: str) -> tuple[audio.Samples, ...]:
    """(samples,) of each sentence, at the level of the dialogue. Raises `PackageError`: a voice cannot be
    had."""
    pinned = [package.sha256 for package in (packages.KOKORO, *packages.KOKORO_PARTS)]
    folder = once("languages", key(str(VERSION), *pinned, str(SENTENCES)), _make)
    return tuple(
        audio.read(folder / f"{language}-{number}.wav") for number in range(len(SENTENCES[language]))
    )


def _make(folder: Path) -> None:
    spoken = iter(voices.spoken(VOICE, [ipa for said in SENTENCES.values() for ipa in said.values()]))
    for language, said in SENTENCES.items():
        for number in range(len(said)):
            audio.write(folder / f"{language}-{number}.wav", dialogue.levelled(next(spoken)))
