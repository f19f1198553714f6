"""Lengths for plans: what headers say, file by file."""

import sys
from pathlib import Path

import pytest

from ingest_worker.audio.probe import announced_lengths
from testkit.media.tones import cut, make, silent_film


def test_each_file_gets_the_length_that_its_header_tells(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("hello")
    files = [
        make(tmp_path / "a.mp4", "aac", seconds=5, picture="mpeg4"),
        text,
        make(tmp_path / "b.webm", "libopus", seconds=7),
        silent_film(tmp_path / "c.mp4"),
        tmp_path / "gone.mp4",
        make(tmp_path / "d.mp3", "libmp3lame", seconds=4),
        cut(make(tmp_path / "e.wav", "pcm_s16le"), 0.5),
        make(tmp_path / "f.flac", "flac", seconds=3),
    ]
    lengths = announced_lengths(files)
    rounded = [None if length is None else round(length) for length in lengths]
    assert rounded == [5, None, 7, None, None, 4, None, 3]


def test_no_files_need_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nonexistent")
    assert announced_lengths([]) == []


def test_a_file_that_ends_the_child_costs_only_its_own_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = tmp_path / "killer"
    crash = "echo '{\"probing\": 0}'; kill -SEGV $$"
    look = f'cat > {tmp_path}/order\ncase "$(cat {tmp_path}/order)" in *bad*) {crash};; esac'
    killer.write_text(f'#!/bin/sh\n{look}\nexec {sys.executable} "$@" < {tmp_path}/order\n', encoding="utf-8")
    killer.chmod(0o755)
    good, bad = make(tmp_path / "good.wav", "pcm_s16le"), make(tmp_path / "bad.wav", "pcm_s16le")
    monkeypatch.setattr("sys.executable", str(killer))
    assert [length and round(length) for length in announced_lengths([bad, good])] == [None, 6]


@pytest.mark.slow
def test_long_paths_of_many_files_are_no_trouble(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 200] * 5)
    deep.mkdir(parents=True)
    path = make(deep / "a.wav", "pcm_s16le")
    assert [round(length or 0) for length in announced_lengths([path] * 250)] == [6] * 250
