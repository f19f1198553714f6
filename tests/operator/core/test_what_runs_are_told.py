"""What a run is told: settings from batch and profile, a runtime without `Auto`, less of everything on each
rung, and a deadline."""

from itertools import pairwise

import pytest

from ingest_contract.batch import BatchSpeakers, BatchTranscription
from ingest_contract.place import Runtime
from ingest_contract.profile import (
    ComputeType,
    Device,
    IdentificationProfile,
    IngestProfileSpec,
    RuntimeProfile,
    Voice,
)
from ingest_operator.core.deadlines import FLOOR_SECONDS, UNKNOWN_LENGTH_SECONDS, deadline_seconds
from ingest_operator.core.memory_ladder import LAST_RUNG, on_rung
from ingest_operator.core.orders import Machine, UnknownVoiceError, runtime_of, settings_of
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339
from testkit.objects.builders import a_batch

VOICES = tuple(
    Voice(name=name, recordings=(f"https://media.example.org/{name}.wav",)) for name in ("ann", "bob")
)
PROFILE = IngestProfileSpec(identification=IdentificationProfile(voices=VOICES))
GPU, CPU = Machine(has_gpu=True, cores=8), Machine(has_gpu=False, cores=8)


@pytest.mark.parametrize(
    ("wanted", "found"), [(None, ["ann", "bob"]), (("bob",), ["bob"]), ((), [])], ids=["all", "one", "nobody"]
)
def test_a_batch_looks_for_the_voices_it_names_or_for_all_of_its_profile(
    wanted: tuple[str, ...] | None, found: list[str]
) -> None:
    settings = settings_of(a_batch(speakers=BatchSpeakers(profiles=wanted)), PROFILE)
    assert [voice.name for voice in settings.identification.voices] == found


def test_a_voice_that_nobody_enrolled_is_named_beside_those_there_are() -> None:
    with pytest.raises(
        UnknownVoiceError, match=r"^spec\.speakers\.profiles: eve not enrolled; the profile has ann, bob$"
    ):
        settings_of(a_batch(speakers=BatchSpeakers(profiles=("ann", "eve"))), PROFILE)


def test_the_batch_says_what_is_spoken_and_the_profile_how_it_is_heard() -> None:
    settings = settings_of(
        a_batch(transcription=BatchTranscription(language="en", vocabulary=("pgvector",))), PROFILE
    )
    assert (settings.language, settings.vocabulary, settings.transcription) == (
        "en",
        ("pgvector",),
        PROFILE.transcription,
    )


@pytest.mark.parametrize(
    ("machine", "device", "compute", "told"),
    [
        pytest.param(GPU, Device.AUTO, ComputeType.AUTO, ("cuda", "int8_float16"), id="auto with a GPU"),
        pytest.param(CPU, Device.AUTO, ComputeType.AUTO, ("cpu", "int8"), id="auto without one"),
        pytest.param(
            CPU,
            Device.CUDA,
            ComputeType.AUTO,
            ("cuda", "int8_float16"),
            id="a GPU that is not there is still what is asked for",
        ),
        pytest.param(GPU, Device.CPU, ComputeType.FLOAT32, ("cpu", "float32"), id="what is asked for"),
    ],
)
def test_a_worker_never_chooses_for_itself(
    machine: Machine, device: Device, compute: ComputeType, told: tuple[str, str]
) -> None:
    runtime = runtime_of(
        IngestProfileSpec(runtime=RuntimeProfile(device=device, compute_type=compute)), machine, 1
    )
    assert (runtime.device, runtime.compute_type) == told


@pytest.mark.parametrize(("threads", "parallelism", "told"), [(0, 1, 8), (0, 3, 2), (0, 100, 1), (5, 3, 5)])
def test_workers_share_the_cores_unless_the_profile_says_otherwise(
    threads: int, parallelism: int, told: int
) -> None:
    assert (
        runtime_of(IngestProfileSpec(runtime=RuntimeProfile(threads=threads)), CPU, parallelism).threads
        == told
    )


@pytest.mark.parametrize("tokens", [64, 600, 16_384])
def test_every_rung_takes_less_than_the_one_above_or_as_little_as_there_is(tokens: int) -> None:
    top = runtime_of(IngestProfileSpec(runtime=RuntimeProfile(embedding_batch_tokens=tokens)), GPU, 1)
    ladder = [on_rung(top, rung) for rung in range(LAST_RUNG + 1)]
    assert ladder[0] == top
    for above, below in pairwise(ladder):
        assert sizes(below) != sizes(above) or 1 in sizes(above)
        assert all(small <= large for small, large in zip(sizes(below), sizes(above), strict=True))
    assert sizes(ladder[-1]) == (1, 1, min(tokens, 512))


def test_from_quarter_batches_on_nothing_shares_a_memory_with_what_could_wait() -> None:
    top = runtime_of(PROFILE, GPU, 1)
    ladder = [on_rung(top, rung) for rung in range(LAST_RUNG + 1)]
    assert [(each.together, each.preload) for each in ladder] == [
        (True, True),
        (True, True),
        (False, False),
        (False, False),
    ]


def sizes(runtime: Runtime) -> tuple[int, int, int]:
    return runtime.transcription_batch, runtime.diarization_batch, runtime.embedding_batch_tokens


def test_a_deadline_grows_with_the_media_and_a_cpu_gets_more_time() -> None:
    assert (deadline_seconds(3600, "cuda"), deadline_seconds(3600, "cpu")) == (
        FLOOR_SECONDS + 3600,
        FLOOR_SECONDS + 72_000,
    )
    assert deadline_seconds(None, "cuda") == deadline_seconds(UNKNOWN_LENGTH_SECONDS, "cuda")


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0.0, "1970-01-01T00:00:00Z"),
        (1_800_000_000.5, "2027-01-15T08:00:00.500Z"),
        (1_800_000_000.9996, "2027-01-15T08:00:01Z"),
    ],
)
def test_a_moment_is_reported_in_utc_to_the_millisecond(moment: float, text: str) -> None:
    assert to_rfc3339(moment) == text
    assert from_rfc3339(text) == round(moment, 3)
