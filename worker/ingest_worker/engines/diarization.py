"""The diarizer: who spoke when, by pyannote.audio's own pipeline, but each second of sound passes the voice
network only once.

Called by the pipeline through `ports.Diarizer`. The networks, the masks, VBx and the order of steps are those
of `SpeakerDiarization` (4.0.7); five of its parts are replaced, each by one that does the same in less time
or memory: segmentation reads from scratch (`activity`), its first layer runs once over what windows share
(`front`), the voice network's trunk runs once over the recording (`trunk`, `pooling`), and clustering and
reconstruction are bounded. Must not open media: sound comes decoded (pyannote-audio#1955: from a file it is
20 times slower).
"""

import gc
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ingest_contract.failures import Reason
from ingest_contract.order import SpeakerCount
from ingest_worker.domain import Audio, Diarization, FloatArray
from ingest_worker.engines.activity import SpeakerActivity
from ingest_worker.engines.clustering import BoundedClustering
from ingest_worker.engines.front import SharedFront
from ingest_worker.engines.heard import WindowRecorder
from ingest_worker.engines.pooling import Windows, slot_masks, window_statistics
from ingest_worker.engines.pyannote_folder import loaded
from ingest_worker.engines.pyannote_parts import SlidingWindow, SlidingWindowFeature
from ingest_worker.engines.reconstruction import reconstruct
from ingest_worker.engines.trunk import HOP_SAMPLES, Trunk, filterbank_frames
from ingest_worker.engines.turns import diarization_of
from ingest_worker.errors import StageError
from ingest_worker.memory import classify
from ingest_worker.ports import Report

SEGMENTING_SHARE: Final = 0.45
"""Segmentation's share of the stage's progress, as on a CPU (`bench/diarization.py`); on a GPU it is less."""

VOICES_SHARE: Final = 0.5
"""The voice network's share; clustering has the rest."""

log = logging.getLogger(__name__)


class PyannoteDiarizer:
    """`ports.Diarizer` by pyannote/speaker-diarization-community-1."""

    def __init__(self, folder: Path, *, device: Literal["cuda", "cpu"], batch: int) -> None:
        """Load the pipeline in `folder`; `batch` counts ten-second windows.

        Raises:
            StageError: `MODELS_UNAVAILABLE` if the folder holds no such pipeline, `GPU_UNAVAILABLE`, or a
                memory reason.
        """
        with _ours(Reason.MODELS_UNAVAILABLE, f"The diarization pipeline in {folder} cannot be loaded"):
            self._pipeline = loaded(folder, device)
            self._inference, voice = self._pipeline._segmentation, self._pipeline._embedding  # noqa: SLF001 - they have no public names
            self._least_samples, self._network = voice.min_num_samples, voice.model_
            self.activity = SpeakerActivity(self._inference, batch=batch, device=device)
            front = self._inference.model.sincnet
            front.forward = SharedFront(front, self.activity.step)
            self.trunk = Trunk(self._network, device=device, batch=batch)
        # The pipeline finds its parts as attributes, and an instance's own come first.
        self._pipeline.get_segmentations = self._segmentations
        self._pipeline.get_embeddings = self._embeddings
        self._pipeline.clustering = BoundedClustering(self._pipeline.clustering)
        self._pipeline.reconstruct = reconstruct

    def diarize(self, audio: Audio, speakers: SpeakerCount, report: Report, /) -> Diarization:
        """Who spoke when, with one voice vector each, and the windows that they were grouped from. No turns,
        and vectors of shape (0, dimension), where nobody speaks.

        If the number of speakers cannot match the order, the speakers found are kept, the result is marked,
        and the log says so.

        Raises:
            StageError: `DIARIZATION_FAILED`, or a memory or GPU reason.
        """
        with _ours(Reason.DIARIZATION_FAILED, "Speakers could not be told apart"):
            recorder = WindowRecorder()
            self._pipeline.reconstruct = recorder.reconstruct
            output = self.annotated(audio, speakers, report, recorder.hook)
            windows = recorder.windows(output, self._inference.model.receptive_field)
            found = replace(diarization_of(output, audio.seconds), windows=windows)
        report(1.0)
        return _marked(found, speakers)

    def try_out(self, audio: Audio) -> None:
        """One pass through both networks, whoever speaks: as if somebody spoke throughout.

        Raises:
            StageError: as `diarize`.
        """
        with _ours(Reason.DIARIZATION_FAILED, "The networks cannot be run"):
            everybody = np.ones_like(self.activity.of(audio, lambda _: None))
            self.slot_vectors(audio, everybody, exclude_overlap=False, report=lambda _: None)

    def release(self) -> None:
        """Free the memory of the models. The object must not be used afterwards."""
        del self._pipeline, self._inference, self._network, self.activity, self.trunk
        gc.collect()  # the pipeline references itself through the parts that were put into it
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def annotated(
        self, audio: Audio, speakers: SpeakerCount, report: Report, hook: Callable[..., None] | None = None
    ) -> Any:
        """The pipeline's own `DiarizeOutput`; `hook` receives every step's result
        (`SpeakerDiarization.apply`). For benchmarks."""
        file = {"uri": "recording", "audio": audio, "report": report}
        with warnings.catch_warnings():
            # pyannote's about the number of speakers, which `diarize` reports, and numpy's
            warnings.simplefilter("ignore")
            return self._pipeline.apply(file, min_speakers=speakers.min, max_speakers=speakers.max, hook=hook)

    def slot_vectors(
        self, audio: Audio, activity: NDArray[Any], *, exclude_overlap: bool, report: Report
    ) -> FloatArray:
        """(windows, slots, dimension) voice vectors as the network gives them; NaN for windows without a
        single frame of sound.

        Args:
            audio: The recording.
            activity: (windows, frames, slots) of 0 and 1: who is active in each window.
            exclude_overlap: Whether to use clean speech only, if there is enough of it.
            report: Receives the share of windows that are done.
        """
        count, frames, slots = activity.shape
        least = -(-frames * self._least_samples // self.activity.width) if exclude_overlap else -1
        windows = Windows(self.activity.step // HOP_SAMPLES, filterbank_frames(self.activity.width))
        vectors = np.full((count, slots, self._network.dimension), np.nan, np.float32)
        blocks = self.trunk.blocks(audio)
        with torch.inference_mode():
            for window, statistics in window_statistics(
                blocks, count, windows, lambda window: slot_masks(activity[window], least)
            ):
                vectors[window] = self._network.resnet.seg_1(statistics).cpu().numpy()
                report((window + 1) / count)
        return vectors

    def _segmentations(self, file: dict[str, Any], **_: object) -> Any:
        report = file["report"]
        active = self.activity.of(file["audio"], lambda share: report(SEGMENTING_SHARE * share))
        return SlidingWindowFeature(
            active, SlidingWindow(start=0.0, duration=self._inference.duration, step=self._inference.step)
        )

    def _embeddings(
        self, file: dict[str, Any], activity: Any, *, exclude_overlap: bool, **_: object
    ) -> FloatArray:
        report = file["report"]

        def report_embedding(share: float) -> None:
            report(SEGMENTING_SHARE + VOICES_SHARE * share)

        return self.slot_vectors(
            file["audio"], activity.data, exclude_overlap=exclude_overlap, report=report_embedding
        )


def _marked(found: Diarization, ordered: SpeakerCount) -> Diarization:
    marked = found.bounded(ordered.min, ordered.max)
    if marked.outside_bounds:
        log.warning(
            "found %d speakers where %s to %s were ordered",
            found.speakers,
            ordered.min or 1,
            ordered.max or "any number",
        )
    return marked


@contextmanager
def _ours(reason: Reason, message: str) -> Iterator[None]:
    """Foreign exceptions become `StageError`:
    a memory or GPU reason if they indicate one, otherwise `reason`."""
    try:
        yield
    except StageError:
        raise
    except Exception as error:
        raise StageError(classify(error) or reason, f"{message}: {type(error).__name__}: {error}") from error
