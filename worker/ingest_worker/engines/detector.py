"""Where somebody speaks, without words: what captions are compared with.

Called by the pipeline through `ports.SpeechDetector`. The same network and the same spans as the
transcriber's, so the seconds of speech of a transcript mean the same, wherever its words are from.
"""

from ingest_worker.domain import SAMPLE_RATE, Audio
from ingest_worker.engines.chunks import speech_spans
from ingest_worker.engines.gain import Amplified
from ingest_worker.engines.soft import listened
from ingest_worker.ports import Report


class SileroDetector:
    """`ports.SpeechDetector` by the network that ships with faster-whisper; it runs on the CPU."""

    def speech(self, audio: Audio, report: Report, /) -> tuple[tuple[float, float], ...]:
        """(start, end) of where somebody speaks, padded as the transcriber's spans are, in seconds."""
        _, probabilities = listened(Amplified(audio), report)
        spans = speech_spans(probabilities, audio.samples)
        return tuple((start / SAMPLE_RATE, end / SAMPLE_RATE) for start, end in spans)
