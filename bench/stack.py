"""One recording through the parts that people would put together themselves, as the process that
`bench.stacks` starts for it; and through this project's engines alone.

    python -m bench.stack WAY RECORDING.wav RESULT.json

`sequential`: faster-whisper's own loop, pyannote's pipeline as shipped, sentence-transformers. `batched`: the
same with faster-whisper's `BatchedInferencePipeline`, which is WhisperX's composition but for its alignment:
words have Whisper's own times. `bare`: the worker's engines, loaded, one after the other.

The model files, the number of threads, the beam and the passages are the same for all.
"""

import json
import sys
import time
import wave
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ingest_worker.surroundings import settle

THREADS: Final = 2
BATCH: Final = 8
BEAM: Final = 5
BATCH_TOKENS: Final = 16_384
BATCH_WINDOWS: Final = 32

Heard = dict[str, Any]
"""`seconds` of the engines alone, `words`, `turns`, and how many `vectors`."""


def stock(path: Path, *, batched: bool) -> Heard:
    """The parts as their makers ship them."""
    import torch
    from faster_whisper import BatchedInferencePipeline, WhisperModel
    from sentence_transformers import SentenceTransformer

    from ingest_worker.domain import Word
    from ingest_worker.engines.turns import diarization_of
    from testkit.models.demo_set import model
    from testkit.models.reference_diarization import stock as pipeline

    began = time.monotonic()
    whisper = WhisperModel(
        str(model("tiny.en")), device="cpu", compute_type="int8", cpu_threads=THREADS, local_files_only=True
    )
    options: dict[str, Any] = {"beam_size": BEAM, "word_timestamps": True, "language": "en"}
    segments, _ = (
        BatchedInferencePipeline(whisper).transcribe(str(path), batch_size=BATCH, **options)
        if batched
        else whisper.transcribe(str(path), **options)
    )
    words = [
        Word(word.start, word.end, word.word.strip(), word.probability)
        for segment in segments
        for word in segment.words or ()
    ]
    sound, rate = samples(path)
    output = pipeline(model("community-1"))({"waveform": torch.from_numpy(sound)[None], "sample_rate": rate})
    embedder = SentenceTransformer(str(model("all-MiniLM-L6-v2")), device="cpu", local_files_only=True)
    found = diarization_of(output, sound.size / rate)
    return heard(words, found, lambda texts: embedder.encode(list(texts)), began)


def bare(path: Path) -> Heard:
    """This project's engines, without a pipeline: what loading takes is not counted."""
    from ingest_contract.order import Settings, SpeakerCount
    from ingest_contract.profile import (
        DiarizationProfile,
        EmbeddingProfile,
        IdentificationProfile,
        SegmentationProfile,
        TranscriptionProfile,
    )
    from ingest_worker.domain import Audio
    from ingest_worker.engines.diarization import PyannoteDiarizer
    from ingest_worker.engines.embedding import SentenceEmbedder
    from ingest_worker.engines.whisper import WhisperTranscriber
    from testkit.models.demo_set import model

    settings = Settings(
        model_set="demo",
        transcription=TranscriptionProfile(model="tiny.en", beam_size=BEAM),
        diarization=DiarizationProfile(),
        identification=IdentificationProfile(),
        segmentation=SegmentationProfile(),
        embedding=EmbeddingProfile(model="all-MiniLM-L6-v2"),
    )
    whisper = WhisperTranscriber(
        model("tiny.en"),
        device="cpu",
        compute_type="int8",
        threads=THREADS,
        batch=BATCH,
        settings=settings,
    )
    diarizer = PyannoteDiarizer(model("community-1"), device="cpu", batch=BATCH_WINDOWS)
    embedder = SentenceEmbedder(
        model("all-MiniLM-L6-v2"), device="cpu", batch_tokens=BATCH_TOKENS, model_key="m"
    )
    pcm = path.with_suffix(".pcm")
    with wave.open(str(path)) as file:
        pcm.write_bytes(file.readframes(file.getnframes()))
    audio = Audio(pcm, pcm.stat().st_size // 2)
    began = time.monotonic()
    transcript = whisper.transcribe(audio, _nobody)
    found = diarizer.diarize(audio, SpeakerCount(), _nobody)
    return heard(transcript.words, found, lambda texts: embedder.embed(texts, _nobody).values, began)


def heard(words: Sequence[Any], found: Any, embed: Callable[[Sequence[str]], Any], began: float) -> Heard:
    """Who said what, in passages with vectors: what every way must come to."""
    from ingest_contract.profile import SegmentationProfile
    from ingest_worker.attribution import attribute
    from ingest_worker.segmentation import segment

    spoken = attribute(words, found)
    vectors = embed([passage.text for passage in segment(spoken, SegmentationProfile())])
    return {
        "seconds": time.monotonic() - began,
        "words": [asdict(each) for each in spoken],
        "turns": [asdict(turn) for turn in found.turns],
        "vectors": len(vectors),
    }


def samples(path: Path) -> tuple[Any, int]:
    """(n,) float32 in -1..1, and the rate."""
    import numpy as np

    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return pcm.astype(np.float32) / np.float32(32_768), file.getframerate()


def _nobody(_: float) -> None:
    """Progress is not shown."""


def main() -> int:
    """Hear, and write what was heard, with what it took."""
    way, path, result = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    settle(THREADS)
    import warnings

    warnings.simplefilter("ignore")
    found = bare(path) if way == "bare" else stock(path, batched=way == "batched")
    from ingest_worker.resident import peak_mib

    found |= {"cpu": time.process_time(), "rss": peak_mib()}
    result.write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
