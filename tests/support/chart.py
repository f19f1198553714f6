"""The chart as Helm renders it: objects of a set of values, Helm's own words where it refuses, and Helm
against a cluster."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.environment import cache_folder
from testkit.cluster.program import GARBAGE_PERCENT
from testkit.tools.programs import program

CHART = Path(__file__).parents[2] / "charts" / "video-ingest-operator"
RELEASE, NAMESPACE = "video-ingest-operator", "media"

Json = dict[str, Any]

FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same objects in a tenth of the time, where PyYAML was built with libyaml."""

CASES = tuple(sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")))
"""The sets of values that are kept as data."""

SERVED = ("video-ingest.dev/v1alpha1/IngestProfile",)
"""What a cluster serves in which the chart is installed already."""


def helm(*arguments: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Helm with folders of its own: a person's repositories and plugins are no part of a test."""
    home = str(cache_folder() / "helm-of-tests")
    own = {"HELM_CACHE_HOME": home, "HELM_CONFIG_HOME": home, "HELM_DATA_HOME": home}
    own |= {"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}
    # it lives for a tenth of a second or a whole one, a fifth of which it would spend on its garbage
    own |= {"GOGC": "off" if arguments[0] in ("lint", "template") else GARBAGE_PERCENT}
    command = [program("helm"), *arguments]
    return subprocess.run(
        command, env=dict(os.environ) | own, capture_output=True, text=True, check=False, timeout=300
    )


def template(
    values: Path | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    served: Sequence[str] = SERVED,
    chart: Path = CHART,
) -> str:
    """The manifest. `settings` are laid over the file of values."""
    arguments = [f"--values={values}"] if values else []
    arguments += [f"--set-json={path}={json.dumps(value)}" for path, value in (settings or {}).items()]
    run = helm(
        "template",
        RELEASE,
        str(chart),
        f"--namespace={NAMESPACE}",
        f"--api-versions={','.join(served)}",
        *arguments,
    )
    if run.returncode:
        raise RefusedByHelm(run.stderr)
    return run.stdout


class RefusedByHelm(Exception):  # noqa: N818 -- what Helm did
    """What Helm said instead of rendering."""


def objects_in(manifest: str) -> list[Json]:
    """Every object, in Helm's order."""
    return [each for each in yaml.load_all(manifest, FAST) if each]


@cache
def _case(name: str) -> str:
    return template(CHART / "ci" / f"{name}-values.yaml")


def case(name: str) -> list[Json]:
    """The objects of a set of values, in a cluster in which the chart is installed already."""
    return objects_in(_case(name))


def of_kind(objects: Sequence[Json], kind: str, ending: str = "") -> list[Json]:
    """Those of a kind, and whose names end so."""
    return [each for each in objects if each["kind"] == kind and each["metadata"]["name"].endswith(ending)]


def pods_in(objects: Sequence[Json]) -> dict[str, Json]:
    """Specs of pods by `kind/namespace/name`: of pods themselves, and of what makes pods."""
    found = {}
    for each in objects:
        metadata = each["metadata"]
        spec = each["spec"] if each["kind"] == "Pod" else each.get("spec", {}).get("template", {}).get("spec")
        if each["kind"] in ("Pod", "Job", "Deployment", "DaemonSet"):
            found[f"{each['kind']}/{metadata['namespace']}/{metadata['name']}"] = spec
    return found
