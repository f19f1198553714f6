"""One batch of sound through Whisper: mel, encoder, decoder, word alignment. All calls to faster-whisper and
CTranslate2 are here.

Called by `whisper`. Uses the parts of faster-whisper 1.2.1 that hold the model's knowledge (mel, tokenizer,
prompt, alignment) and none of its loops. Must not import torch, reach a hub, or keep anything between two
calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ingest_contract.failures import Reason
from ingest_worker.domain import SAMPLE_RATE, FloatArray, Word
from ingest_worker.engines import cublas
from ingest_worker.engines.chunks import LEAD_SAMPLES
from ingest_worker.engines.compute_types import refused
from ingest_worker.engines.languages import sure_of
from ingest_worker.engines.quality import UNALIGNED, Decoded, fault_of
from ingest_worker.errors import StageError
from ingest_worker.memory import classify

FILES: Final = ("model.bin", "config.json", "tokenizer.json")
"""The files that a model's folder must have. Without the last, faster-whisper would ask a hub for it."""

SEED: Final = 20
"""Seed of CTranslate2's random numbers: the same sound at the same temperature gives the same words."""

CANDIDATES: Final = 5
"""Samples from which the likeliest is chosen, at a temperature above 0 (openai/whisper `best_of`)."""

OPENING, CLOSING = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word after it and before it
(openai/whisper `prepend_punctuations`, `append_punctuations`)."""

Piece = tuple[Decoded, list[Word]]
"""A decoding and its words at times of its sound. No words if the decoding cannot be what was said: aligning
it would be wasted."""


@dataclass(frozen=True, slots=True)
class Task:
    """How to decode."""

    language: str
    """The recording's language."""
    hotwords: str | None
    """A sentence with words that the decoder should expect; None for none."""
    beam_size: int
    follow: bool = False
    """Whether a sound that is surely in another language is decoded in that language."""


class Engine:
    """A loaded Whisper model."""

    def __init__(self, folder: Path, *, device: str, compute_type: str, threads: int) -> None:
        """Load. Raises `StageError`: `MODELS_UNAVAILABLE`, `GPU_UNAVAILABLE`,
        `COMPUTE_TYPE_UNSUPPORTED` or a memory reason."""
        if missing := [name for name in FILES if not (folder / name).is_file()]:
            raise StageError(Reason.MODELS_UNAVAILABLE, f"{folder} has no {', '.join(missing)}.")
        if device == "cuda":
            cublas.preload()
        self._model = _loaded(folder, device=device, compute_type=compute_type, cpu_threads=threads)
        if self._model.model.n_mels != self._model.feature_extractor.mel_filters.shape[0]:
            raise StageError(
                Reason.MODELS_UNAVAILABLE,
                f"{folder} needs a preprocessor_config.json for {self._model.model.n_mels} mel bands.",
            )

    @property
    def languages(self) -> Sequence[str]:
        """Codes of the languages that the model supports."""
        return tuple(self._model.supported_languages)

    def unload(self) -> None:
        """Free the memory of the weights."""
        self._model.model.unload_model()

    def language_of(self, sounds: Sequence[FloatArray]) -> list[dict[str, float]]:
        """For each sound the probability of every language."""
        return self._ballots(self._encoded(sounds))

    def try_out(self, sound: FloatArray) -> None:
        """Encode, decode and align a sound, whatever is heard in it. `decode` aligns nothing where it hears
        nothing, and alignment is where a GPU refuses what it could do until then (CTranslate2#1865)."""
        task = Task(self.languages[0], None, beam_size=1)
        self.decode([sound], task, 0.0)
        tokenizer = self._tokenizer(task.language)
        self._model.find_alignment(tokenizer, [tokenizer.encode(" a word")], self._encoded([sound]), [100])

    def fitting(self, vocabulary: Sequence[str]) -> tuple[str, ...]:
        """The first words of a vocabulary that fit into the prompt, complete. faster-whisper would cut the
        last one anywhere."""
        room = self._model.max_length // 2 - 1
        kept = list(vocabulary)
        while (
            kept
            and len(self._model.hf_tokenizer.encode(f" {sentence_of(kept)}", add_special_tokens=False).ids)
            > room
        ):
            kept.pop()
        return tuple(kept)

    def decode(self, sounds: Sequence[FloatArray], task: Task, temperature: float) -> list[Piece]:
        """Decode and align all sounds together. Sounds are float32 in -1..1 at 16 kHz, at most
        `LONGEST_SAMPLES` each."""
        from ctranslate2 import set_random_seed

        set_random_seed(SEED)
        encoded = self._encoded(sounds)
        ballots = self._ballots(encoded) if self._model.model.is_multilingual else [{} for _ in sounds]
        spoken = [(sure_of(ballot) if task.follow else None) or task.language for ballot in ballots]
        tokenizers = {language: self._tokenizer(language) for language in sorted(set(spoken))}
        prompts = {language: self._prompt(tokenizer, task) for language, tokenizer in tokenizers.items()}
        results = self._model.model.generate(
            encoded,
            [prompts[language] for language in spoken],
            max_length=self._model.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=_suppressed(tokenizers[spoken[0]]),
            **_search(task, temperature),
        )
        room = self._model.max_length - len(prompts[spoken[0]])
        decoded = [
            _decoded(result, tokenizers[language], sound, room).spoken_in(language, task.language, ballot)
            for result, sound, language, ballot in zip(results, sounds, spoken, ballots, strict=True)
        ]
        words: list[list[Word]] = [[] for _ in sounds]
        for language, tokenizer in tokenizers.items():
            own = [its == language for its in spoken]
            for row, aligned in enumerate(self._words(encoded, tokenizer, results, decoded, own)):
                words[row] += aligned
        return list(zip(decoded, words, strict=True))

    def _ballots(self, encoded: Any) -> list[dict[str, float]]:
        """For each sound the probability of every language."""
        results = self._model.model.detect_language(encoded)
        return [{token[2:-2]: probability for token, probability in result} for result in results]

    def _prompt(self, tokenizer: Any, task: Task) -> list[int]:
        """Equally long in every language: all prompts of a batch have one length."""
        return list(self._model.get_prompt(tokenizer, [], without_timestamps=True, hotwords=task.hotwords))

    def _encoded(self, sounds: Sequence[FloatArray]) -> Any:
        """Each sound encoded, after `LEAD_SAMPLES`."""
        from faster_whisper.audio import pad_or_trim

        extract, lead = self._model.feature_extractor, np.zeros(LEAD_SAMPLES, np.float32)
        return self._model.encode(
            np.stack([pad_or_trim(extract(np.concatenate([lead, sound]))[..., :-1]) for sound in sounds])
        )

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=language
        )

    def _words(
        self, encoded: Any, tokenizer: Any, results: Any, decoded: list[Decoded], own: list[bool]
    ) -> list[list[Word]]:
        """The words of the batch's sounds in the tokenizer's language (`own`); none for the others: an empty
        text costs nothing to align."""
        from faster_whisper.transcribe import merge_punctuations

        texts = [
            [token for token in result.sequences_ids[0] if token < tokenizer.eot]
            if its and fault_of(piece) not in UNALIGNED
            else []
            for piece, result, its in zip(decoded, results, own, strict=True)
        ]
        if not any(texts):
            return [[] for _ in texts]
        frames = [
            max(2, round((LEAD_SAMPLES / SAMPLE_RATE + piece.seconds) * self._model.frames_per_second))
            for piece in decoded
        ]
        alignments = self._model.find_alignment(tokenizer, texts, encoded, frames)
        for alignment in alignments:
            merge_punctuations(alignment, OPENING, CLOSING)
        return [[_word(row) for row in alignment if row["word"]] for alignment in alignments]


def sentence_of(vocabulary: Sequence[str]) -> str | None:
    """The vocabulary as a sentence for the model; None without one.

    Whisper continues in the style of its prompt. After a bare list of four words the dialogue of
    `testkit/speech/script.txt` (tiny.en, beam 1) came out with 56 sentence ends, after the same list with a
    capital and a full stop with 87, and with 85 without a prompt: passages are cut at sentence ends.
    """
    text = ", ".join(vocabulary)
    return f"{text[0].upper()}{text[1:]}." if text else None


def _loaded(folder: Path, **options: Any) -> Any:
    from faster_whisper import WhisperModel

    try:
        return WhisperModel(str(folder), local_files_only=True, **options)
    except Exception as error:
        raise StageError(
            refused(error) or classify(error) or Reason.MODELS_UNAVAILABLE,
            f"Whisper in {folder} cannot be loaded: {error}",
        ) from error


def _search(task: Task, temperature: float) -> dict[str, Any]:
    if temperature == 0:
        return {"beam_size": task.beam_size}
    return {
        "beam_size": 1,
        "num_hypotheses": CANDIDATES,
        "sampling_topk": 0,
        "sampling_temperature": temperature,
    }


def _suppressed(tokenizer: Any) -> list[int]:
    """Tokens that are not speech: music signs, speaker tags and the model's own marks."""
    from faster_whisper.transcribe import get_suppressed_tokens

    return list(get_suppressed_tokens(tokenizer, [-1]))


def _decoded(result: Any, tokenizer: Any, sound: FloatArray, room: int) -> Decoded:
    tokens = result.sequences_ids[0]
    return Decoded(
        text=tokenizer.decode(tokens).strip(),
        seconds=sound.size / SAMPLE_RATE,
        logprob=result.scores[0]
        * len(tokens)
        / (len(tokens) + 1),  # CTranslate2 divides by the length without the end mark
        no_speech=result.no_speech_prob,
        complete=len(tokens) < room,
    )


def _word(row: dict[str, Any]) -> Word:
    """The word at its time in the sound, which begins after `LEAD_SAMPLES`."""
    start, end = (max(0.0, float(row[edge]) - LEAD_SAMPLES / SAMPLE_RATE) for edge in ("start", "end"))
    return Word(start, end, row["word"], float(row["probability"]))
