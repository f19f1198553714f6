"""Enrolled voices in a run: who gets a name, and what a new voice costs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import SpeakerCount
from ingest_contract.stages import Stage
from ingest_contract.voices import WantedVoice
from ingest_worker.domain import EnrolledVoice, Transcript, Word
from ingest_worker.errors import StageError
from tests.support.conversation import axis, heard
from tests.support.pipeline_run import Run, order_in
from tests.support.ports import Shelf, Studio


def test_an_enrolled_voice_gets_its_name(run: Callable[..., Run], studio: Studio) -> None:
    studio.voices_known = (EnrolledVoice("ann", np.array([[0, 1, 0, 0]], np.float32)),)
    assert [identity.name for identity in run().found.identities] == [None, "ann"]


def test_a_voice_that_was_heard_again_is_identified_again_and_nothing_else_is_done(
    run: Callable[..., Run], studio: Studio
) -> None:
    studio.voices_known = (EnrolledVoice("ann", np.array([[0, 1, 0, 0]], np.float32)),)
    assert [identity.name for identity in run().found.identities] == [None, "ann"]
    studio.asked.clear()
    studio.voices_known = (EnrolledVoice("ann", np.array([[1, 0, 0, 0]], np.float32)),)
    assert [identity.name for identity in run().found.identities] == ["ann", None]
    assert studio.asked == ["voices"]


@pytest.mark.parametrize("reason", [Reason.VOICE_NOT_HEARD, Reason.VOICE_UNUSABLE])
def test_a_voice_that_is_not_enrolled_is_missed_before_anything_is_fetched_or_heard(
    run: Callable[..., Run], studio: Studio, reason: Reason
) -> None:
    studio.fails["voices"] = StageError(reason, "Voice 'ann'")
    receipt = run().receipt
    assert (receipt.reason, receipt.stage, receipt.message) == (reason, Stage.IDENTIFY, "Voice 'ann'")
    assert studio.asked == ["voices"]


LINES = [(7.0, "ann"), (6.0, "bob"), (8.0, "ann"), (7.0, "bob"), (12.0, "eve")]

PEOPLE = {"ann": axis(0), "bob": axis(1), "eve": axis(2)}

ANN, BOB, EVE = (EnrolledVoice(name, vector[None]) for name, vector in PEOPLE.items())


@pytest.fixture
def merged(studio: Studio) -> Studio:
    """Three people who say a word each second; the diarizer takes ann and bob for one."""
    studio.seconds = 40.0
    studio.diarization = heard(LINES, PEOPLE, {"ann": 0, "bob": 0, "eve": 1})
    said = tuple(Word(n + 0.3, n + 0.7, f" w{n}", 0.9) for n in range(40))
    studio.transcript = Transcript(said, "en", 1.0, 40.0, 1, 0, ())
    return studio


def test_words_go_to_the_people_whom_enrolled_voices_tell_apart(
    run: Callable[..., Run], merged: Studio
) -> None:
    merged.voices_known = (ANN, BOB, EVE)
    found = run().found
    names = {identity.speaker: identity.name for identity in found.identities}
    right = [name for seconds, name in LINES for _ in range(round(seconds))]
    heard_names = [names[word.speaker] if word.speaker is not None else None for word in found.words]
    assert sum(one == other for one, other in zip(heard_names, right, strict=True)) >= 38
    assert found.diarization.speakers == len(found.identities) == 3
    assert {passage.speaker for passage in found.segments} == {0, 1, 2}


def test_people_told_apart_beyond_the_number_ordered_are_reported(
    merged: Studio, shelf: Shelf, tmp_path: Path
) -> None:
    order = order_in(tmp_path)
    bounded = order.model_copy(
        update={"item": order.item.model_copy(update={"speakers": SpeakerCount(max=2)})}
    )
    merged.voices_known = (ANN, BOB, EVE)
    speakers = Run(merged, shelf, bounded).go().receipt.speakers
    assert speakers is not None
    assert (speakers.found, speakers.named, speakers.outside_bounds) == (3, 3, True)


def test_a_new_voice_costs_an_embedding_only_where_it_changes_whose_the_turns_are(
    run: Callable[..., Run], merged: Studio
) -> None:
    run()
    for voices, asked in (
        ((ANN,), ["voices"]),
        ((ANN, BOB, EVE), ["voices", "embed"]),
        ((ANN, BOB, EVE), ["voices"]),
        ((ANN,), ["voices", "embed"]),  # the other turns' vectors are not kept beside these
    ):
        merged.voices_known = voices
        merged.asked.clear()
        wanted = tuple(WantedVoice(name=each.name, sources=("x",)) for each in voices)
        assert run(voices=wanted).error is None
        assert [each for each in merged.asked if each != "release diarizer"] == asked


def test_a_run_that_died_while_it_embedded_regrouped_speakers_goes_on_there(
    run: Callable[..., Run], merged: Studio
) -> None:
    merged.voices_known = (ANN, BOB, EVE)
    merged.fails["embed"] = StageError(Reason.EMBEDDING_INCOMPLETE, "died")
    run()
    del merged.fails["embed"]
    merged.asked.clear()
    again = run()
    assert merged.asked == ["voices", "embed"]
    assert again.found.diarization.speakers == 3
    merged.asked.clear()
    third = run()
    assert merged.asked == ["voices"]
    assert third.found.words == again.found.words
    assert third.found.segments == again.found.segments
