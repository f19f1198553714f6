"""The cluster that tests and benchmarks use: a real node with our images on it, its surroundings, and the
chart installed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from testkit.node.disk import measured, used
from testkit.node.fitness import install
from testkit.node.images import IMAGES, Storage
from testkit.node.node import node
from testkit.release.place import CHART, NAMESPACE, RELEASE, Place, place
from testkit.release.transcript import Transcript

INSTALL = f"{RELEASE} charts/{CHART.name} --namespace {NAMESPACE} --values values.yaml --wait --timeout 15m"
"""As docs/install.md has it: without `--wait` Helm makes the default profile before its kind is served."""


@contextmanager
def installed(transcript: Transcript, folder: Path) -> Iterator[Place]:
    """Build what is not built yet, start the node, install. `folder` is for files; everything else is gone
    afterwards."""
    with transcript.phase("system packages"):
        install()
    storage = Storage()
    with measured() as built:
        _build(transcript, storage)
    before = used()
    with ExitStack() as ends:
        ends.enter_context(transcript.phase("everything, from the node's start to its end"))
        with transcript.phase("node"):
            one = ends.enter_context(node())
        with transcript.phase("images onto the node"):
            for reference in (storage.pause(), *(image.reference for image in IMAGES)):
                one.containerd.take(storage.layered(reference))
        figures = [built.most, built.kept, used() - before]
        print(
            "e2e: disk: {:.1f} GB at most while images were built, {:.1f} kept; {:.1f} for the node".format(
                *(n / 1e9 for n in figures)
            )
        )
        with transcript.phase("recordings and store"):
            here = ends.enter_context(place(one, transcript, folder))
        with transcript.phase("helm install"):
            _install(here)
        yield here


def _build(transcript: Transcript, storage: Storage) -> None:
    """The images that are not built yet."""
    with transcript.phase("base image"):
        assert storage.base
    for image in IMAGES:
        with transcript.phase(f"image {image.name}"):
            storage.build(image)


def _install(here: Place) -> None:
    here.transcript.chapter(
        "Install",
        "The Secrets `video-ingest-store`, `video-ingest-store-owner`, `video-ingest-store-reader` "
        f"and `reader-token` are in the namespace `{NAMESPACE}`; "
        "the node has the models in a folder; the recordings are served beside it.",
    )
    here.written("values.yaml")
    (here.folder / "charts").symlink_to(CHART.parent)
    here.helm(f"install {INSTALL}")
    here.kubectl(f"rollout status deployment/{RELEASE} --timeout=60m")
    here.kubectl(
        "wait --timeout=60m --for=condition=Complete job --selector=app.kubernetes.io/component=migrate"
    )
    here.kubectl(f"rollout status deployment/{RELEASE}-reader --timeout=60m")
    here.kubectl("get ingestprofile,pods,jobs")
