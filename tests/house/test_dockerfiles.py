"""What an image must be can be read from its Dockerfile; that it also builds and runs, `make e2e` shows."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest_operator.kube.manifests.pod_template import NONROOT_UID

HOUSE = Path(__file__).resolve().parents[2]
DOCKERFILES = ("Dockerfile.operator", "Dockerfile.worker")
TARGETS = (
    ("Dockerfile.operator", "operator"),
    ("Dockerfile.worker", "light"),
    ("Dockerfile.worker", "worker"),
)
PACKAGES = {
    "operator": {"ingest_contract", "ingest_operator"},
    "light": {"ingest_contract", "ingest_reader", "ingest_worker"},
}
PACKAGES["worker"] = PACKAGES["light"]
LOCK = re.compile(r"^([a-z0-9-]+(?:\[[a-z,]+\])?)==\S+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction."""

    stage: str
    word: str
    rest: str


def steps(dockerfile: str) -> list[Step]:
    lines = [
        line
        for line in (HOUSE / dockerfile).read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    found, stage = [], ""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
        if word:
            found.append(Step(stage, word, " ".join(rest.split())))
    return found


def of(dockerfile: str, stage: str, word: str) -> list[str]:
    return [step.rest for step in steps(dockerfile) if (step.stage, step.word) == (stage, word)]


def locked(lock: str) -> set[str]:
    return set(LOCK.findall((HOUSE / "locks" / f"{lock}.txt").read_text(encoding="utf-8")))


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_every_image_stands_on_a_base_that_can_be_chosen(dockerfile: str) -> None:
    first = steps(dockerfile)[0]
    assert (first.word, first.rest) == ("ARG", "BASE_IMAGE=python:3.11-slim-bookworm")
    assert {step.rest.split()[0] for step in steps(dockerfile) if step.word == "FROM"} == {
        "${BASE_IMAGE}",
        "base",
    }


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_nothing_is_installed_but_by_a_lock(dockerfile: str) -> None:
    installs = [
        step.rest
        for step in steps(dockerfile)
        if step.word == "RUN" and re.search(r"install|apt|curl|wget|pip", step.rest)
    ]
    assert len(installs) == (1 if dockerfile == "Dockerfile.operator" else 5) + 1
    for each in installs:
        assert (
            re.match(r"sh /opt/locks/install\.sh /opt/locks/[a-z]+\.txt( &&|$)", each)
            or "--without-pip" in each
        ), each
        assert not re.search(r"apt|curl|wget|pip install", each), each
    assert not [step for step in steps(dockerfile) if step.word == "ADD"]


def test_a_lock_is_installed_with_its_hashes_and_without_building_anything() -> None:
    script = (HOUSE / "locks" / "install.sh").read_text(encoding="utf-8")
    installs = [line for line in script.splitlines() if " install " in line and not line.startswith("#")]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)
    assert "--no-build" in installs[1]


@pytest.mark.parametrize(("dockerfile", "target"), TARGETS)
def test_an_image_runs_one_module_as_the_user_that_pods_are(dockerfile: str, target: str) -> None:
    module = "ingest_operator" if target == "operator" else "ingest_worker"
    assert of(dockerfile, target, "ENTRYPOINT") == [f'["python", "-m", "{module}"]']
    assert of(dockerfile, target, "USER") == [f"{NONROOT_UID}:{NONROOT_UID}"]
    (labels,) = of(dockerfile, target, "LABEL")
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in labels


@pytest.mark.parametrize(("dockerfile", "target"), TARGETS)
def test_what_changes_often_comes_after_what_is_heavy(dockerfile: str, target: str) -> None:
    copied = [rest.split()[-2] for rest in of(dockerfile, target, "COPY")]
    heavy = {"worker": ["locks/cuda.txt", "locks/worker.txt"]}.get(target, [f"locks/{target}.txt"])
    assert copied == [*heavy, *([] if target == "operator" else ["locks/sites.txt"]), "/opt/app"]
    words = [step.word for step in steps(dockerfile) if step.stage == target]
    assert max(place for place, word in enumerate(words) if word == "RUN") < words.index("USER")


@pytest.mark.parametrize(("dockerfile", "target"), TARGETS)
def test_an_image_holds_the_packages_of_its_own_side_and_no_other(dockerfile: str, target: str) -> None:
    copied = {rest.split()[-1].removeprefix("/opt/app/") for rest in of(dockerfile, "code", "COPY")}
    assert copied == PACKAGES[target]


def test_a_builder_is_sent_what_is_copied_and_nothing_else() -> None:
    ignored = (HOUSE / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copies = [
        step.rest
        for dockerfile in DOCKERFILES
        for step in steps(dockerfile)
        if step.word == "COPY" and "--from" not in step.rest
    ]
    copied = {source for rest in copies for source in rest.split()[:-1]}
    assert allowed == {"locks" if source.startswith("locks/") else source for source in copied}
    assert "*" in ignored


def test_sites_are_a_layer_of_their_own_fit_what_stands_below_and_are_those_of_the_tests() -> None:
    assert {"yt-dlp", "yt-dlp-ejs", "deno"} <= locked("sites")
    versions = {
        lock: dict(
            re.findall(r"^([a-z0-9-]+)==(\S+)", (HOUSE / "locks" / f"{lock}.txt").read_text(), re.MULTILINE)
        )
        for lock in ("light", "worker", "sites", "cli", "dev")
    }
    below_sites = {name: version for name, version in versions["sites"].items() if name in versions["worker"]}
    assert below_sites.items() <= versions["worker"].items(), (
        "the layer would put another version over what stands below"
    )
    for tried in ("cli", "dev"):
        assert versions[tried]["yt-dlp"] == versions["sites"]["yt-dlp"], (
            f"run `make lock-sites`: {tried} would not meet what workers have"
        )
    for below in ("light", "worker"):
        assert {"yt-dlp", "yt-dlp-ejs"}.isdisjoint(versions[below])
        assert "deno" in versions[below]
    differing = {
        name for name in versions["light"] if versions["worker"].get(name) != versions["light"][name]
    }
    assert differing == set(), "a plan and its worker would see sites differently"


def test_cudas_libraries_are_a_layer_of_their_own_and_those_that_the_worker_has() -> None:
    def entries(lock: str) -> set[str]:
        text = (HOUSE / "locks" / f"{lock}.txt").read_text(encoding="utf-8")
        return {
            entry
            for entry in re.split(r"(?m)^(?=[a-z#])", text)
            if entry.startswith("nvidia-") and "-cu12==" in entry
        }

    assert entries("cuda") == entries("worker"), "run `make lock`"
    assert {name.partition("==")[0] for name in entries("cuda")} >= {
        "nvidia-cublas-cu12",
        "nvidia-cudnn-cu12",
    }
    assert locked("cuda") == {entry.partition("==")[0] for entry in entries("cuda")}


def test_the_worker_without_engines_has_none() -> None:
    engines = {
        "torch",
        "ctranslate2",
        "pyannote-audio",
        "faster-whisper",
        "sentence-transformers",
        "nvidia-cublas-cu12",
    }
    assert engines <= locked("worker")
    assert engines.isdisjoint(locked("light"))
    assert {"psycopg", "pgvector", "av", "huggingface-hub"} <= locked("light")


@pytest.mark.parametrize("lock", sorted(path.stem for path in (HOUSE / "locks").glob("*.txt")))
def test_a_package_is_locked_in_one_version_for_every_python(lock: str) -> None:
    names = LOCK.findall((HOUSE / "locks" / f"{lock}.txt").read_text(encoding="utf-8"))
    assert names
    assert len(names) == len(set(names)), "what was tried with one Python would not be what runs with another"
