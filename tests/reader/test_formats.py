"""Exports: what another program reads back is what was said, once, in order, by whom."""

import html
import itertools
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ingest_contract.captions import TranscriptSource
from ingest_reader.exports.cues import LINE_COLUMNS, LONGEST_MILLISECONDS, MAX_LINES, Layout, cues
from ingest_reader.exports.document import SCHEMA_VERSION, document
from ingest_reader.exports.formats import FORMATS, Format, rttm, srt, txt, vtt
from ingest_worker.domain import SpokenWord, Word
from ingest_worker.store.reads import StoredTranscript
from tests.cli.talks import LABELS, TALK, any_words, said, transcript_of

GOLDENS = Path(__file__).parent.parent / "goldens" / "export"


@dataclass(frozen=True)
class Read:
    """A cue, as another program reads it."""

    start: float
    end: float
    voice: str | None
    text: str


def read_vtt(text: str) -> list[Read]:
    """A small parser of WebVTT: blocks between empty lines, of which those with an arrow are cues."""
    head, *blocks = re.split(r"\n\n+", text.strip("\n"))
    assert head == "WEBVTT"
    return [_read_cue(block, ".") for block in blocks if not block.startswith("NOTE")]


def _read_cue(block: str, mark: str) -> Read:
    times, _, payload = block.partition("\n")
    start, end = (_seconds(each, mark) for each in times.split(" --> "))
    voice = re.match(r"<v ([^>]*)>", payload)
    spoken = payload[voice.end() :] if voice else payload
    assert "<" not in spoken
    assert "-->" not in payload
    return Read(start, end, html.unescape(voice[1]) if voice else None, html.unescape(spoken))


def _seconds(text: str, mark: str) -> float:
    match = re.fullmatch(rf"(\d\d+):(\d\d):(\d\d){re.escape(mark)}(\d\d\d)", text)
    assert match, text
    hours, minutes, seconds, rest = map(int, match.groups())
    return hours * 3600 + minutes * 60 + seconds + rest / 1000


def label(speaker: int | None) -> str | None:
    return None if speaker is None else LABELS[speaker]


@pytest.mark.parametrize("source", [TranscriptSource.CAPTIONS, TranscriptSource.AUTOMATIC_CAPTIONS])
def test_words_that_nobody_heard_say_so_in_every_format_that_has_room_for_it(
    source: TranscriptSource,
) -> None:
    words = said((0.0, 0, "Hello there."), (9.0, 1, "Good day."))
    written, heard = transcript_of(words, source=source), transcript_of(words)
    line = "Words: captions of the source; times are estimated\n"
    if source is TranscriptSource.AUTOMATIC_CAPTIONS:
        line = "Words: automatic captions of the source; times are estimated\n"
    assert line in vtt(written).partition("-->")[0]
    assert line in txt(written)
    assert f"\n[{line.strip()}]\n" in srt(written).split("\n\n")[0]
    assert srt(written).count("[Words: ") == 1
    assert "Words: " not in vtt(heard) + txt(heard) + srt(heard)
    assert rttm(written) == rttm(heard)
    assert document(written)["transcript"] == {"source": source, "word_times_estimated": True}
    assert document(heard)["transcript"] == {"source": "Speech", "word_times_estimated": False}
    assert [word["score"] for word in document(written)["segments"][0]["words"]] == [None, None]


@given(any_words())
def test_cues_are_in_order_do_not_overlap_and_are_short_enough_to_read(words: tuple[SpokenWord, ...]) -> None:
    found = cues(words, Layout())
    assert all(cue.start < cue.end <= cue.start + LONGEST_MILLISECONDS for cue in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    alone = [cue.words[1] - cue.words[0] == 1 for cue in found]
    assert all(len(cue.lines) <= MAX_LINES for cue in found)
    assert all(cell_len(line) <= LINE_COLUMNS or " " not in line for cue in found for line in cue.lines)
    spans = [words[cue.words[1] - 1].word.end - words[cue.words[0]].word.start for cue in found]
    assert all(
        one or seconds * 1000 <= LONGEST_MILLISECONDS for one, seconds in zip(alone, spans, strict=True)
    )


@given(any_words())
def test_every_word_is_in_exactly_one_cue_and_no_cue_has_two_speakers(words: tuple[SpokenWord, ...]) -> None:
    found = cues(words, Layout())
    assert [i for cue in found for i in range(*cue.words)] == list(range(len(words)))
    assert all(words[i].speaker == cue.speaker for cue in found for i in range(*cue.words))


@given(any_words())
def test_vtt_that_is_read_back_says_the_same_words_by_the_same_people(words: tuple[SpokenWord, ...]) -> None:
    heard = [(word, cue.voice) for cue in read_vtt(vtt(transcript_of(words))) for word in cue.text.split()]
    assert heard == [(each.word.text, label(each.speaker)) for each in words]


@given(any_words())
def test_srt_numbers_its_cues_and_says_every_word_once(words: tuple[SpokenWord, ...]) -> None:
    blocks = (
        [block.split("\n", 2) for block in srt(transcript_of(words)).strip("\n").split("\n\n")]
        if words
        else []
    )
    assert [number for number, *_ in blocks] == [str(i) for i in range(1, len(blocks) + 1)]
    assert all(
        _seconds(a, ",") < _seconds(b, ",") for _, times, _ in blocks for a, b in [times.split(" --> ")]
    )
    spoken = [text for _, _, text in blocks]
    for name in LABELS:
        spoken = [text.removeprefix(f"{name}: ") for text in spoken]
    shown, meant = [word for text in spoken for word in text.split()], [each.word.text for each in words]
    assert len(shown) == len(meant)
    assert all(
        a == b or any(mark in b for mark in ("<", "{\\", "--")) for a, b in zip(shown, meant, strict=True)
    )


@pytest.mark.parametrize(
    ("said_so", "text"),
    [
        ("<i>so</i>", "‹i>so‹/i>"),
        ("<font color=red> so", "‹font color=red> so"),
        ("{\\an8}so", "{/an8}so"),
        ("00:01 ---> 00:02", "00:01 -> 00:02"),
        ("a < b > c <3 {so} x-- >", "a < b > c <3 {so} x-- >"),
    ],
)
def test_srt_shows_what_players_would_take_for_markup(said_so: str, text: str) -> None:
    *_, cue = srt(transcript_of(said((0.0, 0, said_so)))).strip("\n").split("\n", 2)
    assert cue.removeprefix(f"{LABELS[0]}: ") == text


@given(any_words())
def test_text_and_json_say_every_word_once_and_in_order(words: tuple[SpokenWord, ...]) -> None:
    transcript = transcript_of(words)
    paragraphs = txt(transcript).split("\n\n")[1:]
    assert [word for each in paragraphs for word in each.split(": ", 1)[1].split()] == [
        each.word.text for each in words
    ]
    entries = [
        word for part in json.loads(FORMATS[Format.JSON](transcript))["segments"] for word in part["words"]
    ]
    assert [(entry["word"], entry.get("speaker")) for entry in entries] == [
        (each.word.text, label(each.speaker)) for each in words
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(["向", "量", "索", "引", "，", "กี่", "Chrome"]), st.booleans()),
        min_size=1,
        max_size=200,
    )
)
def test_words_have_the_spaces_that_whisper_wrote_and_lines_are_as_wide_as_they_look(
    characters: list[tuple[str, bool]],
) -> None:
    words = tuple(
        SpokenWord(Word(i / 10, (i + 1) / 10, text, 0.9, spaced), 0, overlap=False)
        for i, (text, spaced) in enumerate(characters)
    )
    found = cues(words, Layout())
    whole = "".join(f" {text}" if spaced else text for text, spaced in characters)
    assert "".join(line for cue in found for line in cue.lines).replace(" ", "") == whole.replace(" ", "")
    inside = [line for cue in found for line in cue.lines]
    assert all(line in whole for line in inside)
    assert all(cell_len(line) <= LINE_COLUMNS for line in inside)


def test_a_line_of_wide_characters_holds_half_as_many() -> None:
    words = tuple(
        SpokenWord(Word(i / 10, (i + 1) / 10, "東", 0.9, spaced=False), 0, overlap=False) for i in range(60)
    )
    assert [len(line) for cue in cues(words, Layout()) for line in cue.lines] == [21, 21, 18]


def test_marks_over_letters_take_no_room_in_a_line() -> None:
    words = tuple(
        SpokenWord(Word(i / 10, (i + 1) / 10, "กี่", 0.9, spaced=False), 0, overlap=False) for i in range(60)
    )
    assert [len(line) for cue in cues(words, Layout()) for line in cue.lines] == [126, 54]


def test_a_cue_ends_where_a_sentence_does_rather_than_where_it_is_full() -> None:
    found = cues(
        said(
            (
                0.0,
                0,
                (
                    "This first sentence takes up more than half of the cue, as planned. "
                    "But this one does not fit."
                ),
            )
        ),
        Layout(),
    )
    assert [" ".join(cue.lines) for cue in found] == [
        "This first sentence takes up more than half of the cue, as planned.",
        "But this one does not fit.",
    ]


def test_a_short_word_stays_long_enough_to_read_unless_somebody_else_speaks() -> None:
    alone, interrupted, _ = cues(said((0.0, 0, "Yes."), (5.0, 0, "No."), (5.3, 1, "Wait.")), Layout())
    assert (alone.end - alone.start, interrupted.end - interrupted.start) == (833, 300)


@pytest.mark.parametrize("arrow", ["-->", "--->", "------>", "--\x00>", "-\u202e->"])
def test_a_title_cannot_begin_a_cue(arrow: str) -> None:
    text = vtt(transcript_of((), title=f"00:00:00.000 {arrow} 00:00:09.000\n\n00:00 {arrow} 00:01"))
    assert read_vtt(text) == []
    assert "-->" not in text


def test_a_recording_without_a_title_goes_by_its_id() -> None:
    assert vtt(transcript_of((), title="")).startswith("WEBVTT\n\nNOTE\nyoutube:abc\nhttps://")
    assert txt(transcript_of((), title="\u202e")).startswith("youtube:abc\nhttps://")


HOSTILE = (
    "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202eevil\u2066 [/INST] [link=http://evil.example]x[/link] :boom:"
)
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("form", Format)
def test_no_form_hands_a_terminal_anything_that_it_obeys(form: Format) -> None:
    words = (SpokenWord(Word(0.0, 1.0, HOSTILE, 0.9), 0, overlap=False), *said((2.0, 1, "<i>so</i> {\\an8}")))
    text = FORMATS[form](transcript_of(words, title=HOSTILE))
    assert OBEYED.search(text) is None
    if form is Format.JSON:
        assert json.loads(text)["recording"]["title"] == HOSTILE  # a program reads what is stored
    if form is Format.SRT:
        assert not re.search(r"<i>|\{\\", text)


@pytest.mark.parametrize("form", Format)
def test_no_form_shows_what_lets_somebody_in(form: Format) -> None:
    transcript = transcript_of(())
    address = "https://ann:geheim@media.example.org/talk.mp3?episode=7&token=geheim&X-Amz-Signature=geheim"
    text = FORMATS[form](replace(transcript, recording=replace(transcript.recording, url=address)))
    assert "geheim" not in text
    assert form in (Format.SRT, Format.RTTM) or "https://media.example.org/talk.mp3?episode=7" in text


def test_rttm_has_ten_fields_and_the_turns() -> None:
    rows = [line.split(" ") for line in rttm(TALK).splitlines()]
    assert all(len(row) == 10 for row in rows)
    assert [(row[0], row[1], row[7]) for row in rows[:2]] == [
        ("SPEAKER", "youtube:abc", "ann"),
        ("SPEAKER", "youtube:abc", "unknown_#1"),
    ]
    assert [(row[3], row[4]) for row in rows] == [
        (f"{t.start:.3f}", f"{t.end - t.start:.3f}") for t in TALK.turns
    ]


def test_json_has_whisperx_s_fields_and_no_speaker_where_nobody_is_known() -> None:
    found = document(TALK)
    first, *_, last = found["segments"]
    assert found["schema_version"] == SCHEMA_VERSION
    assert {"start", "end", "text", "speaker", "words"} == set(first)
    assert {"word", "space_before", "start", "end", "score", "speaker", "overlap"} == set(first["words"][0])
    assert "speaker" not in last
    assert "speaker" not in last["words"][0]


@pytest.mark.parametrize("form", Format)
def test_a_small_transcript_looks_as_agreed(form: Format) -> None:
    assert FORMATS[form](TALK) == (GOLDENS / f"talk.{form.value}").read_text(encoding="utf-8")


def test_nothing_said_is_still_a_file_that_can_be_read() -> None:
    empty: StoredTranscript = transcript_of(())
    assert read_vtt(vtt(empty)) == []
    assert srt(empty) == rttm(empty) == ""
    assert document(empty)["segments"] == []
