"""The cluster that tests and benchmarks use: a real node with our images on it, its surroundings, and the chart installed."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scripts.environment import cache_folder
from tests.e2e.place import CHART, NAMESPACE, RELEASE, Place, place
from tests.e2e.transcript import Transcript
from tests.support.node.fitness import install
from tests.support.node.images import IMAGES, Storage
from tests.support.node.node import Node, node

INSTALL = f"{RELEASE} charts/{CHART.name} --namespace {NAMESPACE} --values values.yaml --wait --timeout 15m"
"""As docs/install.md has it: without `--wait` Helm makes the default profile before its kind is served."""


@contextmanager
def installed(transcript: Transcript, folder: Path) -> Iterator[Place]:
    """Build what is not built yet, start the node, install. `folder` is for files; everything else is gone afterwards."""
    storage = _built(transcript)
    with ExitStack() as ends:
        ends.enter_context(transcript.phase("everything, from the node's start to its end"))
        with transcript.phase("node"):
            one = ends.enter_context(node())
        with transcript.phase("images onto the node"):
            _filled(one, storage)
        with transcript.phase("recordings and store"):
            here = ends.enter_context(place(one, transcript, folder))
        with transcript.phase("helm install"):
            _install(here)
        yield here


def _built(transcript: Transcript) -> Storage:
    """The images."""
    with transcript.phase("system packages"):
        install()
    kept = Storage()
    with transcript.phase("base image"):
        assert kept.base
    for image in IMAGES:
        with transcript.phase(f"image {image.name}"):
            kept.build(image)
    return kept


def _filled(one: Node, storage: Storage) -> None:
    """Our images, one at a time, so that only one of them is there packed and unpacked."""
    before = peak = shutil.disk_usage(cache_folder()).used
    for archive in storage.packed([storage.pause(), *(image.reference for image in IMAGES)]):
        one.containerd.receive(archive)
        peak = max(peak, shutil.disk_usage(cache_folder()).used)
        one.containerd.drop_packed_layers()
    after = shutil.disk_usage(cache_folder()).used
    print(f"e2e: disk: the node's images took {(peak - before) / 1e9:.1f} GB at most and keep {(after - before) / 1e9:.1f} GB")


def _install(here: Place) -> None:
    here.transcript.chapter(
        "Install",
        f"The Secrets `video-ingest-store` and `video-ingest-store-owner` are in the namespace `{NAMESPACE}`; the node has the models in a"
        " folder; the recordings are served beside it.",
    )
    here.written("values.yaml")
    (here.folder / "charts").symlink_to(CHART.parent)
    here.helm(f"install {INSTALL}")
    here.kubectl(f"rollout status deployment/{RELEASE} --timeout=60m")
    here.kubectl("wait --timeout=60m --for=condition=Complete job --selector=app.kubernetes.io/component=migrate")
    here.kubectl("get ingestprofile,pods,jobs")
