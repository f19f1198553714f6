"""Transcripts to export: one that is written down, and any that a property test can think of."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as st

from ingest_contract.captions import TranscriptSource
from ingest_contract.profile import SegmentationProfile
from ingest_worker.domain import Decision, SpokenWord, Turn, Word
from ingest_worker.segmentation import segment
from ingest_worker.store.reads import RecordingRow, RunRow, StoredSpeaker, StoredTranscript

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
LABELS = ("ann", "unknown #1", "a-name-that-is-longer-than-any-line-of-a-caption-may-ever-become")


def transcript_of(
    words: tuple[SpokenWord, ...],
    *,
    language: str = "en",
    title: str = "Vectors --> and more",
    source: TranscriptSource = TranscriptSource.SPEECH,
) -> StoredTranscript:
    """A stored transcript of these words."""
    run = RunRow(
        UUID(int=7),
        "youtube:abc",
        title,
        "default/batch",
        1,
        "hash-1",
        NOON,
        NOON,
        30.0,
        60.0,
        0.5,
        language,
        {"transcription": "tiny.en@0123456789ab", "embedding": "mini@ba9876543210"},
        {
            "effective": {
                "device": "cpu",
                "computeType": "int8",
                "models": {"transcription": "tiny.en@0123456789ab"},
            },
            "coverage": {"words": len(words)},
            "quality": {"language": language, "redecoded": 0},
        },
        None,
        source,
    )
    segments = segment(words, SegmentationProfile())
    url = "https://www.youtube.com/watch?v=abc"
    recording = RecordingRow(
        "youtube:abc", url, title, "Channel", NOON, 60.0, "Ingested", None, len(segments), len(LABELS)
    )
    speakers = tuple(
        StoredSpeaker(
            i,
            label,
            Decision.UNKNOWN if "#" in label else Decision.NAMED,
            None if "#" in label else label,
            0.81234,
            None,
            None,
            0.4,
            10.0,
        )
        for i, label in enumerate(LABELS)
    )
    turns = tuple(Turn(each.start, each.end, each.speaker) for each in segments if each.speaker is not None)
    return StoredTranscript(recording, run, segments, words, turns, speakers)


def said(*parts: tuple[float, int | None, str]) -> tuple[SpokenWord, ...]:
    """(start, speaker, text): four words per second."""
    return tuple(
        SpokenWord(Word(start + 0.25 * i, start + 0.25 * i + 0.2, text, 0.9), speaker, overlap=False)
        for start, speaker, sentence in parts
        for i, text in enumerate(sentence.split())
    )


TALK = transcript_of(
    said(
        (
            0.5,
            0,
            "Welcome back. Today we ask what a vector index is, and why R&D wants x < y --> z to be fast.",
        ),
        (6.25, 1, "Right."),
        (7.0, 0, "So?"),
        (
            8.0,
            1,
            (
                "A graph of neighbours, walked from the top; "
                "nothing more is needed to find what is near, as far as I can tell today."
            ),
        ),
        (15.0, None, "Applause."),
    )
)

_TEXTS = st.text(
    st.characters(blacklist_categories=["Cs", "Cc", "Cf", "Z"]), min_size=1, max_size=60
) | st.sampled_from(["-->", "<v", "&amp;", "so,", "end.", "WEBVTT", "NOTE", "7"])
_GAPS = st.floats(0, 4) | st.just(0.0)


@st.composite
def any_words(draw: st.DrawFn) -> tuple[SpokenWord, ...]:
    """Words in time order, some of them at once, some of no length, some longer than a cue may be."""
    words: list[SpokenWord] = []
    now = 0.0
    for text, gap, length, speaker in draw(
        st.lists(st.tuples(_TEXTS, _GAPS, st.floats(0.01, 9), st.sampled_from([None, 0, 1, 2])), max_size=60)
    ):
        now += gap
        words.append(SpokenWord(Word(now, now + length, text, 0.5), speaker, overlap=False))
    return tuple(words)
