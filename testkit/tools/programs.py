"""The programs that tests of the chart and of GitOps run: Helm, and `judges`, which asks kstatus, Flux and
Argo CD about an object.

Built once from `build/`, whose go.mod says which versions. `python -m testkit.tools.programs` builds
them before the tests.
"""

from functools import cache
from pathlib import Path

from testkit.cluster.module import Module

_VERSIONS = {
    "helm.sh/helm/v3/internal/version.version": "v3.20.2",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
    "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "35",
    "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor": "1",
    "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor": "35",
}
"""What Helm learns from the linker only, as in its own Makefile: without it `helm template` takes a cluster
to be of version 1.20."""

MODULE = Module(
    what="tools",
    folder=Path(__file__).with_name("build"),
    packages=("helm.sh/helm/v3/cmd/helm", "./judges"),
    ldflags=" ".join(["-s -w", *(f"-X {name}={value}" for name, value in _VERSIONS.items())]),
    label="tools",
    takes="Helm and the judges of health from their modules (about three minutes, once on this machine)",
)


@cache
def program(name: str) -> Path:
    """The program of this name, built if there is none."""
    return MODULE.built() / name


if __name__ == "__main__":
    for each in ("helm", "judges"):
        print(program(each))
