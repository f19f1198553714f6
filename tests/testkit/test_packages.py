"""Pinned packages: what is checked, and what a person reads when something is wrong."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from testkit import packages
from testkit.packages import Package, PackageError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INGEST_CACHE", str(tmp_path))
    (tmp_path / "packages").mkdir()
    return tmp_path


@pytest.fixture
def package(cache: Path) -> Package:
    path = cache / "packages" / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("toy/data.bin", b"payload")
    return Package("toy", "1.0", path.name, hashlib.sha256(path.read_bytes()).hexdigest(), 1)


def test_a_file_that_is_in_the_cache_is_read_without_asking_an_index(package: Package) -> None:
    assert packages.read(package, "toy/data.bin") == b"payload"


def test_a_changed_file_in_the_cache_is_refused_with_the_next_step(package: Package, cache: Path) -> None:
    path = cache / "packages" / package.filename
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(PackageError, match=r"toy==1.0: sha256 .* is not the pinned .* Delete .*toy-1.0"):
        packages.fetch(package)


def test_a_member_that_is_not_there_is_named(package: Package) -> None:
    with pytest.raises(PackageError, match=r"holds no file toy/other\.bin"):
        packages.read(package, "toy/other.bin")


@pytest.mark.slow
def test_an_index_without_the_package_is_reported_with_the_next_step(
    cache: Path, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    missing = replace(package, version="9.9", filename="toy-9.9-py3-none-any.whl")
    with pytest.raises(
        PackageError, match=r"toy==9.9 could not be fetched: (.|\n)*Next: see which index pip asks"
    ):
        packages.fetch(missing)
    assert [path.name for path in (cache / "packages").iterdir()] == [package.filename]


@pytest.mark.slow
def test_what_the_index_serves_must_be_what_was_pinned(
    package: Package, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = cache / "index"
    served.mkdir()
    with zipfile.ZipFile(served / "toy-2.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy-2.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 2.0\n")
        wheel.writestr("toy-2.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(served))
    other = replace(package, version="2.0", filename="toy-2.0-py3-none-any.whl")
    with pytest.raises(PackageError, match="The index serves another file under this version"):
        packages.fetch(other)
    assert not (cache / "packages" / other.filename).exists()
    exact = replace(other, sha256=packages.sha256_of(served / other.filename))
    assert packages.fetch(exact).read_bytes() == (served / other.filename).read_bytes()


@pytest.mark.models
def test_a_source_package_is_read_without_its_top_folder() -> None:
    assert packages.read(packages.PYANNOTE_SOURCE, "tests/data/dev00.wav")[:4] == b"RIFF"
