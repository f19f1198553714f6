"""Kueue at work on a control plane of tests:
its definitions, its webhooks, and its controller on the loopback."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from testkit.cluster.control_plane import LOOPBACK, ControlPlane
from testkit.cluster.program import Program, free_port, until
from tests.support.kueue.programs import built

Json = dict[str, Any]

OURS = ("batch", "kueue.x-k8s.io")
"""Groups of kinds that it looks at here: the others of its webhooks have nobody behind them, with Jobs as its
only framework."""


@contextmanager
def kueue(plane: ControlPlane) -> Iterator[None]:
    """Queues are served, and Jobs that name one are suspended, until this ends."""
    folder, port, health = plane.folder / "kueue", free_port(), free_port()
    folder.mkdir()
    plane.install(*_documents(*sorted((built() / "crd" / "bases").glob("*.yaml"))))
    for each in _webhooks(plane, port):
        plane.admin.apply(each)
    where = ["env", f"--chdir={folder}", f"KUBECONFIG={plane.kubeconfig}"]
    configuration = _configuration(plane, folder, port, health)
    program = Program([*where, _for_here(folder), f"--config={configuration}", _GATES], folder / "log")
    program.start()
    try:
        program.wait(lambda: _admits(plane))
        yield
    finally:
        program.kill()


_GATES = "--feature-gates=VisibilityOnDemand=false"
"""It would serve an API of its own, to which nothing leads here."""


_CERTIFICATES = b"/etc/kueue/metrics/certs"
"""Where its main function looks for certificates of a port that is closed here. It is a constant there, and
root's folder."""


def _for_here(folder: Path) -> Path:
    """The program, looking for them in its working folder instead."""
    own, ours = folder / "kueue", b"/proc/self/cwd/././certs"
    assert len(ours) == len(_CERTIFICATES)
    own.write_bytes((built() / "kueue").read_bytes().replace(_CERTIFICATES, ours))
    own.chmod(0o700)
    return own


def _configuration(plane: ControlPlane, folder: Path, port: int, health: int) -> Path:
    signed = plane.certificates.server(LOOPBACK)
    certificates = folder / "certs"
    certificates.mkdir()
    for source, name in ((signed.certificate, "tls.crt"), (signed.key, "tls.key")):
        (certificates / name).write_bytes(source.read_bytes())
    document = {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "namespace": "default",
        "health": {"healthProbeBindAddress": f"{LOOPBACK}:{health}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": LOOPBACK, "port": port, "certDir": str(certificates)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "clientConnection": {"qps": 200, "burst": 400},
        "integrations": {"frameworks": ["batch/job"]},
    }
    path = folder / "configuration.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def _webhooks(plane: ControlPlane, port: int) -> Iterator[Json]:
    trusted = base64.b64encode(plane.certificates.authority.read_bytes()).decode()
    for each in _documents(built() / "webhook" / "manifests.yaml"):
        each["webhooks"] = [
            hook for hook in each["webhooks"] if all(rule["apiGroups"][0] in OURS for rule in hook["rules"])
        ]
        for hook in each["webhooks"]:
            hook["clientConfig"] = {
                "url": f"https://{LOOPBACK}:{port}{hook['clientConfig']['service']['path']}",
                "caBundle": trusted,
            }
        yield each


def _documents(*paths: Path) -> list[Json]:
    return [each for path in paths for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]


def _admits(plane: ControlPlane) -> bool:
    """Whether it answers: a flavor goes through its webhooks."""
    flavor = {"apiVersion": KUEUE, "kind": "ResourceFlavor", "metadata": {"name": "any"}}
    try:
        plane.admin.apply(flavor)
    except Exception:  # noqa: BLE001 -- whatever it is, it is not up yet
        return False
    return True


KUEUE = "kueue.x-k8s.io/v1beta2"
PLENTY = {"cpu": 1000, "memory": "1000Gi", "ephemeral-storage": "9000Gi"}


def queue(
    plane: ControlPlane, namespace: str, name: str, gpus: int, *, cohort: str | None = None, **spec: Any
) -> None:
    """A ClusterQueue with so many GPUs and more than enough of everything else, and a LocalQueue of the
    namespace that leads to it."""
    quotas = PLENTY | {"nvidia.com/gpu": gpus}
    flavor = {
        "name": "any",
        "resources": [{"name": of, "nominalQuota": quota} for of, quota in quotas.items()],
    }
    wanted = {
        "namespaceSelector": {},
        "resourceGroups": [{"coveredResources": list(quotas), "flavors": [flavor]}],
    } | spec
    wanted |= {"cohortName": cohort} if cohort else {}
    cluster = f"{namespace}-{name}"
    plane.admin.apply(
        {"apiVersion": KUEUE, "kind": "ClusterQueue", "metadata": {"name": cluster}, "spec": wanted}
    )
    local = {"apiVersion": KUEUE, "kind": "LocalQueue", "metadata": {"name": name, "namespace": namespace}}
    plane.admin.apply(local | {"spec": {"clusterQueue": cluster}})
    path = plane.admin.path_of(local)
    until(lambda: bool(plane.admin.get(path).get("status", {}).get("conditions")), f"{name} is known")
