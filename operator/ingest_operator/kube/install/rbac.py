"""The permissions of the operator in a cluster, and of people: the rules as data, and the roles made for
people. Pure.

Every verb here is one that the operator sends; the tests ask the real authorizer that nothing else is
allowed. Secrets are not among them: pods refer to them by name, and a missing one shows in the pod. The
operator may not `update` a batch: its spec belongs to people.
"""

from collections.abc import Sequence
from typing import Final

from ingest_contract.names import GROUP
from ingest_operator.kube.api.resources import (
    BATCHES,
    CLAIMS,
    CONFIG_MAPS,
    EVENTS,
    JOBS,
    LOCAL_QUEUES,
    PODS,
    PRIORITY_CLASSES,
    PROFILES,
    RUNTIME_CLASSES,
    SCHEDULES,
    SERVICE_ACCOUNTS,
    SPEAKERS,
    WORKLOAD_PRIORITY_CLASSES,
    WORKLOADS,
    Object,
    Resource,
)

RBAC: Final = "rbac.authorization.k8s.io"

READ: Final = ("get", "list", "watch")
WRITE: Final = ("create", "update", "patch", "delete", "deletecollection")


def rules() -> list[Object]:
    """The operator's rules, for a Role, or for one ClusterRole for all namespaces,
    including those created later."""
    return [
        _rule(BATCHES, *READ, "create", "delete"),  # schedules create batches, and delete their old ones
        _rule(BATCHES, "update", subresource="status"),
        _rule(SCHEDULES, *READ),
        _rule(SCHEDULES, "update", subresource="status"),
        _rule(PROFILES, *READ),
        _rule(PROFILES, "update", subresource="status"),  # whether it is ready; its sites
        _rule(SPEAKERS, *READ, "patch"),  # the finalizer by which a deleted voice is forgotten first
        _rule(SPEAKERS, "update", subresource="status"),
        _rule(JOBS, *READ, "create", "patch", "delete"),
        _rule(PODS, *READ, "delete"),  # of a Job that is gone without its pod
        _rule(PODS, "get", subresource="log"),  # the plan comes out of a plan Job's log
        _rule(
            CONFIG_MAPS, "get", "list", "create", "patch", "delete"
        ),  # plans and shared orders; the lists of addresses that batches name
        _rule(CLAIMS, "get"),  # whether what profiles name is there
        _rule(SERVICE_ACCOUNTS, "get"),
        _rule(EVENTS, "create"),
    ]


def queue_rules() -> list[Object]:
    """Additional rules where a queue of the cluster admits its Jobs: read why one waits, and whether the
    queue is there."""
    return [_rule(WORKLOADS[0], "list"), _rule(LOCAL_QUEUES[0], "get")]


def class_rules() -> list[Object]:
    """Additional rules, for a ClusterRole: whether the classes that profiles name are there. They belong to
    no namespace, so without these rules a missing one shows only in its pods."""
    return [_rule(each, "get") for each in (PRIORITY_CLASSES, RUNTIME_CLASSES, WORKLOAD_PRIORITY_CLASSES[0])]


def user_roles() -> tuple[Object, Object, Object]:
    """ClusterRoles that add our kinds to Kubernetes' own `view`, `edit` and `admin`, each of which includes
    the one before it.

    Whoever has `edit` may run batches and enrol voices. A profile says which images run with which volumes,
    and what may be fetched: it is for admins.
    """
    view = [_rule(kind, *READ) for kind in (BATCHES, SCHEDULES, PROFILES, SPEAKERS)]
    edit = [_rule(kind, *WRITE) for kind in (BATCHES, SCHEDULES, SPEAKERS)]
    return _added_to("view", view), _added_to("edit", edit), _added_to("admin", [_rule(PROFILES, *WRITE)])


def _rule(resource: Resource, *verbs: str, subresource: str | None = None) -> Object:
    plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
    return {"apiGroups": [resource.group], "resources": [plural], "verbs": list(verbs)}


def _added_to(role: str, its_rules: Sequence[Object]) -> Object:
    labels = {f"{RBAC}/aggregate-to-{role}": "true"}
    metadata = {"name": f"{GROUP}:{role}", "labels": labels}
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": list(its_rules)}
