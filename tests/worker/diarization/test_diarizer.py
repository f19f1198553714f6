import logging
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import SpeakerCount
from ingest_worker.domain import SAMPLE_RATE, Audio
from ingest_worker.engines.diarization import PyannoteDiarizer
from ingest_worker.errors import StageError
from testkit.models.reference_diarization import (
    Run,
    cosine,
    once_per_window,
    run_product,
    run_reference,
    stock,
)
from testkit.speech.catalogue import Recording

pytestmark = pytest.mark.models
ANY = SpeakerCount()
NAME = "pyannote.audio.pipelines.SpeakerDiarization"


def quiet(_: float) -> None:
    pass


def written(path: Path, sound: Any) -> Audio:
    np.asarray(sound).astype("<i2").tofile(path)
    return Audio(path, len(sound))


def test_one_trunk_call_per_window_equals_stock(folder: Path, sample: Audio) -> None:
    twelve = Audio(sample.path, 12 * SAMPLE_RATE)
    plain, shared = run_reference(stock(folder), twelve), run_reference(once_per_window(folder), twelve)
    assert np.abs(plain.vectors - shared.vectors).max() == 0.0
    assert np.array_equal(plain.output.speaker_embeddings, shared.output.speaker_embeddings)


def test_trunk_once_hears_the_turns_that_stock_hears(
    ours: Run, reference: Run, recording: Callable[[str], Recording]
) -> None:
    truth = recording("sample").turns
    assert truth is not None
    assert ours.error_rate(truth) <= 0.08
    assert abs(ours.error_rate(truth) - reference.error_rate(truth)) <= 0.005
    assert len(ours.output.speaker_diarization.labels()) == 2


def test_trunk_once_gives_the_voices_that_stock_gives(ours: Run, reference: Run) -> None:
    assert np.array_equal(ours.steps["segmentation"].data, reference.steps["segmentation"].data)
    slots = cosine(ours.vectors, reference.vectors)[reference.heard()]
    assert slots.mean() > 0.97
    assert slots.min() > 0.9
    assert cosine(ours.output.speaker_embeddings, reference.output.speaker_embeddings).min() > 0.99


def test_the_result_is_in_our_form_and_the_same_every_time(diarizer: PyannoteDiarizer, sample: Audio) -> None:
    told: list[float] = []
    first = diarizer.diarize(sample, ANY, told.append)
    again = diarizer.diarize(sample, ANY, quiet)
    assert first.turns == again.turns
    assert first.overlaps == again.overlaps
    assert np.array_equal(first.vectors, again.vectors)
    assert first.vectors.shape == (2, 256)
    assert np.allclose(np.linalg.norm(first.vectors, axis=1), 1)
    assert all(a.end <= b.start for a, b in pairwise(first.turns))
    assert first.turns[0].speaker == 0
    assert len(first.overlaps) > 0
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_smaller_batch_gives_the_same_turns(
    folder: Path, diarizer: PyannoteDiarizer, sample: Audio
) -> None:
    small = PyannoteDiarizer(folder, device="cpu", batch=5)
    ours, theirs = small.diarize(sample, ANY, quiet).turns, diarizer.diarize(sample, ANY, quiet).turns
    assert [turn.speaker for turn in ours] == [turn.speaker for turn in theirs]
    assert [turn.end for turn in ours] == pytest.approx([turn.end for turn in theirs], abs=0.02)


def test_the_last_window_is_heard_though_it_hangs_over_the_end(
    diarizer: PyannoteDiarizer, sample: Audio
) -> None:
    cut = Audio(sample.path, round(25.4 * SAMPLE_RATE))
    run = run_product(diarizer, cut)
    assert run.vectors.shape == (17, 3, 256)
    assert np.isfinite(run.vectors[-1]).all()
    assert max(turn.end for turn in diarizer.diarize(cut, ANY, quiet).turns) == pytest.approx(25.4, abs=0.1)


def test_a_recording_shorter_than_a_window_has_a_speaker_and_a_voice(
    diarizer: PyannoteDiarizer, sample: Audio
) -> None:
    sound = sample.pcm()[22 * SAMPLE_RATE : 26 * SAMPLE_RATE]
    found = diarizer.diarize(written(sample.path.with_name("four.pcm"), sound), ANY, quiet)
    assert found.speakers == 1
    assert found.has_vector(0)
    assert found.turns[-1].end <= 4.0


@pytest.mark.parametrize("seconds", [0.0, 0.01, 3.0, 12.5])
def test_a_recording_in_which_nobody_speaks_has_no_turns(
    diarizer: PyannoteDiarizer, tmp_path: Path, seconds: float
) -> None:
    found = diarizer.diarize(
        written(tmp_path / "silence.pcm", np.zeros(round(seconds * SAMPLE_RATE))), ANY, quiet
    )
    assert (found.turns, found.overlaps, found.vectors.shape) == ((), (), (0, 256))


def test_a_speaker_with_too_little_clean_speech_has_a_row_of_nan(
    diarizer: PyannoteDiarizer, sample: Audio
) -> None:
    # a second: less than a fifth of a window
    sound = sample.pcm()[round(21.8 * SAMPLE_RATE) : round(22.8 * SAMPLE_RATE)]
    found = diarizer.diarize(written(sample.path.with_name("one.pcm"), sound), ANY, quiet)
    assert found.speakers == 1
    assert not found.has_vector(0)
    assert np.isnan(found.vectors).all()


def test_a_voice_that_is_almost_too_faint_to_be_stored_has_its_turns(
    diarizer: PyannoteDiarizer, audio_of: Callable[..., Audio]
) -> None:
    loud = audio_of("two_cities")
    faint = written(loud.path.with_name("faint.pcm"), np.round(loud.pcm() * 0.001))
    found = [
        sum(turn.end - turn.start for turn in diarizer.diarize(audio, ANY, quiet).turns)
        for audio in (loud, faint)
    ]
    assert found[1] == pytest.approx(found[0], abs=1.5)


def test_the_ordered_number_of_speakers_is_kept_to(diarizer: PyannoteDiarizer, sample: Audio) -> None:
    one = diarizer.diarize(sample, SpeakerCount(max=1), quiet)
    assert one.speakers == 1
    assert one.overlaps == ()
    three = diarizer.diarize(sample, SpeakerCount(min=3, max=3), quiet)
    assert three.speakers == 3
    assert not three.outside_bounds


def test_more_speakers_than_can_be_found_are_not_invented_and_the_result_says_so(
    diarizer: PyannoteDiarizer, sample: Audio, caplog: pytest.LogCaptureFixture
) -> None:
    short = Audio(sample.path, 11 * SAMPLE_RATE)
    with caplog.at_level(logging.WARNING):
        found = diarizer.diarize(short, SpeakerCount(min=9), quiet)
    assert found.outside_bounds
    assert 1 <= found.speakers < 9
    assert "where 9 to any number were ordered" in caplog.text


def test_what_breaks_inside_is_reported_as_a_failed_diarization(
    diarizer: PyannoteDiarizer, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match="FileNotFoundError") as caught:
        diarizer.diarize(Audio(tmp_path / "gone.pcm", SAMPLE_RATE), ANY, quiet)
    assert caught.value.reason is Reason.DIARIZATION_FAILED


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (None, "describes no diarization pipeline"),
        ("pipeline: 3", "describes no diarization pipeline"),
        (
            "pipeline: {name: pyannote.audio.pipelines.VoiceActivityDetection, params: {}}",
            "with VBxClustering",
        ),
        (
            f"pipeline: {{name: {NAME}, params: {{clustering: AgglomerativeClustering}}}}",
            "with VBxClustering",
        ),
        (
            f"pipeline: {{name: {NAME}, params: {{segmentation: hub/model}}}}",
            "no segmentation in its own folder",
        ),
        (
            (
                f"pipeline: {{name: {NAME}, params: "
                f"{{segmentation: $model/../s, embedding: $model/s, plda: $model/s}}}}"
            ),
            "no segmentation in",
        ),
        (
            (
                f"pipeline: {{name: {NAME}, params: "
                f"{{segmentation: $model/s, embedding: $model/s@main, plda: $model/s}}}}"
            ),
            "no embedding in",
        ),
        (
            (
                "pipeline: "
                f"{{name: {NAME}, params: {{segmentation: $model/s, embedding: $model/s, plda: $model/s}}}}"
            ),
            "cannot be loaded",
        ),
    ],
)
def test_a_folder_without_the_pipeline_is_refused(tmp_path: Path, config: str | None, complaint: str) -> None:
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    with pytest.raises(StageError, match=complaint) as caught:
        PyannoteDiarizer(tmp_path, device="cpu", batch=1)
    assert caught.value.reason is Reason.MODELS_UNAVAILABLE


def test_a_gpu_that_is_not_there_is_not_replaced_by_the_cpu(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(StageError) as caught:
        PyannoteDiarizer(folder, device="cuda", batch=1)
    assert caught.value.reason is Reason.GPU_UNAVAILABLE
