"""When a kept result still counts: which change of an order redoes which stages."""

from typing import Any

import pytest

from ingest_contract.order import Settings, SpeakerCount
from ingest_contract.profile import (
    DiarizationProfile,
    EmbeddingProfile,
    IdentificationProfile,
    SegmentationProfile,
    TranscriptionProfile,
)
from ingest_contract.stages import STAGE_VERSION, Stage
from ingest_contract.voices import WantedVoice
from ingest_worker.hashes import Hashes, Identities, for_language, hashes_of

MODELS = Identities("tiny.en@1", "community-1@2", "minilm@3")
SETTINGS = Settings(
    model_set="demo",
    transcription=TranscriptionProfile(model="tiny.en"),
    diarization=DiarizationProfile(),
    identification=IdentificationProfile(),
    segmentation=SegmentationProfile(),
    embedding=EmbeddingProfile(model="minilm"),
)
ANN = (WantedVoice(name="ann", sources=("/voices/ann.wav",)),)


def hashes(speakers: SpeakerCount | None = None, models: Identities = MODELS, **changed: Any) -> Hashes:
    return hashes_of(SETTINGS.model_copy(update=changed), speakers or SpeakerCount(), models)


def redone(other: Hashes) -> set[str]:
    first = hashes()
    return {
        stage
        for stage in ("transcribe", "diarize", "identify", "segment", "embed")
        if getattr(other, stage) != getattr(first, stage)
    }


EVERYTHING_BUT_VOICES = {"transcribe", "segment", "embed"}
VOICES = {"diarize", "identify", "segment", "embed"}
CHANGES = {
    "a new voice": ({"voices": ANN}, {"identify"}),
    "a new threshold": ({"identification": IdentificationProfile(threshold="0.5")}, {"identify"}),
    "longer passages": ({"segmentation": SegmentationProfile(max_seconds=90)}, {"segment", "embed"}),
    "another beam": (
        {"transcription": TranscriptionProfile(model="tiny.en", beam_size=1)},
        EVERYTHING_BUT_VOICES,
    ),
    "a vocabulary": ({"vocabulary": ("pgvector",)}, EVERYTHING_BUT_VOICES),
    "a named language": ({"language": "en"}, EVERYTHING_BUT_VOICES),
    "a known number of speakers": ({"speakers": SpeakerCount(max=2)}, VOICES),
    "another Whisper": (
        {"models": Identities("tiny.en@9", "community-1@2", "minilm@3")},
        EVERYTHING_BUT_VOICES,
    ),
    "a model whose set says what it knows": (
        {"models": Identities("tiny.en@1", "community-1@2", "minilm@3", ("en",))},
        EVERYTHING_BUT_VOICES,
    ),
    "another diarization": ({"models": Identities("tiny.en@1", "community-1@9", "minilm@3")}, VOICES),
    "another text model": ({"models": Identities("tiny.en@1", "community-1@2", "minilm@9")}, {"embed"}),
    "the set under another name": ({"model_set": "copy"}, set()),
}


@pytest.mark.parametrize(("change", "stages"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_redoes_what_depends_on_it_and_nothing_else(
    change: dict[str, Any], stages: set[str]
) -> None:
    assert redone(hashes(**change)) == stages


def test_what_a_set_says_of_languages_changes_nothing_where_one_is_named() -> None:
    told = Identities("tiny.en@1", "community-1@2", "minilm@3", ("en",))
    assert hashes(language="en", models=told) == hashes(language="en")


@pytest.mark.parametrize(
    "change",
    [change for change, stages in CHANGES.values() if stages],
    ids=[n for n, c in CHANGES.items() if c[1]],
)
def test_the_pipeline_changes_with_any_of_its_stages(change: dict[str, Any]) -> None:
    assert hashes(**change).pipeline != hashes().pipeline


def test_votes_on_the_language_count_only_where_nobody_names_it() -> None:
    many = TranscriptionProfile(model="tiny.en", language_votes=20)
    assert hashes(transcription=many).transcribe != hashes().transcribe
    assert hashes(transcription=many, language="en").transcribe == hashes(language="en").transcribe


MENDED = {
    Stage.DECODE: EVERYTHING_BUT_VOICES | VOICES,
    Stage.TRANSCRIBE: EVERYTHING_BUT_VOICES,
    Stage.DIARIZE: VOICES,
    Stage.ATTRIBUTE: {"segment", "embed"},
    Stage.IDENTIFY: {"identify"},
    Stage.SEGMENT: {"segment", "embed"},
    Stage.EMBED: {"embed"},
}
"""What is redone once a stage's own code has changed."""


@pytest.mark.parametrize("stage", STAGE_VERSION)
def test_a_stage_whose_code_was_changed_redoes_what_depends_on_it_and_nothing_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashes()
    monkeypatch.setitem(STAGE_VERSION, stage, STAGE_VERSION[stage] + 1)  # type: ignore[misc]  # a dict behind a Mapping
    after = hashes()
    fields = ("transcribe", "diarize", "identify", "segment", "embed")
    assert {field for field in fields if getattr(before, field) != getattr(after, field)} == MENDED[stage]
    assert before.pipeline != after.pipeline


def test_the_language_that_a_manifest_names_is_heard_and_counts_like_the_batchs() -> None:
    german = SETTINGS.model_copy(update={"language": "de"})
    assert for_language(SETTINGS, None) == SETTINGS
    assert for_language(german, "fr").language == "fr"
    named = hashes_of(for_language(SETTINGS, "de"), SpeakerCount(), MODELS)
    assert named == hashes_of(german, SpeakerCount(), MODELS)
    assert named.transcribe != hashes_of(SETTINGS, SpeakerCount(), MODELS).transcribe
