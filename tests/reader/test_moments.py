"""Moments in links: as people write them, and as the pages' own links do, in hundredths of a second."""

from dataclasses import replace

import pytest

from ingest_reader.pages.moments import moment_in
from ingest_reader.pages.reading import PART_PASSAGES, part_at, passage_at
from tests.cli.talks import TALK


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("90s", 90.0), ("90.5", 90.5), ("1m30s", 90.0), ("1h", 3_600.0), ("1h2m3s", 3_723.0),
     ("1:30", 90.0), ("1:02:03.5", 3_723.5), ("npt:10", 10.0), (" 5 ", 5.0), ("0", 0.0),
     ("", None), ("soon", None), ("-1", None), ("1:99", None), ("nan", None), ("1e9", None),
     ("99999999", None), ("9999h", None), ("1,5", None), ("1s2m", None)],
)  # fmt: skip
def test_a_moment_is_read_as_links_write_it(text: str, seconds: float | None) -> None:
    assert moment_in(text) == seconds


@pytest.mark.parametrize("shift", [0.0, 0.004, 0.0049, 0.0051, 0.999])
def test_links_in_hundredths_lead_to_the_passage_and_the_part_that_they_name(shift: float) -> None:
    """Times of captions are in thousandths."""
    segments = tuple(
        replace(TALK.segments[0], start=number + shift, end=number + shift + 0.5)
        for number in range(2 * PART_PASSAGES + 1)
    )
    talk = replace(TALK, segments=segments)
    after = part_at(talk, 0.0).after
    assert after is not None
    second = part_at(talk, float(f"{after:.2f}"))
    number, before = second.number, second.before
    assert number == 2
    assert before is not None
    number = part_at(talk, float(f"{before:.2f}")).number
    assert number == 1
    found = [passage_at(second, float(f"{each.start:.2f}")) for each in second.passages]
    numbers = [each and each.number for each in found]
    assert numbers == list(range(PART_PASSAGES, 2 * PART_PASSAGES))
