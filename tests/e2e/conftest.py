"""A cluster of one real node with our chart in it, once for all tests of the session, which `make e2e` runs and `make test` does not."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.environment import cache_folder
from tests.e2e.place import CHART, NAMESPACE, RELEASE, Place, place
from tests.e2e.transcript import Transcript
from tests.support.node.fitness import hindrance, install
from tests.support.node.images import IMAGES, Storage
from tests.support.node.node import Node, node


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.node)
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="session")
def transcript() -> Iterator[Transcript]:
    one = Transcript(os.cpu_count() or 1)
    yield one
    print(f"\n\ne2e: time by phase\n{one.phases()}")


@pytest.fixture(scope="session")
def storage(transcript: Transcript) -> Storage:
    """The images, built."""
    if reason := hindrance():
        pytest.skip(reason)
    with transcript.phase("system packages"):
        install()
    kept = Storage()
    with transcript.phase("base image"):
        assert kept.base
    for image in IMAGES:
        with transcript.phase(f"image {image.name}"):
            kept.build(image)
    return kept


@pytest.fixture(scope="session")
def here(storage: Storage, transcript: Transcript, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The node with our images, its surroundings, and the chart installed."""
    with ExitStack() as ends:
        ends.enter_context(transcript.phase("everything, from the node's start to its end"))
        with transcript.phase("node"):
            one = ends.enter_context(node())
        with transcript.phase("images onto the node"):
            _filled(one, storage)
        built = ends.enter_context(place(one, transcript, tmp_path_factory.mktemp("e2e")))
        with transcript.phase("helm install"):
            _installed(built)
        yield built


def _filled(one: Node, storage: Storage) -> None:
    """Our images, one at a time, so that only one of them is there packed and unpacked."""
    before = peak = shutil.disk_usage(cache_folder()).used
    for archive in storage.packed([storage.pause(), *(image.reference for image in IMAGES)]):
        one.containerd.receive(archive)
        peak = max(peak, shutil.disk_usage(cache_folder()).used)
        one.containerd.drop_packed_layers()
    after = shutil.disk_usage(cache_folder()).used
    print(f"e2e: disk: the node's images took {(peak - before) / 1e9:.1f} GB at most and keep {(after - before) / 1e9:.1f} GB")


def _installed(here: Place) -> None:
    here.transcript.chapter(
        "Install", f"The Secrets `video-ingest-store` and `video-ingest-store-owner` are in the namespace `{NAMESPACE}`."
    )
    values = here.written("values.yaml")
    (here.folder / "charts").symlink_to(CHART.parent)
    # As docs/install.md has it: without `--wait` Helm makes the default profile before its kind is served.
    here.helm(f"install {RELEASE} charts/{CHART.name} --namespace {NAMESPACE} --values {values.name} --wait --timeout 15m")
    here.kubectl(f"rollout status deployment/{RELEASE} --timeout=60m")
    here.kubectl("wait --timeout=60m --for=condition=Complete job --selector=app.kubernetes.io/component=migrate")
    here.kubectl("get ingestprofile,pods,jobs")
