"""Caption files as they are found, and as somebody may make them: what is left of them, and what it costs."""

import os
from pathlib import Path

import pytest

from ingest_contract.captions import CaptionsProblem
from ingest_worker.captions.bounds import MAX_BYTES
from ingest_worker.captions.process import captions_in
from ingest_worker.captions.values import CaptionFile, Captions, NoCaptions

TIMES = "00:00:01.000 --> 00:00:02.000"


def read(folder: Path, content: bytes | str, name: str = "talk.vtt") -> Captions | NoCaptions:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return captions_in(CaptionFile(path, "en"))


def texts(folder: Path, content: bytes | str) -> list[str]:
    found = read(folder, content)
    assert isinstance(found, Captions), found
    return [cue.text for cue in found.cues]


def problem(folder: Path, content: bytes | str) -> CaptionsProblem:
    found = read(folder, content)
    assert isinstance(found, NoCaptions), found
    return found.problem


def vtt(*texts: str) -> str:
    """One caption a second."""
    cues = (
        f"00:{i // 60:02}:{i % 60:02}.000 --> 00:{i // 60:02}:{i % 60:02}.900\n{text}\n\n"
        for i, text in enumerate(texts)
    )
    return "WEBVTT\n\n" + "".join(cues)


def test_words_are_left_and_no_markup_names_notes_or_numbers(tmp_path: Path) -> None:
    content = (
        "WEBVTT Kind: captions; Language: en\n\nSTYLE\n::cue { color: red }\n\nNOTE nobody says this\n\n"
        f"intro\n{TIMES} align:start position:0%\n<v Ann>Tom &amp; Ann <00:00:01.500><c>said</c></v>\n"
        "&gt;&gt; BOB: <i>no</i>&nbsp;&#33;\n\nNOTE\nnor this\n\n"
        "2\n00:00:03.000 --> 00:00:04.000\n[Applause]\n\n00:00:05.000 --> 00:00:06.000\n♪\n\n"
        "00:00:07.000 --> 00:00:08.000\n1984\n"
    )
    assert texts(tmp_path, content) == ["Tom & Ann said >> BOB: no !", "1984"]


def test_subrip_is_read_too(tmp_path: Path) -> None:
    content = (
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\n{\\an8}<b>Good</b> morning.\r\n\r\n"
        "2\r\n00:00:03,000 --> 00:00:04,000\r\n- Hello.\r\n- 7\r\n"
    )
    found = read(tmp_path, content)
    assert isinstance(found, Captions)
    assert [(cue.start, cue.end, cue.text) for cue in found.cues] == [
        (1.0, 2.5, "Good morning."),
        (3.0, 4.0, "- Hello. - 7"),
    ]


def test_captions_that_roll_up_say_each_line_once(tmp_path: Path) -> None:
    content = (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n \nso this<00:00:01.000><c> is</c>\n\n"
        "00:00:02.000 --> 00:00:02.010\nso this is\n \n\n"
        "00:00:02.010 --> 00:00:04.000\nso this is\nthe<00:00:03.000><c> second</c>\n\n"
        "00:00:04.000 --> 00:00:04.010\nthe second\n \n\n"
        "00:00:04.010 --> 00:00:06.000\nthe second\nand the third\n"
    )
    assert texts(tmp_path, content) == ["so this is", "the second", "and the third"]


def test_captions_that_grow_say_each_word_once(tmp_path: Path) -> None:
    content = vtt("so", "so this", "so this is", "so this is it").replace(".900", ".990")
    assert texts(tmp_path, content) == ["so", "this", "is", "it"]


def test_what_somebody_says_twice_is_said_twice(tmp_path: Path) -> None:
    said = ["No.", "No.", "Why not?", "It rains.", "Yes.", "Yes.", "Well.", "So."]
    assert texts(tmp_path, vtt(*said)) == said


def test_controls_and_directions_do_not_come_in(tmp_path: Path) -> None:
    content = vtt("a\x00b \x1b[31mred\x1b[0m \u202eevil\u202c &#x202e;x&#x0;", "\u200f")
    assert texts(tmp_path, content) == ["ab [31mred[0m evil x\ufffd"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", CaptionsProblem.EMPTY),
        ("WEBVTT\n\n", CaptionsProblem.EMPTY),
        (vtt("[Music]", "♪ ♪", " "), CaptionsProblem.EMPTY),
        ("WEBVTT\n\n-00:00:01.000 --> 00:00:02.000\nhello\n", CaptionsProblem.EMPTY),
        ("<html><body>Too many requests</body></html>", CaptionsProblem.UNREADABLE),
        (vtt("x").encode("utf-16"), CaptionsProblem.UNREADABLE),
        (b"\x00" * 100_000, CaptionsProblem.UNREADABLE),
        (vtt("word " * 1000), CaptionsProblem.UNREADABLE),
        (b"WEBVTT\n\n" + b"x" * (100 << 20), CaptionsProblem.TOO_LARGE),
        (vtt() + f"{TIMES}\na\n\n" * 1_000_000, CaptionsProblem.TOO_LARGE),
    ],
    ids=[
        "empty", "no cues", "sounds", "negative", "page", "utf-16", "NULs", "long", "100 MB line", "1e6 cues",
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_named(
    tmp_path: Path, content: bytes | str, expected: CaptionsProblem
) -> None:
    assert problem(tmp_path, content) is expected


@pytest.mark.parametrize("filler", ["<", "&", "{\\", "[", "-->", "\n", "00:00:01.000 --> ", "\u0301"])
def test_no_pattern_keeps_the_reader_busy(tmp_path: Path, filler: str) -> None:
    found = read(tmp_path, (vtt("hello") + f"{TIMES}\n{filler * (MAX_BYTES // 8)}")[: MAX_BYTES // 2])
    assert isinstance(found, Captions) or found.problem in (
        CaptionsProblem.UNREADABLE,
        CaptionsProblem.EMPTY,
    )


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "talk.vtt")
    found = captions_in(CaptionFile(tmp_path / "talk.vtt", "en"))
    assert isinstance(found, NoCaptions)
    assert found.problem is CaptionsProblem.UNREADABLE
