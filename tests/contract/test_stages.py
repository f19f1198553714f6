"""Stage hashes change with what is produced, and with nothing else."""

import pytest

from ingest_contract.order import Settings
from ingest_contract.place import Runtime
from ingest_contract.profile import ComputeType, TranscriptionProfile
from ingest_contract.stages import KEPT, STAGE_VERSION, Stage, stage_hash

PARAMETERS = {"model": "sha256:aa", "beamSize": 5, "language": None}


def test_a_hash_is_short_and_always_the_same() -> None:
    assert stage_hash(Stage.TRANSCRIBE, parameters=PARAMETERS) == "d9bd877f0a703f68"


@pytest.mark.parametrize(
    ("stage", "parameters", "builds_on"),
    [
        pytest.param(Stage.DIARIZE, PARAMETERS, (), id="another stage"),
        pytest.param(Stage.TRANSCRIBE, PARAMETERS | {"model": "sha256:ab"}, (), id="another model"),
        pytest.param(Stage.TRANSCRIBE, PARAMETERS | {"beamSize": 1}, (), id="another parameter"),
        pytest.param(Stage.TRANSCRIBE, PARAMETERS | {"language": "en"}, (), id="a language"),
        pytest.param(Stage.TRANSCRIBE, PARAMETERS | {"beamSize": "5"}, (), id="a text for a number"),
        pytest.param(Stage.TRANSCRIBE, PARAMETERS, ("0123456789abcdef",), id="something it builds on"),
    ],
)
def test_what_determines_the_output_changes_the_hash(
    stage: Stage, parameters: dict[str, object], builds_on: tuple[str, ...]
) -> None:
    assert stage_hash(stage, parameters=parameters, builds_on=builds_on) != stage_hash(
        Stage.TRANSCRIBE, parameters=PARAMETERS
    )


def test_the_order_of_what_it_builds_on_counts_and_the_order_of_parameters_does_not() -> None:
    backwards = dict(reversed(PARAMETERS.items()))
    assert stage_hash(Stage.SEGMENT, parameters=backwards) == stage_hash(Stage.SEGMENT, parameters=PARAMETERS)
    assert stage_hash(Stage.SEGMENT, parameters={}, builds_on=("a", "b")) != stage_hash(
        Stage.SEGMENT, parameters={}, builds_on=("b", "a")
    )


def test_every_stage_that_determines_what_is_stored_has_a_version() -> None:
    """A fetched file is its source's, and the store keeps what it is given."""
    assert set(KEPT) <= set(STAGE_VERSION) == set(Stage) - {Stage.FETCH, Stage.STORE}


def test_settings_and_runtime_have_nothing_in_common_so_speed_can_never_enter_a_hash() -> None:
    assert not set(Settings.model_fields) & set(Runtime.model_fields)
    assert not set(TranscriptionProfile.model_fields) & set(Runtime.model_fields)
    assert not any(field.annotation is ComputeType for field in Settings.model_fields.values())
