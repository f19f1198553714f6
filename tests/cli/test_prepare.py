"""Before a batch is planned: models and store are as workers need them, or one sentence says which command
makes them so."""

import subprocess
import sys
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from ingest_contract.failures import Reason
from ingest_contract.profile import (
    DiarizationProfile,
    EmbeddingProfile,
    IngestProfileSpec,
    TranscriptionProfile,
)
from ingest_worker.errors import StageError
from ingest_worker.models import load_set, lock
from ingest_worker.store.connect import connect
from ingest_worker.store.schema import check, migrate
from ingestctl.catalog import has_table
from ingestctl.place import Workplace
from ingestctl.prepare import prepared
from tests.cli.conftest import small_set

PROFILE = IngestProfileSpec(
    model_set="small",
    transcription=TranscriptionProfile(model="tiny"),
    diarization=DiarizationProfile(model="who"),
    embedding=EmbeddingProfile(model="mini"),
)
QUIET = Console(file=StringIO())


@pytest.fixture
def fetched(place: Workplace) -> Workplace:
    lock(load_set(str(small_set(place.models, dimension=12))), place.models)
    return place


def test_a_set_that_is_not_here_is_named_with_the_command_that_fetches_it(place: Workplace) -> None:
    with pytest.raises(StageError, match=r"Run `ingestctl models fetch small`\.") as verdict_text:
        prepared(place, PROFILE, "", QUIET)
    assert verdict_text.value.reason is Reason.MODELS_UNAVAILABLE


def test_a_model_that_the_set_does_not_have_is_named_with_those_it_has(fetched: Workplace) -> None:
    other = PROFILE.model_copy(update={"embedding": EmbeddingProfile(model="maxi")})
    with pytest.raises(StageError, match="has no embedding model 'maxi'; it has mini"):
        prepared(fetched, other, "", QUIET)


def test_a_file_that_is_cut_short_is_seen_without_hashing_it(fetched: Workplace) -> None:
    (fetched.models / "small" / "tiny" / "weights.bin").write_text("t")
    with pytest.raises(
        StageError, match=r"weights\.bin is missing or cut short\. Run `ingestctl models fetch small`"
    ):
        prepared(fetched, PROFILE, "", QUIET)


@pytest.mark.postgres
def test_the_embedded_store_gets_its_schema_and_the_table_for_the_models_dimension(
    fetched: Workplace, empty_database: str
) -> None:
    prepared(fetched, PROFILE, empty_database, QUIET)
    with connect(empty_database, application="tests") as connection:
        check(connection)
        assert has_table(connection, 12)
        assert not has_table(connection, 8)
    prepared(fetched, PROFILE, empty_database, QUIET)


@pytest.mark.postgres
def test_anothers_server_without_the_schema_is_left_alone_and_the_command_named(
    fetched: Workplace, empty_database: str
) -> None:
    there = replace(fetched, dsn=empty_database)
    with pytest.raises(
        StageError, match=r"no schema of this program.*Run `ingestctl migrate --dsn \.\.\.` as its owner"
    ):
        prepared(there, PROFILE, empty_database, QUIET)
    migrate(empty_database)
    with pytest.raises(StageError, match=r"Run `ingestctl migrate --dsn \.\.\. --dimension 12` as its owner"):
        prepared(there, PROFILE, empty_database, QUIET)


def test_preparing_imports_no_engine() -> None:
    engines = {"torch", "pyannote", "sentence_transformers", "ctranslate2", "av", "transformers"}
    code = f"import sys, ingestctl.prepare; print(*({engines} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        == "\n"
    )
