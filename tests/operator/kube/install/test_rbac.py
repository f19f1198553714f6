"""The real authorizer on the operator's rules: all of them are granted, and nothing else is."""

from collections.abc import Iterable, Iterator

import pytest

from ingest_operator.kube.install.rbac import rules, user_roles
from testkit.cluster.authority import Right, allowed, granted, known_rights
from testkit.cluster.client import Refused
from testkit.cluster.control_plane import ControlPlane
from testkit.cluster.program import until
from testkit.cluster.roles import Account, cluster_role_objects, role_objects


class Office:
    """Gives rights, and asks who has which."""

    def __init__(self, plane: ControlPlane, namespace: str, known: list[Right]) -> None:
        self.plane, self.account, self.known = plane, Account(namespace), known
        self.made: list[str] = []

    def give(self, *objects: dict) -> None:
        """Grant them, and wait until the authorizer has heard of it."""
        for each in objects:
            self.plane.admin.apply(each)
            self.made.append(self.plane.admin.path_of(each))
        if any(
            each["kind"].endswith("Binding") and each["subjects"][0]["kind"] == "ServiceAccount"
            for each in objects
        ):
            one = Right("batch", "jobs", "list")
            until(lambda: bool(self.rights(self.account.namespace, [one])), "the binding holds")

    def rights(self, namespace: str | None, of: Iterable[Right]) -> set[Right]:
        """Those that the operator's account has."""
        return rights_of(self.plane, self.account, namespace, of)


def rights_of(
    plane: ControlPlane, account: Account, namespace: str | None, of: Iterable[Right]
) -> set[Right]:
    groups = ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{account.namespace}")
    return allowed(
        plane.admin, f"system:serviceaccount:{account.namespace}:{account.name}", groups, namespace, of
    )


@pytest.fixture(scope="module")
def known(control_plane: ControlPlane) -> list[Right]:
    """Everything that can be done, but for what any account may do, such as asking what it may do."""
    everything = known_rights(control_plane.admin)
    anybody = rights_of(control_plane, Account("default", "anybody"), None, everything)
    return [right for right in everything if right not in anybody]


@pytest.fixture
def office(control_plane: ControlPlane, namespace: str, known: list[Right]) -> Iterator[Office]:
    made = Office(control_plane, namespace, known)
    yield made
    for path in reversed(made.made):
        control_plane.admin.delete(path)


def its_rights() -> set[Right]:
    return set(granted(rules()))


def test_in_its_namespace_the_operator_has_these_rights_and_no_others_and_beyond_it_none(
    office: Office,
) -> None:
    office.give(*role_objects(office.account.namespace, office.account))
    assert office.rights(office.account.namespace, office.known) == its_rights()
    for elsewhere in ("default", None):
        assert office.rights(elsewhere, its_rights()) == set()


def test_in_the_whole_cluster_the_operator_has_these_rights_and_no_others(office: Office) -> None:
    office.give(*cluster_role_objects(office.account))
    assert office.rights(None, office.known) == its_rights()


def test_every_resource_of_the_rules_is_one_that_the_server_knows(known: list[Right]) -> None:
    resources = {(right.group, right.resource) for right in known}
    assert {(right.group, right.resource) for right in its_rights()} <= resources


def test_no_rule_reaches_secrets_or_everything() -> None:
    resources = {right.resource for right in its_rights()}
    assert not resources & {"secrets", "*", "pods/exec", "serviceaccounts/token"}
    assert not {right.verb for right in its_rights()} & {
        "*",
        "impersonate",
        "bind",
        "escalate",
        "deletecollection",
    }


def test_the_operator_cannot_read_a_secret_even_when_it_serves_the_whole_cluster(office: Office) -> None:
    namespace = office.account.namespace
    office.give(*cluster_role_objects(office.account))
    operator = office.plane.client_of(namespace, office.account.name)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "video-ingest-store", "namespace": namespace},
    }
    office.plane.admin.create(secret | {"stringData": {"dsn": "postgresql://a"}})
    assert operator.send("GET", f"/api/v1/namespaces/{namespace}/pods")[0] == 200
    for path in (
        f"namespaces/{namespace}/secrets/video-ingest-store",
        f"namespaces/{namespace}/secrets",
        "secrets",
    ):
        assert office.plane.admin.get(f"/api/v1/{path}")
        with pytest.raises(Refused, match="secrets") as refusal:
            operator.get(f"/api/v1/{path}")
        assert refusal.value.status == 403


def test_the_operator_cannot_change_the_spec_of_a_batch(office: Office) -> None:
    namespace = office.account.namespace
    office.give(*role_objects(namespace, office.account))
    batch = {
        "apiVersion": "video-ingest.dev/v1alpha1",
        "kind": "IngestBatch",
        "metadata": {"name": "talks", "namespace": namespace},
    }
    made = office.plane.admin.create(
        batch | {"spec": {"sources": [{"url": "https://media.example.org/talks"}]}}
    )
    operator, path = office.plane.client_of(namespace, office.account.name), office.plane.admin.path_of(batch)
    assert (
        operator.request("PUT", f"{path}/status", made | {"status": {"state": "Running"}})["status"]["state"]
        == "Running"
    )
    for refused in (("PUT", path), ("PATCH", path)):
        assert operator.send(*refused, made, "application/merge-patch+json")[0] == 403


READ = {"get", "list", "watch"}
WRITE = {"create", "update", "patch", "delete", "deletecollection"}


@pytest.mark.parametrize(
    ("role", "batches", "profiles"),
    [("view", READ, READ), ("edit", READ | WRITE, READ), ("admin", READ | WRITE, READ | WRITE)],
)
def test_people_who_may_see_edit_or_administer_a_namespace_may_do_so_with_our_kinds(
    office: Office, role: str, batches: set[str], profiles: set[str]
) -> None:
    office.give(*user_roles())
    namespace = office.account.namespace
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "ann", "namespace": namespace},
    }
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    office.give(
        binding
        | {
            "roleRef": reference,
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "ann"}],
        }
    )
    ours = [right for right in office.known if right.group == "video-ingest.dev"]

    def verbs(resource: str) -> set[str]:
        return {
            right.verb
            for right in allowed(office.plane.admin, "ann", (), namespace, ours)
            if right.resource == resource
        }

    until(
        lambda: (verbs("ingestbatches"), verbs("ingestprofiles")) == (batches, profiles),
        f"the {role} role has our kinds",
        seconds=20,
    )
    assert verbs("ingestbatches/status") == set()
