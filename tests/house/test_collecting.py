"""A run does not import a file of which it runs no test, and imports every other one."""

from pathlib import Path

import pytest

from tests.support.collecting import MARKS, is_left_out
from tests.support.lanes import FOLDERS, LONG, ROOT

TESTS = Path(__file__).parents[1]
MODELS = "import pytest\n\npytestmark = pytest.mark.models\n"
SEVERAL = "pytestmark = [\n    pytest.mark.timeout(99),\n    pytest.mark.node,\n]\n"


@pytest.mark.parametrize(
    ("markexpr", "text", "expected"),
    [
        ("not models", MODELS, True),
        ("not gpu and not models", MODELS, True),
        ("not node", SEVERAL, True),
        ("not gpu", MODELS, False),
        ("", MODELS, False),
        ("models", MODELS, False),
        ("not models or gpu", MODELS, False),
        ("not (models and gpu)", MODELS, False),
        ("not models", "@pytest.mark.models\ndef test_one(): ...\n\ndef test_another(): ...\n", False),
        ("not models", 'TEXT = """\nnothing is pytest.mark.models\n"""\n', False),
    ],
)
def test_a_file_is_left_out_if_all_its_tests_are(markexpr: str, text: str, *, expected: bool) -> None:
    assert is_left_out(markexpr, text) is expected


def test_every_file_that_marks_all_its_tests_does_so_in_a_way_that_is_read() -> None:
    marked = {
        path
        for path in TESTS.rglob("test_*.py")
        if path != Path(__file__) and "pytestmark =" in path.read_text(encoding="utf-8")
    }
    assert marked
    assert {path for path in marked if not MARKS.search(path.read_text(encoding="utf-8"))} == set()


def test_every_lane_that_begins_early_is_a_file_or_folder_with_tests() -> None:
    assert [name for name in (*FOLDERS, *LONG) if not (ROOT / name).exists()] == []
