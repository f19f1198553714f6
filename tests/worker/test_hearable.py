"""What the model cannot know is refused before it is fetched, or as soon as its source has said it; where
nobody says a language, it is heard."""

from pathlib import Path
from typing import Any

import pytest

from ingest_contract.captions import CaptionsProblem, TranscriptPreference
from ingest_contract.failures import Reason
from ingest_contract.order import IngestOrder
from ingest_contract.profile import TranscriptionProfile
from ingest_worker.captions.values import Captions, Cue, NoCaptions
from ingest_worker.domain import Sound
from ingest_worker.errors import StageError
from ingest_worker.hearable import require_hearable
from tests.support.pipeline_run import Engines, Run, order_in
from tests.support.ports import Shelf, Studio

ENGLISH = ("en",)
ENGLISH_ONLY = Engines(languages=ENGLISH)
CUES = (Cue(0.0, 1.4, "Guten Tag, Ann."), Cue(1.5, 2.5, "Hallo."))


def ordered(folder: Path, *, batch: str | None = None, **item: Any) -> IngestOrder:
    order = order_in(folder)
    return order.model_copy(
        update={
            "settings": order.settings.model_copy(update={"language": batch}),
            "item": order.item.model_copy(update=item),
        }
    )


@pytest.mark.parametrize(
    ("said", "page", "refused"),
    [
        pytest.param({"batch": "de"}, None, "The order names the language 'de'", id="by the batch"),
        pytest.param({"language": "de"}, None, "The order names", id="by a manifest"),
        pytest.param({"batch": "en", "language": "de"}, None, "The order names", id="by a manifest before"),
        pytest.param({"said_language": "de"}, None, "Its source says the language 'de'", id="by a list"),
        pytest.param({}, "de", "Its source says", id="by its page"),
        pytest.param({"batch": "en", "said_language": "de"}, "de", None, id="a person overrules a list"),
        pytest.param({"language": "en"}, "de", None, id="a manifest overrules a page"),
        pytest.param({"batch": "eng"}, None, None, id="English by another code"),
        pytest.param({"said_language": "en"}, None, None, id="English"),
        pytest.param({}, None, None, id="nothing"),
    ],
)  # fmt: skip
def test_a_person_s_word_counts_before_a_source_s(
    tmp_path: Path, said: dict[str, Any], page: str | None, refused: str | None
) -> None:
    order = ordered(tmp_path, **said)
    require_hearable(order, (), page)
    if refused is None:
        require_hearable(order, ENGLISH, page)
        return
    with pytest.raises(StageError, match=refused) as caught:
        require_hearable(order, ENGLISH, page)
    assert caught.value.reason is Reason.LANGUAGE_UNSUPPORTED
    assert "It knows en." in str(caught.value)


@pytest.mark.parametrize("together", [False, True])
def test_what_is_known_before_is_refused_before_anything_is_fetched_or_loaded(
    tmp_path: Path,
    together: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    studio, order = Studio(), ordered(tmp_path, batch="de")
    run = Run(studio, Shelf(), order, together=together, engines=ENGLISH_ONLY).go()
    assert run.receipt.reason is Reason.LANGUAGE_UNSUPPORTED
    assert studio.asked == []


def test_what_the_page_says_is_refused_before_anything_is_decoded_or_heard(tmp_path: Path) -> None:
    studio = Studio(said_language="de")
    run = Run(studio, Shelf(), order_in(tmp_path), together=True, engines=ENGLISH_ONLY).go()
    assert run.receipt.reason is Reason.LANGUAGE_UNSUPPORTED
    assert not {"decode", "transcribe", "diarize"} & set(studio.asked)
    assert Run(Studio(said_language="de"), Shelf(), order_in(tmp_path)).go().error is None


@pytest.mark.parametrize("said", [{}, {"batch": "en"}], ids=["nobody says otherwise", "a person does"])
def test_what_the_tag_of_the_track_says_counts_where_nothing_else_does(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    """A film of German television, in a folder, by the default model."""
    studio = Studio(sound=Sound(2, 1, language="de"))
    run = Run(studio, Shelf(), ordered(tmp_path, **said), engines=ENGLISH_ONLY).go()
    assert run.receipt.reason is (None if said else Reason.LANGUAGE_UNSUPPORTED)
    assert ("transcribe" in studio.asked) is bool(said)
    by_page = Studio(sound=Sound(2, 1, language="de"), said_language="en")
    assert Run(by_page, Shelf(), order_in(tmp_path / "x"), engines=ENGLISH_ONLY).go().error is None


def test_captions_of_people_give_words_that_the_model_could_not_and_without_them_it_is_refused(
    tmp_path: Path,
) -> None:
    transcription = TranscriptionProfile(prefer=TranscriptPreference.CAPTIONS)
    order = ordered(tmp_path, batch="de")
    settings = order.settings.model_copy(update={"transcription": transcription})
    order = order.model_copy(update={"settings": settings})
    taken = Run(Studio(captions=Captions(CUES, "de")), Shelf(), order, engines=ENGLISH_ONLY).go()
    assert taken.found.transcript.language == "de"
    none = Studio(captions=NoCaptions(CaptionsProblem.NOT_OFFERED))
    refused = Run(none, Shelf(), order, engines=ENGLISH_ONLY).go()
    assert refused.receipt.reason is Reason.LANGUAGE_UNSUPPORTED
    assert "transcribe" not in none.asked
