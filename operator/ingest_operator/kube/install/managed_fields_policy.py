"""The admission policy that keeps a cluster from storing `managedFields` of our Jobs and pods: half of what a
recording puts into etcd. Pure.

`managedFields` matter where several clients write one object by `apply`; of these objects the operator and
the cluster are the only authors. Fields can be dropped when an object is created, by admission; every other
way costs a further version. So the cluster's administrator installs this; the operator has no right to, and
works without it. Needs MutatingAdmissionPolicy: v1 of its group where that is served, else v1beta1, which a
cluster serves only if it is configured to.
"""

from typing import Final

from ingest_contract.names import GROUP
from ingest_operator.kube.api.names import BATCH_UID
from ingest_operator.kube.api.resources import JOBS, PODS, Object, Resource

NAME: Final = f"untracked.{GROUP}"


def untracked(version: str) -> tuple[Object, Object]:
    """The policy and its binding, for one version of their API group. A cluster where the policy fails goes
    on without it."""
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
    """The rule for creating an object of a kind: the API server tracks no fields later for an object that was
    created without any."""
    return {
        "apiGroups": [resource.group],
        "apiVersions": [resource.version],
        "operations": ["CREATE"],
        "resources": [resource.plural],
    }
