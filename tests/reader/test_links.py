"""Links into the middle of a recording."""

import pytest

from ingest_reader.exports.links import clock, link_at, stamp


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://www.youtube.com/watch?v=abc", "https://www.youtube.com/watch?v=abc&t=75"),
        ("https://www.youtube.com/watch?v=abc&t=9s", "https://www.youtube.com/watch?v=abc&t=75"),
        ("https://youtu.be/abc", "https://youtu.be/abc?t=75"),
        ("https://media.example.org/talk.mp4", "https://media.example.org/talk.mp4#t=75"),
        ("https://media.example.org/talk.mp4?x=1#top", "https://media.example.org/talk.mp4?x=1#t=75"),
        ("https://notyoutube.com/a", "https://notyoutube.com/a#t=75"),
        ("file:///recordings/a b.wav", "file:///recordings/a b.wav#t=75"),
    ],
)
def test_a_link_begins_where_the_words_do(url: str, link: str) -> None:
    assert link_at(url, 75.9) == link


def test_times_are_never_rounded_past_the_words() -> None:
    assert (clock(59.99), clock(3599.9), clock(36_001)) == ("0:00:59", "0:59:59", "10:00:01")


def test_hours_in_captions_may_have_three_digits() -> None:
    assert (stamp(3_599_999, "."), stamp(360_000_000, ",")) == ("00:59:59.999", "100:00:00,000")
