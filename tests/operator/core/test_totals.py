"""The sums of a status and those of the ledger are the same list of fields."""

from dataclasses import fields

from ingest_contract.captions import CaptionsProblem, TranscriptOrigin, TranscriptSource
from ingest_contract.figures import MAX_LANGUAGE_ENTRIES, OTHER_LANGUAGES, Sums
from ingest_contract.receipt import Quality, Receipt
from ingest_contract.stages import Stage
from ingest_operator.core.totals import StageTotal, Totals, sums_of, totals_of


def test_every_sum_of_the_api_is_added_up() -> None:
    assert {each.name for each in fields(Totals)} == set(Sums.model_fields)


def test_sums_are_read_back_as_they_were_written() -> None:
    amounts = {each.name: 1.5 for each in fields(Totals) if isinstance(each.default, float)}
    counts = {each.name: 7 for each in fields(Totals) if isinstance(each.default, int)}
    totals = Totals(stages={Stage.EMBED: StageTotal(0.25, 0.125)}).plus(**amounts, **counts)
    assert {name: getattr(totals, name) for name in amounts | counts} == amounts | counts
    assert totals_of(sums_of(totals)) == totals


def test_recordings_count_once_by_where_their_words_are_from_and_once_by_why() -> None:
    heard = TranscriptOrigin(source=TranscriptSource.SPEECH, problem=CaptionsProblem.OTHER_CUT, message="x")
    taken = TranscriptOrigin(source=TranscriptSource.CAPTIONS)
    totals = Totals()
    for origin in (heard, taken, heard, None):
        receipt = Receipt(result="Succeeded", seconds=1.0, transcript=origin)
        totals = totals.with_receipt(receipt)
    sums = sums_of(totals)
    assert [(each.source.value, each.count) for each in sums.transcripts] == [("Captions", 1), ("Speech", 2)]
    assert [(each.problem.value, each.count) for each in sums.captions_not_taken] == [("OtherCut", 2)]
    assert totals_of(sums) == totals


def test_recordings_count_once_by_the_language_that_they_sound_like() -> None:
    totals = Totals()
    for language in ("de", "fr", "de", None):
        quality = Quality(language="en", chunks=1, redecoded=0, dropped=0, dropped_seconds=0.0)
        heard = quality.model_copy(update={"sounds_like": language})
        totals = totals.with_receipt(Receipt(result="Succeeded", seconds=1.0, quality=heard))
    sums = sums_of(totals)
    assert [(each.language, each.count) for each in sums.sounds_like] == [("de", 2), ("fr", 1)]
    assert totals_of(sums) == totals


def test_more_languages_than_are_told_apart_count_together_and_none_is_lost() -> None:
    totals = Totals()
    for number in range(MAX_LANGUAGE_ENTRIES + 5):
        totals = totals.with_language(f"x{number}")
    sums = sums_of(totals.with_language("x0"))
    assert len(sums.sounds_like) == MAX_LANGUAGE_ENTRIES + 1
    assert {each.language: each.count for each in sums.sounds_like}[OTHER_LANGUAGES] == 5
    assert sum(each.count for each in sums.sounds_like) == MAX_LANGUAGE_ENTRIES + 6


def test_seconds_are_added_up_without_a_tail_of_decimals() -> None:
    assert Totals(gpu_seconds=0.1).plus(gpu_seconds=0.2).gpu_seconds == 0.3
