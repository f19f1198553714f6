"""A plan survives a log, or says that it did not."""

import base64
import hashlib
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract import plan_document
from ingest_contract.order import Item, SpeakerCount
from ingest_contract.plan_document import PlanDocument, PlanFramesError, Skipped, SkipReason, frames, unframe

text = st.text(max_size=40)
items = st.builds(
    Item,
    index=st.integers(0, 99_999),
    id=st.from_regex(r"[a-z0-9]{1,9}:[A-Za-z0-9_-]{1,20}", fullmatch=True),
    url=st.text(min_size=1, max_size=80),
    title=text,
    duration_seconds=st.none() | st.integers(0, 100_000),
    published_at=st.none() | st.just("2025-03-01T10:00:00Z"),
    channel=st.none() | text,
    speakers=st.builds(SpeakerCount, max=st.none() | st.integers(1, 50)),
)
documents = st.builds(
    PlanDocument,
    items=st.lists(items, max_size=30).map(tuple),
    skip_counts=st.dictionaries(st.sampled_from(SkipReason), st.integers(0, 10_000)),
    skipped=st.lists(
        st.builds(Skipped, reason=st.sampled_from(SkipReason), id=text, title=text, detail=text), max_size=5
    ).map(tuple),
    media_seconds=st.integers(0, 10**9),
    unknown_durations=st.integers(0, 30),
    undated=st.integers(0, 30),
)


def many(count: int) -> PlanDocument:
    """A plan of a size, with ids and titles that do not compress better than real ones."""
    dice = random.Random(7)  # noqa: S311 -- a fixed sequence is wanted
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    names = ["".join(dice.choices(letters, k=11)) for _ in range(count)]
    words = ["".join(dice.choices(letters[:26], k=dice.randint(2, 9))) for _ in range(3000)]
    return PlanDocument(
        items=tuple(
            Item(
                index=index,
                id=f"youtube:{name}",
                url=f"https://www.youtube.com/watch?v={name}",
                title=" ".join(dice.choices(words, k=9)),
                duration_seconds=dice.randint(60, 20_000),
                published_at=f"2025-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}T10:00:00Z",
                channel="A channel",
            )
            for index, name in enumerate(names)
        )
    )


@given(document=documents)
def test_every_plan_comes_back_as_it_was_written(document: PlanDocument) -> None:
    assert unframe(frames(document)) == document


@given(
    document=documents,
    noise=st.lists(st.text(max_size=30).filter(lambda line: not line.startswith("plan/")), max_size=5),
)
def test_other_lines_of_the_log_do_not_matter(document: PlanDocument, noise: list[str]) -> None:
    lines = [line + "\r\n" for frame in frames(document) for line in (*noise, frame)]
    assert unframe([*lines, *noise]) == document


def test_frames_may_come_in_any_order_and_twice() -> None:
    document = many(800)
    lines = frames(document)
    assert len(lines) > 2
    assert unframe([*reversed(lines), lines[1]]) == document


@pytest.mark.parametrize("lost", ["first", "last"])
def test_a_log_that_lost_a_frame_is_not_believed(lost: str) -> None:
    lines = frames(many(800))
    with pytest.raises(PlanFramesError, match=f"holds {len(lines) - 1} of the plan's {len(lines)} lines"):
        unframe(lines[1:] if lost == "first" else lines[:-1])


def test_a_log_without_a_plan_says_so() -> None:
    with pytest.raises(PlanFramesError, match="holds no plan"):
        unframe(["yt-dlp said something", " plan/1/1:eA=="])


def test_two_plans_in_one_log_are_not_mixed() -> None:
    with pytest.raises(PlanFramesError, match="stands twice"):
        unframe([*frames(many(3)), *frames(many(4))])
    with pytest.raises(PlanFramesError, match="of plans of 1 and"):
        unframe([*frames(many(3)), *frames(many(800))[1:]])


def test_damage_is_seen() -> None:
    (line,) = frames(many(3))
    head, _, body = line.partition(":")
    flipped = body[:40] + ("A" if body[40] != "A" else "B") + body[41:]
    with pytest.raises(PlanFramesError):
        unframe([f"{head}:{flipped}"])


def _framed(body: bytes) -> str:
    return "plan/1/1:" + base64.b64encode(zlib.compress(body)).decode()


def test_content_that_differs_from_its_digest_is_not_believed() -> None:
    content = many(1).to_json().encode()
    assert unframe([_framed(hashlib.sha256(content).hexdigest().encode() + content)]) == many(1)
    with pytest.raises(PlanFramesError, match="sha256 differs"):
        unframe([_framed(hashlib.sha256(content).hexdigest().encode() + content + b" ")])


def test_a_plan_of_another_version_is_named_as_that() -> None:
    content = b'{"items":[],"somethingNew":1}'
    with pytest.raises(PlanFramesError, match="another version"):
        unframe([_framed(hashlib.sha256(content).hexdigest().encode() + content)])


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_document, "MAX_BYTES", 1000)
    with pytest.raises(PlanFramesError, match="larger than 1000 bytes"):
        unframe([_framed(bytes(100_000))])


def test_the_summary_tells_plans_apart() -> None:
    assert many(3).summary == unframe(frames(many(3))).summary
    assert many(3).summary.sha256 != many(4).summary.sha256
    assert many(4).summary.items == 4


def test_ten_thousand_recordings_fit_into_a_log() -> None:
    lines = frames(many(10_000))
    assert sum(map(len, lines)) < 1_300_000
    assert max(map(len, lines)) < 16_384
