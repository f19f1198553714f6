"""Folders that are made once, whole or not at all."""

from pathlib import Path

import pytest

from testkit.cache import key, once, whole


def test_a_maker_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> None:
        with whole(tmp_path / "thing") as scratch:
            (scratch / "half").write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        broken()
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="Delete it"), whole(tmp_path):
        pass


def test_a_second_call_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_CACHE", str(tmp_path))
    calls: list[Path] = []

    def make(folder: Path) -> None:
        calls.append(folder)
        (folder / "a").write_text("a")

    first, second = once("thing", key("1"), make), once("thing", key("1"), make)
    assert first == second
    assert (first / "a").read_text() == "a"
    assert len(calls) == 1
    assert once("thing", key("2"), make) != first


def test_the_key_tells_where_one_part_ends_and_the_next_begins() -> None:
    assert key("ab", "c") != key("a", "bc")
