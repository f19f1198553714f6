"""The admission policy by which a cluster keeps no `managedFields` of our Jobs and pods: half of what a
recording puts into etcd. Pure.

Who wrote which field matters where several write one object by `apply`; of these objects the operator and the
cluster are the only authors. Fields can be left out of what is recorded when an object is made, by admission,
and in no other way that costs no further version. So this is for whoever runs the cluster to install; the
operator has no right to, and works without it. Needs MutatingAdmissionPolicy: version v1 of its group where
that is served, else v1beta1, which a cluster serves only if it is told to.
"""

from typing import Final

from ingest_contract.names import GROUP
from ingest_operator.kube.api.names import BATCH_UID
from ingest_operator.kube.api.resources import JOBS, PODS, Object, Resource

NAME: Final = f"untracked.{GROUP}"


def untracked(version: str) -> tuple[Object, Object]:
    """The policy, and the binding that puts it in force, of one version of their group. A cluster where it
    fails goes on without it."""
    api = f"admissionregistration.k8s.io/{version}"
    recorded = "has(object.metadata.managedFields)"
    policy = {
        "matchConstraints": {
            "objectSelector": {"matchExpressions": [{"key": BATCH_UID, "operator": "Exists"}]},
            "resourceRules": [_made(JOBS), _made(PODS)],
        },
        "matchConditions": [{"name": "recorded", "expression": recorded}],
        "mutations": [
            {
                "patchType": "JSONPatch",
                "jsonPatch": {"expression": '[JSONPatch{op: "remove", path: "/metadata/managedFields"}]'},
            },
        ],
        "failurePolicy": "Ignore",
        "reinvocationPolicy": "Never",
    }
    return (
        {"apiVersion": api, "kind": "MutatingAdmissionPolicy", "metadata": {"name": NAME}, "spec": policy},
        {
            "apiVersion": api,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": NAME},
            "spec": {"policyName": NAME},
        },
    )


def _made(resource: Resource) -> Object:
    """When an object of a kind is made: afterwards the API server records nothing about one of which it has
    recorded nothing."""
    return {
        "apiGroups": [resource.group],
        "apiVersions": [resource.version],
        "operations": ["CREATE"],
        "resources": [resource.plural],
    }
