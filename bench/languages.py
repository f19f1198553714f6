"""Languages other than English by Whisper `base`: German, Spanish, French and Japanese, read by a synthetic
voice; with no language ordered, with the right one, and with a wrong one; the same by a model that knows
English alone; and recordings that change their language with every sentence and with every passage.

`testkit.speech.languages` has the sentences. Error rates are of words, and of letters where a language puts
no spaces between them, without case and punctuation. Kept row by row: run it again to go on.

    python -m bench.languages [--again] [ROW ...]
"""

import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import jiwer
import numpy as np

from bench.hearing import transcribed
from bench.rows import Figures, rows_main
from ingest_contract.stages import STAGE_VERSION, Stage
from ingest_worker.domain import UNSPACED, Transcript
from ingest_worker.errors import StageError
from ingest_worker.receipts import quality_of
from ingest_worker.segmentation import written
from testkit.speech import audio, dialogue, languages, sentences

MODEL: Final = "base"
ENGLISH_ONLY: Final = "tiny.en"
ENGLISH_VOICE: Final = "joe"
ENGLISH_SENTENCES: Final = 4
SHOWN: Final = 60
"""Characters of a row's text that are kept, to look at."""

Sentence = tuple[str, str, audio.Samples]
"""Language, text and sound."""


def passage(language: str) -> list[Sentence]:
    """What is said in one language."""
    if language == "en":
        said = sentences.sentences()[ENGLISH_VOICE][:ENGLISH_SENTENCES]
        return [("en", each.text, each.sound) for each in said]
    read = zip(languages.SENTENCES[language], languages.sentences(language), strict=True)
    return [(language, text, sound) for text, sound in read]


def by_sentence() -> list[Sentence]:
    """Another language with every sentence."""
    every = [passage(language) for language in ("en", *languages.SENTENCES)]
    return [each[number] for number in range(4) for each in every]


def by_passage() -> list[Sentence]:
    """Four sentences of a language, then four of the next."""
    return [sentence for language in ("en", *languages.SENTENCES) for sentence in passage(language)]


def measured(model: str, said: Callable[[], Sequence[Sentence]], ordered: str | None) -> Figures:
    """One recording by one order: error rates, and what the Receipt tells."""
    parts = said()
    sound, spans = dialogue.assembled([sound for _, _, sound in parts])
    figures: Figures = {"version": STAGE_VERSION[Stage.TRANSCRIBE], "seconds": round(sound.size / audio.RATE)}
    try:
        samples = np.round(np.clip(sound, -1, 1) * 32_767).astype(np.int16)
        found = transcribed(model, samples, ordered)
    except StageError as error:
        return figures | {"ended": f"{error.reason.value}: {error}"}
    text = written(found.words)
    told = quality_of(found)
    return figures | {
        "language": told.language,
        "probability": told.language_probability,
        "wer": round(word_errors(" ".join(text for _, text, _ in parts), text), 4),
        "cer": round(letter_errors("".join(text for _, text, _ in parts), text), 4),
        "in its language": _in_its_language(found, parts, spans),
        "chunks": told.chunks,
        "foreign": told.foreign_chunks,
        "dropped": told.dropped_seconds,
        "doubtful": round(told.doubtful_words / max(1, len(found.words)), 2),
        "changes": told.language_change_seconds,
        "text": text[:SHOWN],
    }


def word_errors(reference: str, text: str) -> float:
    """Over words in lower case without punctuation, of any script."""
    said, found = (" ".join(re.findall(r"\w+", each.lower())) for each in (reference, text))
    return float(jiwer.wer(said, found))


def letter_errors(reference: str, text: str) -> float:
    """Over letters and digits in lower case, without spaces."""
    said, found = ("".join(re.findall(r"\w", each.lower())) for each in (reference, text))
    return float(jiwer.cer(said, found))


def _in_its_language(
    found: Transcript, parts: Sequence[Sentence], spans: Sequence[tuple[float, float]]
) -> float:
    """Share of words, among those whose middle is in a sentence, that were decoded in its language."""
    right = total = 0
    for word in found.words:
        middle = (word.start + word.end) / 2
        for (language, _, _), (start, end) in zip(parts, spans, strict=True):
            if start <= middle <= end:
                total += 1
                right += (word.language or found.language) == language
    return round(right / max(1, total), 4)


def table(rows: dict[str, Figures]) -> str:
    """A line for each recording and order."""
    head = "| recording, ordered | s | language told, probability | WER | letters | words in their language"
    lines = [
        head + " | pieces that sound otherwise | s told as without words | words doubted | the first words |",
        "|---" * 10 + "|",
    ]
    for name, row in rows.items():
        if "ended" in row:
            lines.append(f"| {name} | {row['seconds']} | | | | | | | | {row['ended']} |")
            continue
        wer = "" if name[:2] in UNSPACED or name.startswith("changes") else f"{row['wer']:.3f}"
        lines.append(
            f"| {name} | {row['seconds']} | {row['language']}, {row['probability']:.2f} | {wer} | "
            f"{row['cer']:.3f} | {row['in its language']:.2f} | {row['foreign']} of {row['chunks']} | "
            f"{row['dropped']} | {row['doubtful']:.2f} | {row['text']} |"
        )
    return "\n".join(lines)


def _rows() -> dict[str, Callable[[], Figures]]:
    rows: dict[str, Callable[[], Figures]] = {}
    for language in languages.SENTENCES:
        for ordered in (None, language, "en"):
            name = f"{language}, {ordered or 'nothing'}"
            rows[name] = partial(measured, MODEL, partial(passage, language), ordered)
    rows["en, nothing"] = partial(measured, MODEL, partial(passage, "en"), None)
    rows["en, de"] = partial(measured, MODEL, partial(passage, "en"), "de")
    for language in (*languages.SENTENCES, "en"):
        rows[f"{language} by tiny.en, nothing"] = partial(
            measured, ENGLISH_ONLY, partial(passage, language), None
        )
    rows["changes with each sentence, nothing"] = partial(measured, MODEL, by_sentence, None)
    rows["changes with each passage, nothing"] = partial(measured, MODEL, by_passage, None)
    return rows


if __name__ == "__main__":
    sys.exit(rows_main("languages", __doc__, _rows(), table))
