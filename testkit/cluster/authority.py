"""What somebody may do, asked of the real authorizer: one SubjectAccessReview per verb and resource that the
API server knows."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from testkit.cluster.client import Client

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
POWERS = (
    ("users", "", "impersonate"),
    ("serviceaccounts", "", "impersonate"),
    ("roles", "rbac.authorization.k8s.io", "bind"),
)
"""Verbs that no discovery lists and that would give away the rest; `escalate` is one more of roles."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One thing to do."""

    group: str
    resource: str
    """The plural, with its subresource: `pods/log`."""
    verb: str


def known_rights(admin: Client) -> list[Right]:
    """Every verb with every resource and subresource that the API server serves, and the powers beyond."""
    groups = admin.get("/apis")["groups"]
    versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
    found = {Right("*", "*", "*"), *(Right(group, resource, verb) for resource, group, verb in POWERS)}
    for version in versions:
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        group = version.rpartition("/")[0]
        found |= {
            Right(group, resource["name"], verb)
            for resource in admin.get(root)["resources"]
            for verb in VERBS
        }
    return sorted(found)


def allowed(
    admin: Client, user: str, groups: Iterable[str], namespace: str | None, rights: Iterable[Right]
) -> set[Right]:
    """Those of the rights that somebody has in a namespace, or in all of them."""
    their_groups = list(groups)

    def may(right: Right) -> bool:
        plural, _, subresource = right.resource.partition("/")
        about = {
            "group": right.group,
            "resource": plural,
            "subresource": subresource,
            "verb": right.verb,
            "namespace": namespace or "",
        }
        spec = {"user": user, "groups": their_groups, "resourceAttributes": about}
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(admin.request("POST", path, {**kind, "spec": spec})["status"]["allowed"])

    asked = list(rights)
    with ThreadPoolExecutor(8) as threads:
        return {right for right, answer in zip(asked, threads.map(may, asked), strict=True) if answer}


def granted(rules: Iterable[dict[str, list[str]]]) -> Iterator[Right]:
    """The rights that the rules of a role spell out."""
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from (Right(group, resource, verb) for verb in rule["verbs"])
