"""Base images are pinned by what a registry says, in all Dockerfiles or in none."""

from pathlib import Path

import pytest

from scripts import pin_images
from scripts.environment import CHECKOUT
from scripts.pin_images import NOT_PINNED, PINNED

OLD, NEW = (f"sha256:{digit * 64}" for digit in "12")


def a_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> Path:
    """The only program on the path; it notes what it was asked."""
    program = folder / "bin/docker"
    program.parent.mkdir()
    asked = folder / "asked"
    program.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n{does}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    return asked


@pytest.fixture
def dockerfiles(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    for path in CHECKOUT.glob("Dockerfile.*"):
        (folder / path.name).write_text(path.read_text())
    return folder


def bases(folder: Path) -> set[str]:
    lines = [line for path in folder.glob("Dockerfile.*") for line in path.read_text().splitlines()]
    return {line for line in lines if line.startswith("ARG BASE_IMAGE=")}


def test_every_dockerfile_names_the_digest_of_its_tag_and_a_later_one_when_asked_again(
    dockerfiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tag,) = bases(dockerfiles)
    asked = a_docker(tmp_path, monkeypatch, f"echo {OLD}")
    assert pin_images.main(dockerfiles) == PINNED
    assert bases(dockerfiles) == {f"{tag}@{OLD}"}
    (tmp_path / "bin/docker").write_text(f'#!/bin/sh\necho "$@" >> {asked}\necho {NEW}\n')
    assert pin_images.main(dockerfiles) == PINNED
    assert bases(dockerfiles) == {f"{tag}@{NEW}"}
    name = tag.partition("=")[2]
    assert (
        asked.read_text().splitlines()
        == [f"buildx imagetools inspect {name} --format {{{{.Manifest.Digest}}}}"] * 2
    )


@pytest.mark.parametrize(
    "does",
    ["echo 'ERROR: dial tcp: lookup failed' >&2; exit 1", "echo sha256:short", "true", "echo $0; exit 1"],
)
def test_without_a_registry_nothing_is_changed_and_it_says_so(
    does: str,
    dockerfiles: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = bases(dockerfiles)
    a_docker(tmp_path, monkeypatch, does)
    assert pin_images.main(dockerfiles) == NOT_PINNED
    assert bases(dockerfiles) == before
    assert capsys.readouterr().out.startswith("Nothing was pinned: ")


def test_without_docker_it_says_so(
    dockerfiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pin_images.main(dockerfiles) == NOT_PINNED
    assert "there is no docker here" in capsys.readouterr().out
