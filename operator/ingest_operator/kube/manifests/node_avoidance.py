"""How a Job's pod is kept from nodes, and how that is read back. Pure.

This uses the hostname label, not the node's own name: Karpenter makes no node for a pod whose affinity has
`matchFields` (karpenter `pkg/controllers/provisioning/provisioner.go`, `validateNodeSelectorTerm`). Where the
two differ, the node is not avoided, but is still reported.
"""

from collections.abc import Sequence
from typing import Final

from ingest_operator.kube.api.fields import metadata_of
from ingest_operator.kube.api.names import AVOIDS
from ingest_operator.kube.api.resources import Object

HOST: Final = "kubernetes.io/hostname"
"""The label that every kubelet gives its node (kubernetes `pkg/kubelet/kubelet_node_status.go`)."""

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def kept_from(job: Object, nodes: Sequence[str]) -> Object:
    """The Job, with its pod kept from these nodes:
    in each of the alternatives of the profile's own affinity."""
    if not nodes:
        return job
    metadata = job["metadata"] | {
        "annotations": {**(job["metadata"].get("annotations") or {}), AVOIDS: ",".join(nodes)}
    }
    template = job["spec"]["template"]
    affinity = template["spec"].get("affinity") or {}
    node_affinity = affinity.get("nodeAffinity") or {}
    required = node_affinity.get(_REQUIRED) or {}
    alternatives: Sequence[Object] = required.get("nodeSelectorTerms") or ({"matchExpressions": []},)
    terms = [_with_term(term, nodes) for term in alternatives]
    affinity |= {"nodeAffinity": node_affinity | {_REQUIRED: required | {"nodeSelectorTerms": terms}}}
    pod = template | {"spec": template["spec"] | {"affinity": affinity}}
    return job | {"metadata": metadata, "spec": job["spec"] | {"template": pod}}


def drawn_from(job: Object, nodes: Sequence[str]) -> Object:
    """The Job, with its pod on another node than these if one has room: for a plan, which has no run that
    could tell when a node is good again."""
    if not nodes:
        return job
    template = job["spec"]["template"]
    affinity = template["spec"].get("affinity") or {}
    node_affinity = affinity.get("nodeAffinity") or {}
    away = {"weight": 100, "preference": {"matchExpressions": [_away(nodes)]}}
    affinity |= {"nodeAffinity": node_affinity | {_PREFERRED: [*(node_affinity.get(_PREFERRED) or ()), away]}}
    return job | {
        "spec": job["spec"] | {"template": template | {"spec": template["spec"] | {"affinity": affinity}}}
    }


def avoids(job: Object) -> tuple[str, ...]:
    """The nodes that a Job's pod is kept from."""
    text = (metadata_of(job).get("annotations") or {}).get(AVOIDS) or ""
    return tuple(name for name in text.split(",") if name)


def _with_term(term: Object, nodes: Sequence[str]) -> Object:
    """The alternative with one more condition. One without any condition matches no node, and must not match
    some now."""
    if term == {}:
        return term
    return term | {"matchExpressions": [*(term.get("matchExpressions") or ()), _away(nodes)]}


def _away(nodes: Sequence[str]) -> Object:
    return {"key": HOST, "operator": "NotIn", "values": list(nodes)}
