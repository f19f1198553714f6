"""The operator's rights in a test's cluster: the roles that the chart makes of `rbac.rules`, and who has
them."""

from dataclasses import dataclass

from ingest_operator.kube.api.names import MANAGER
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.install.rbac import RBAC, class_rules, queue_rules, rules


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


def class_role_objects(account: Account) -> tuple[Object, Object]:
    """The ClusterRole and ClusterRoleBinding by which the account may look up classes, and queues as well."""
    return _granted(
        "Cluster", {"name": f"{account.namespace}-classes"}, account, [*class_rules(), *queue_rules()]
    )


def _granted(
    scope: str, metadata: dict[str, str], account: Account, given: list[Object] | None = None
) -> tuple[Object, Object]:
    name, given = metadata["name"], rules() if given is None else given
    role = {"apiVersion": f"{RBAC}/v1", "kind": f"{scope}Role", "metadata": metadata, "rules": given}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{scope}RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": f"{scope}Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "namespace": account.namespace, "name": account.name}],
    }
    return role, binding
