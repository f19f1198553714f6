"""Plans from folders: what is in them, and what cannot be read."""

import os
from pathlib import Path

from ingest_contract.plan_document import SkipReason, frames, unframe
from ingest_contract.selection import Order
from tests.worker.sources.planner import Planner


def test_file_names_that_are_no_text_are_planned_with_legible_titles(
    tmp_path: Path, media: dict[str, bytes], planner: Planner
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / os.fsdecode(b"half \xff and \x1b[31mred.mp4")).write_bytes(media["film.mp4"])
    (folder / "good.mp3").write_bytes(media["short.mp3"])
    planner.allow = {"folders": (str(folder),)}
    found = planner.plan(folder.as_uri(), order=Order.SOURCE)
    assert unframe(frames(found)) == found
    assert {item.title for item in found.items} == {"half \ufffd and [31mred", "good"}


def test_a_folder_is_planned_whole_and_what_is_no_media_is_counted(
    tmp_path: Path, media: dict[str, bytes], planner: Planner
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / os.fsdecode(b"r\xe9union.mp4")).write_bytes(media["film.mp4"])
    for name in ("a.txt", "b.TXT", "slides.pdf", "README"):
        (folder / name).write_text("x")
    planner.allow = {"folders": (str(folder),)}
    found = planner.plan(folder.as_uri())
    assert [item.duration_seconds for item in found.items] == [6]
    assert found.skip_counts == {SkipReason.ENDING_UNKNOWN: 4}
    assert sorted(each.detail.partition(" in ")[0] for each in found.skipped) == [
        "1 .pdf",
        "1 without an ending",
        "2 .txt",
    ]


def test_what_cannot_be_read_in_a_folder_is_counted_and_named(
    tmp_path: Path, media: dict[str, bytes], planner: Planner
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "good.mp3").write_bytes(media["short.mp3"])
    (folder / "gone.mp3").symlink_to("not-mounted/gone.mp3")
    planner.allow = {"folders": (str(folder),)}
    found = planner.plan(folder.as_uri())
    assert [item.title for item in found.items] == ["good"]
    assert found.skip_counts == {SkipReason.UNREADABLE: 1}
    assert found.skipped[0].detail == f"{folder}/gone.mp3: No such file or directory"
