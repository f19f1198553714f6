"""What the demo's models make of a sound, kept on this machine: a bench of what is done with it afterwards
needs not hear it again."""

import hashlib
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from bench.hearing import transcriber
from ingest_contract.order import SpeakerCount
from ingest_contract.stages import STAGE_VERSION, Stage
from ingest_worker import codec
from ingest_worker.domain import Audio, Diarization, FloatArray, Transcript
from ingest_worker.engines.diarization import PyannoteDiarizer
from ingest_worker.errors import StageError
from ingest_worker.hashes import voice_hash
from ingest_worker.sole_voice import sole_voice
from scripts.environment import cache_folder
from testkit.models import community1
from testkit.speech import audio

BATCH = 32


@cache
def diarizer(batch: int = BATCH) -> PyannoteDiarizer:
    """The real pipeline, loaded once."""
    return PyannoteDiarizer(community1.kit(), device="cpu", batch=batch)


def diarization(sound: audio.Samples) -> Diarization:
    """Who speaks when."""
    found = kept(
        "diarization",
        voice_hash(community1.kit().name),
        sound,
        lambda heard: codec.encode_diarization(diarizer().diarize(heard, SpeakerCount(), lambda _: None)),
    )
    return codec.decode_diarization(found)


def transcript(sound: audio.Samples) -> Transcript:
    """What is said, by tiny.en."""
    found = kept(
        "transcript",
        str(STAGE_VERSION[Stage.TRANSCRIBE]),
        sound,
        lambda heard: codec.encode_transcript(transcriber("tiny.en").transcribe(heard, lambda _: None)),
    )
    return codec.decode_transcript(found)


def voice(sound: audio.Samples) -> FloatArray | None:
    """(dimension,) the vector of the one person in a sound, as enrolment takes it; None where enrolment
    refuses it."""

    def vector(heard: Audio) -> bytes:
        try:
            said = diarizer().diarize(heard, SpeakerCount(), lambda _: None)
            return sole_voice(said).vector.astype("<f4").tobytes()
        except StageError:
            return b""

    found = kept("voice", voice_hash(community1.kit().name), sound, vector)
    return np.frombuffer(found, "<f4").astype(np.float32) if found else None


def kept(kind: str, version: str, sound: audio.Samples, make: Callable[[Audio], bytes]) -> bytes:
    """What was made of a sound by a version of something; made now if it is not kept."""
    pcm = (np.clip(sound, -1, 1) * 32_767).round().astype("<i2").tobytes()
    name = hashlib.sha256(version.encode() + pcm).hexdigest()[:24]
    path = cache_folder() / "bench" / kind / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            raw = Path(scratch) / "sound.pcm"
            raw.write_bytes(pcm)
            draft = Path(scratch) / "made"
            draft.write_bytes(make(Audio(raw, len(pcm) // 2)))
            draft.replace(path)
    return path.read_bytes()
