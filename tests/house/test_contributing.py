"""CONTRIBUTING.md is followed to the letter: in a copy of the tree, by its commands, and what it says fails
or passes does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
PAGE = (HOUSE / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = ("crds", "operator", "worker", "reader", "cli")
COPIED = (*CODE, "bench", "charts", "demo", "docs", "scripts", "testkit", "tests", "pyproject.toml")
FILE_AND_NAME = re.compile(r"`([\w./-]+\.py)`:[^`]*(?:`([A-Z_]{3,}|[A-Z]\w+)`)?")


def steps(title: str) -> list[str]:
    """The numbered steps below a heading."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    return re.split(r"^\d+\. ", section, flags=re.MULTILINE)[1:]


class Tree:
    """A copy of the tree, in which steps are followed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source, target = HOUSE / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)

    def change(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, (path, old)
        (self.folder / path).write_text(text.replace(old, new), encoding="utf-8")

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        code = os.pathsep.join(str(self.folder / each) for each in (*CODE, "."))
        environment = {
            name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
        } | {"PYTHONPATH": code}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def tests(self, *arguments: str) -> str:
        """How tests end."""
        return self.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:[\w-]+/)+[\w-]+\.(?:py|md))`", PAGE))))
def test_every_file_that_the_page_names_is_there(path: str) -> None:
    assert (HOUSE / path).is_file()


@pytest.mark.parametrize(
    ("path", "name"), sorted({found for found in FILE_AND_NAME.findall(PAGE) if found[1]})
)
def test_every_name_is_in_the_file_beside_which_it_stands(path: str, name: str) -> None:
    (file,) = [each for each in (HOUSE / path, *HOUSE.glob(f"*/*/{path}")) if each.is_file()][:1]
    assert re.search(
        rf"^(class {name}\b|    def {name}\b|def {name}\b|{name}\b)",
        file.read_text(encoding="utf-8"),
        re.MULTILINE,
    )


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)`", PAGE))))
def test_every_command_is_one_of_make(target: str) -> None:
    assert re.search(rf"^{target}:", (HOUSE / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.slow
def test_one_test_runs_by_the_line_that_says_how() -> None:
    line = re.search(r"`\$bin/pytest (tests/[^`]+)`", PAGE)
    assert line is not None
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *line[1].split()]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=False, timeout=120)
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.slow
def test_the_operator_runs_against_a_cluster_by_the_line_that_says_how(tmp_path: Path) -> None:
    """Against one that is not there: it reads the KUBECONFIG, begins, and tells so in JSON; what it does
    then, other tests show."""
    line = re.search(r"`KUBECONFIG=\.\.\. \$bin/python (-m ingest_operator [^`]+)`", PAGE)
    assert line is not None
    config = tmp_path / "kubeconfig"
    config.write_text(
        "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: "
        "{cluster: a, user: a}}], "
        "clusters: [{name: a, cluster: {server: 'http://127.0.0.1:9'}}], users: [{name: a, user: {}}]}"
    )
    command = [sys.executable, *line[1].split(), "--port", "0"]
    with subprocess.Popen(
        command, env=os.environ | {"KUBECONFIG": str(config)}, stderr=subprocess.PIPE, text=True
    ) as operator:
        assert operator.stderr is not None
        first = operator.stderr.readline()
        operator.terminate()
        operator.communicate(timeout=60)
    assert '"logger": "ingest_operator' in first
    assert '"action"' in first


@pytest.mark.slow
def test_a_failure_reason_is_added_in_five_steps(tree: Tree) -> None:
    assert len(steps("Add a failure reason")) == 5
    tree.change(
        "crds/ingest_contract/failures.py",
        '    NOT_INGESTED = "NotIngested"\n',
        '    NOT_INGESTED = "NotIngested"\n    YOURS = "Yours"\n',
    )
    row = (
        '        _R.YOURS: Failure(38, _K.INPUT, _V.GIVE_UP, "It is yours. Take it home.", '
        'next_step="It is yours: take it home."),\n'
    )
    tree.change(
        "crds/ingest_contract/failures.py",
        "        _R.IMAGE_UNAVAILABLE: Failure(",
        row + "        _R.IMAGE_UNAVAILABLE: Failure(",
    )
    drifted = tree.python("-m", "ingest_contract", "--check")
    assert (drifted.returncode, "docs/failures.md: has drifted; run `make generate`" in drifted.stdout) == (
        1,
        True,
    )
    assert tree.python("-m", "ingest_contract").returncode == 0
    assert "| `Yours` | 38 |" in tree.read("docs/failures.md")
    assert "| `Yours` | It is yours | take it home. |" in tree.read("docs/why.md")
    assert "Yours" in tree.read("crds/ingestbatches.yaml")
    assert "Yours" in tree.read("charts/video-ingest-operator/files/crds/ingestbatches.yaml")
    (tree.folder / "tests" / "worker" / "test_yours.py").write_text(
        "import pytest\n"
        "from ingest_contract.failures import FAILURES, Reason\n"
        "from ingest_worker.errors import StageError\n"
        "def test_it_is_yours():\n"
        "    with pytest.raises(StageError, match='take it') as caught:\n"
        "        raise StageError(Reason.YOURS, 'what happened, and what to do: take it')\n"
        "    assert caught.value.failure is FAILURES[Reason.YOURS]\n"
    )
    ended = tree.tests("tests/worker/test_yours.py", "tests/contract/test_failures.py", "-k", "not points")
    assert re.search(r"^\d+ passed", ended, re.MULTILINE), ended


@pytest.mark.slow
def test_a_stage_that_makes_something_else_gets_another_number(tree: Tree) -> None:
    watching = "tests/worker/test_stage_versions.py"
    tree.change(
        "worker/ingest_worker/attribution.py", "NEAR_SECONDS: Final = 0.5\n", "NEAR_SECONDS: Final = 0.4\n"
    )
    found = re.search(r"\(1, '([0-9a-f]{16})'\) == \(1, '([0-9a-f]{16})'\)", tree.tests(watching))
    assert found is not None
    tree.change("crds/ingest_contract/stages.py", "    Stage.ATTRIBUTE: 1,\n", "    Stage.ATTRIBUTE: 2,\n")
    tree.change(watching, f'Stage.ATTRIBUTE: (1, "{found[2]}")', f'Stage.ATTRIBUTE: (2, "{found[1]}")')
    ended = tree.tests(watching, "tests/worker/test_hashes.py", "tests/contract/test_stages.py")
    assert re.search(r"^\d+ passed", ended, re.MULTILINE), ended


@pytest.mark.slow
def test_a_new_stage_is_asked_for_its_number_and_its_digest(tree: Tree) -> None:
    tree.change(
        "crds/ingest_contract/stages.py",
        '    EMBED = "embed"\n',
        '    EMBED = "embed"\n    SUMMARIZE = "summarize"\n',
    )
    ended = tree.tests(
        "tests/contract/test_stages.py", "tests/worker/test_stage_versions.py", "-k", "every_stage_that"
    )
    assert "test_every_stage_that_determines_what_is_stored_has_a_version" in ended
    tree.change(
        "crds/ingest_contract/stages.py",
        "    Stage.EMBED: 1,\n",
        "    Stage.EMBED: 1,\n    Stage.SUMMARIZE: 1,\n",
    )
    ended = tree.tests(
        "tests/contract/test_stages.py", "tests/worker/test_stage_versions.py", "-k", "every_stage_that"
    )
    assert "1 failed" in ended
    assert "test_every_stage_that_has_a_version_is_watched" in ended
