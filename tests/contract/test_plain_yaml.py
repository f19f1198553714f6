"""YAML that would fill the memory or the stack is refused wherever a file is read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ingest_contract import plain_yaml
from ingest_contract.documents import InvalidDocumentError, read
from ingest_worker.engines.pyannote_folder import loaded
from ingest_worker.errors import StageError
from ingest_worker.models.locks import read_lock
from ingest_worker.models.model_set import load_set

ROOT = Path(__file__).parents[2]

LAUGHS = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)
MERGED = "base: &base {a: 1}\nother: {<<: *base}\n"
ITSELF = "&a [*a]"
DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LAUGHS, r"`\*a0` repeats"),
        (MERGED, r"`\*base` repeats"),
        (ITSELF, r"`\*a` repeats"),
        (DEEP, "more than 50 values"),
    ],
)
def test_aliases_and_endless_nesting_are_refused_with_the_place(text: str, told: str) -> None:
    for read_text in (plain_yaml.load, lambda text: list(plain_yaml.load_all(text))):
        with pytest.raises(yaml.YAMLError, match=told) as caught:
            read_text(text)
        assert "line " in str(caught.value)


def test_what_files_are_written_in_is_read() -> None:
    text = "a: &unused {b: [1, 2.5, true, null, 'x']}\nc: |\n  text\n"
    assert plain_yaml.load(text) == {"a": {"b": [1, 2.5, True, None, "x"]}, "c": "text\n"}
    assert list(plain_yaml.load_all("a: 1\n---\nb: 2\n")) == [{"a": 1}, {"b": 2}]
    nested = "[" * 49 + "]" * 49
    assert plain_yaml.load(nested) is not None


@pytest.mark.parametrize("text", [LAUGHS, DEEP], ids=["laughs", "deep"])
def test_every_reader_of_files_refuses_it_in_its_own_words(tmp_path: Path, text: str) -> None:
    for name in ("batch.yaml", "config.yaml", "lock.yaml"):
        (tmp_path / name).write_text(text)
    with pytest.raises(InvalidDocumentError, match=r"batch\.yaml: not YAML"):
        read(tmp_path / "batch.yaml")
    with pytest.raises(StageError, match="is no model set"):
        load_set(str(tmp_path / "batch.yaml"))
    with pytest.raises(StageError, match="cannot be read"):
        read_lock(tmp_path.parent, tmp_path.name)
    with pytest.raises(StageError, match="describes no diarization pipeline"):
        loaded(tmp_path, "cpu")


def test_a_file_of_a_few_hundred_bytes_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "batch.yaml").write_text(LAUGHS)
    program = (
        "import resource, sys; from pathlib import Path; from ingest_contract.documents import "
        "InvalidDocumentError, read\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))\n"
        "try: read(Path(sys.argv[1]))\n"
        "except InvalidDocumentError: print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "batch.yaml")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "refused\n", done.stderr


def test_nothing_in_the_product_reads_yaml_in_another_way() -> None:
    packages = (
        "crds/ingest_contract",
        "operator/ingest_operator",
        "worker/ingest_worker",
        "reader/ingest_reader",
        "cli/ingestctl",
    )
    readers = {
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if re.search(
            r"yaml\.(safe_|full_|unsafe_)?load",
            path.read_text(encoding="utf-8").replace("plain_yaml.load", ""),
        )
    }
    assert readers == {"crds/ingest_contract/plain_yaml.py"}
