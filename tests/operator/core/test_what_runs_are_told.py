"""What a run is told: settings from batch and profile, a runtime without `Auto`, less of everything on each
rung, and a deadline."""

from itertools import pairwise

import pytest

from ingest_contract.batch import BatchSpeakers, BatchTranscription, SpeakerSelector
from ingest_contract.place import Runtime
from ingest_contract.profile import (
    ComputeType,
    Device,
    IngestProfileSpec,
    RuntimeProfile,
)
from ingest_contract.voices import MAX_VOICES, WantedVoice
from ingest_operator.core.deadlines import FLOOR_SECONDS, UNKNOWN_LENGTH_SECONDS, deadline_seconds
from ingest_operator.core.memory_ladder import LAST_RUNG, on_rung
from ingest_operator.core.orders import Machine, runtime_of, settings_of
from ingest_operator.core.timestamps import from_rfc3339, to_rfc3339
from ingest_operator.core.voices import UnknownVoiceError
from testkit.objects.builders import a_batch, a_voice

PROFILE = IngestProfileSpec()
VOICES = (a_voice("bob", labels={"team": "hosts"}), a_voice("ann"), a_voice("eve", labels={"team": "hosts"}))
HOSTS = SpeakerSelector(match_labels={"team": "hosts"})
GPU, CPU = Machine(has_gpu=True, cores=8), Machine(has_gpu=False, cores=8)


@pytest.mark.parametrize(
    ("speakers", "found"),
    [
        pytest.param(BatchSpeakers(), ["ann", "bob", "eve"], id="all"),
        pytest.param(BatchSpeakers(profiles=("bob",)), ["bob"], id="by name"),
        pytest.param(BatchSpeakers(profiles=()), [], id="nobody"),
        pytest.param(BatchSpeakers(selector=HOSTS), ["bob", "eve"], id="by label"),
        pytest.param(
            BatchSpeakers(profiles=("ann", "eve"), selector=HOSTS), ["ann", "bob", "eve"], id="both"
        ),
        pytest.param(
            BatchSpeakers(selector=SpeakerSelector(match_labels={"team": "hosts", "site": "x"})),
            [],
            id="a label that nobody has",
        ),
    ],
)
def test_a_batch_looks_for_voices_by_name_or_label_or_for_all(
    speakers: BatchSpeakers, found: list[str]
) -> None:
    settings = settings_of(a_batch(speakers=speakers), PROFILE, VOICES)
    assert [voice.name for voice in settings.voices] == found


def test_a_voice_is_looked_for_under_the_name_that_transcripts_show() -> None:
    voice = a_voice("ann", "https://u:p@media.example.org/a.wav", displayName="Ann Example")
    settings = settings_of(a_batch(), PROFILE, [voice])
    assert settings.voices == (WantedVoice(name="Ann Example", sources=("https://media.example.org/a.wav",)),)


def test_a_voice_that_is_not_there_is_named_beside_those_there_are() -> None:
    with pytest.raises(
        UnknownVoiceError,
        match=r"^spec\.speakers\.profiles: there is no SpeakerProfile joe; there is ann, bob, eve$",
    ):
        settings_of(a_batch(speakers=BatchSpeakers(profiles=("ann", "joe"))), PROFILE, VOICES)


def test_two_voices_that_would_be_shown_alike_are_refused() -> None:
    twin = a_voice("ann-2", displayName="ann")
    with pytest.raises(UnknownVoiceError, match="SpeakerProfiles ann, ann-2 all show the name 'ann'"):
        settings_of(a_batch(), PROFILE, [*VOICES, twin])


def test_more_voices_than_an_order_holds_are_refused() -> None:
    many = [a_voice(f"v{number}") for number in range(MAX_VOICES + 1)]
    with pytest.raises(UnknownVoiceError, match="201 SpeakerProfiles, and a batch looks for at most 200"):
        settings_of(a_batch(), PROFILE, many)


def test_the_batch_says_what_is_spoken_and_the_profile_how_it_is_heard() -> None:
    settings = settings_of(
        a_batch(transcription=BatchTranscription(language="en", vocabulary=("pgvector",))), PROFILE, ()
    )
    assert (settings.language, settings.vocabulary, settings.transcription) == (
        "en",
        ("pgvector",),
        PROFILE.transcription,
    )


@pytest.mark.parametrize(
    ("machine", "device", "compute", "told"),
    [
        pytest.param(GPU, Device.AUTO, ComputeType.AUTO, ("cuda", "Auto"), id="auto with a GPU"),
        pytest.param(CPU, Device.AUTO, ComputeType.AUTO, ("cpu", "Auto"), id="auto without one"),
        pytest.param(
            CPU,
            Device.CUDA,
            ComputeType.AUTO,
            ("cuda", "Auto"),
            id="a GPU that is not there is still what is asked for",
        ),
        pytest.param(GPU, Device.CPU, ComputeType.FLOAT32, ("cpu", "float32"), id="what is asked for"),
    ],
)
def test_a_worker_chooses_its_number_format_and_never_its_device(
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
