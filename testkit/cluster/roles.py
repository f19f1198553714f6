"""The operator's rights in a test's cluster: the roles that the chart makes of `rbac.rules`, and who has
them."""

from dataclasses import dataclass

from ingest_operator.kube.api.names import MANAGER
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.install.rbac import RBAC, rules


@dataclass(frozen=True, slots=True)
class Account:
    """The ServiceAccount that an operator runs as."""

    namespace: str
    name: str = MANAGER


def role_objects(namespace: str, account: Account) -> tuple[Object, Object]:
    """The Role and RoleBinding by which the account may serve one namespace."""
    return _granted("", {"name": MANAGER, "namespace": namespace}, account)


def cluster_role_objects(account: Account) -> tuple[Object, Object]:
    """The ClusterRole and ClusterRoleBinding by which the account may serve every namespace."""
    return _granted("Cluster", {"name": MANAGER}, account)


def _granted(scope: str, metadata: dict[str, str], account: Account) -> tuple[Object, Object]:
    role = {"apiVersion": f"{RBAC}/v1", "kind": f"{scope}Role", "metadata": metadata, "rules": rules()}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{scope}RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": f"{scope}Role", "name": MANAGER},
        "subjects": [{"kind": "ServiceAccount", "namespace": account.namespace, "name": account.name}],
    }
    return role, binding
