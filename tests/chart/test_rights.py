"""Who may do what: roles, accounts, tokens and the policy, as the operator says that they should be."""

import pytest

from ingest_operator.kube.install.managed_fields_policy import untracked
from ingest_operator.kube.install.rbac import class_rules, queue_rules, rules, user_roles
from tests.support.chart import CASES, NAMESPACE, RELEASE, case, objects_in, of_kind, pods_in, template


def test_the_operator_has_the_rules_that_the_tests_ask_the_authorizer_about_and_no_others() -> None:
    (everywhere,) = [
        each
        for each in of_kind(case("cluster-wide"), "ClusterRole")
        if each["metadata"]["name"] == f"{RELEASE}-{NAMESPACE}"
    ]
    assert everywhere["rules"] == rules()
    roles = of_kind(case("namespaces"), "Role")
    assert {role["metadata"]["namespace"] for role in roles} == {"media", "research"}
    assert all(role["rules"] == rules() for role in roles)
    assert (
        of_kind(case("namespaces"), "ClusterRole") + of_kind(case("namespaces"), "ClusterRoleBinding") == []
    )


def test_by_default_the_operator_serves_the_releases_own_namespace_and_has_no_right_beyond() -> None:
    assert {role["metadata"]["namespace"] for role in of_kind(case("default"), "Role")} == {NAMESPACE}
    assert of_kind(case("default"), "ClusterRoleBinding") == []
    (operator,) = of_kind(case("default"), "Deployment")
    assert f"--namespace={NAMESPACE}" in operator["spec"]["template"]["spec"]["containers"][0]["args"]


def test_classes_are_looked_up_only_where_somebody_allows_it_and_by_name_alone() -> None:
    def given(**settings: bool) -> dict[str, list]:
        made = objects_in(template(settings={f"rbac.{name}": value for name, value in settings.items()}))
        return {
            each["metadata"]["name"]: each["rules"]
            for each in made
            if each["kind"] in ("Role", "ClusterRole") and each["metadata"]["name"].startswith(RELEASE)
        }

    assert given() == {RELEASE: rules()}
    allowed = given(classes=True, queues=True)
    assert allowed.pop(f"{RELEASE}-{NAMESPACE}-classes") == class_rules()
    assert allowed == {RELEASE: [*rules(), *queue_rules()]}
    assert {verb for rule in class_rules() for verb in rule["verbs"]} == {"get"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("cluster-wide", "ClusterRoleBinding"), ("default", "RoleBinding"), ("namespaces", "RoleBinding")],
)
def test_the_rules_are_given_to_the_account_that_the_operator_runs_as(name: str, kind: str) -> None:
    (operator,) = of_kind(case(name), "Deployment")
    account = operator["spec"]["template"]["spec"]["serviceAccountName"]
    bindings = of_kind(case(name), kind)
    assert bindings
    for binding in bindings:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": account}]
        given = of_kind(case(name), binding["roleRef"]["kind"])
        assert binding["roleRef"]["name"] in [role["metadata"]["name"] for role in given]


def test_people_get_what_the_operator_says_they_should() -> None:
    made = {each["metadata"]["name"]: each["rules"] for each in of_kind(case("default"), "ClusterRole")}
    wanted = {each["metadata"]["name"]: each for each in user_roles()}
    assert {name: made[name] for name in wanted} == {name: role["rules"] for name, role in wanted.items()}
    for role in of_kind(case("default"), "ClusterRole"):
        if role["metadata"]["name"] in wanted:
            assert (
                role["metadata"]["labels"].items()
                >= wanted[role["metadata"]["name"]]["metadata"]["labels"].items()
            )


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_policy_against_managed_fields_is_the_one_that_is_tried_in_force(version: str) -> None:
    kinds = ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
    found = [
        each
        for each in objects_in(template(settings={"untracked.version": version}))
        if each["kind"] in kinds
    ]
    for each in found:
        assert each["metadata"].pop("labels")["app.kubernetes.io/instance"] == RELEASE
    assert tuple(found) == untracked(version)
    assert not [each for each in case("default") if each["kind"] in kinds]


@pytest.mark.parametrize("name", CASES)
def test_only_the_operator_has_a_token_and_nobody_but_the_migration_sees_the_owner(name: str) -> None:
    for which, spec in pods_in(case(name)).items():
        operator = which.startswith("Deployment/") and not which.endswith(("-try-out", "-reader"))
        assert spec["automountServiceAccountToken"] is operator, which
        secrets = {
            variable["valueFrom"]["secretKeyRef"]["name"]
            for container in spec["containers"]
            for variable in container.get("env", ())
            if "valueFrom" in variable
        }
        expected = {
            "migrate": {"video-ingest-store-owner"},
            "fetch": {"hub"} if name in ("everything", "try-out") else set(),
        }
        if which.startswith("Job/"):
            assert secrets == next(seen for part, seen in expected.items() if f"-{part}-" in which)
        elif which.endswith("-reader"):
            assert secrets == {"video-ingest-store-reader"}
        else:
            assert secrets <= {"video-ingest-store", "postgres"}


def test_two_releases_of_one_name_have_roles_of_their_own() -> None:
    names = {
        each["metadata"]["name"]
        for kind in ("ClusterRole", "ClusterRoleBinding")
        for each in of_kind(case("cluster-wide"), kind)
    }
    assert {name for name in names if name.startswith(RELEASE)} == {f"{RELEASE}-{NAMESPACE}"}
