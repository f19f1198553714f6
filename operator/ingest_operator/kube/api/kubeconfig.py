"""Which cluster is meant: a kubeconfig, and a context of it, as kubectl understands them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml

from ingest_contract.plain_yaml import load

_DEFAULT: Final = "~/.kube/config"
_OWN_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod finds the namespace that it belongs to."""


class KubeconfigError(Exception):
    """No cluster can be asked: no kubeconfig, one that cannot be read, or no such context in it. The text
    says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a user says about the cluster; both omitted: what kubectl would take."""

    kubeconfig: str | None = None
    """Path of the file."""
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The cluster that is meant."""

    path: str | None
    """The kubeconfig, or several as in $KUBECONFIG; None for the cluster that this pod belongs to."""
    context: str
    """The context's name; for a pod, `in-cluster`."""
    namespace: str
    """The namespace where none is named."""

    def unusable(self, error: Exception) -> KubeconfigError:
        """What is said of a file that is read and of no use."""
        place = self.path or "this pod"
        return KubeconfigError(f"context {self.context!r} of {place}: {error}: log in to the cluster again")


def chosen(target: Target) -> Chosen:
    """The cluster that a target means. Raises `KubeconfigError`."""
    path = target.kubeconfig or os.environ.get("KUBECONFIG") or None
    if path is None and target.context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        own = _OWN_NAMESPACE.read_text(encoding="utf-8").strip() if _OWN_NAMESPACE.exists() else "default"
        return Chosen(None, "in-cluster", own)
    path = path or _DEFAULT
    documents = tuple(_documents(path))
    if not documents:
        raise KubeconfigError(
            f"there is no kubeconfig at {path}: name one with --kubeconfig or $KUBECONFIG, "
            "or log in to the cluster with its provider's tool"
        )
    contexts = _named(documents, "contexts", "context")
    name = target.context or next(
        (str(each["current-context"]) for each in documents if each.get("current-context")), None
    )
    known = ", ".join(sorted(contexts)) or "none"
    if name is None:
        raise KubeconfigError(
            f"{path} has no current context: name one with --context, or run "
            f"`kubectl config use-context NAME`; there: {known}"
        )
    if name not in contexts:
        near = get_close_matches(name, contexts, 3)
        there = f"did you mean {' or '.join(near)}?" if near else f"there: {known}"
        raise KubeconfigError(f"{path} has no context {name!r}: {there}")
    context = contexts[name]["context"]
    user = context.get("user")
    if str(user) not in _named(documents, "users", "user"):  # the client's library takes none without one
        who = f"names the user {user!r}, who is not there" if user else "names no user"
        raise KubeconfigError(
            f"{path}: context {name!r} {who}: log in to the cluster with its provider's tool"
        )
    return Chosen(path, name, str(context.get("namespace") or "default"))


def _documents(paths: str) -> Iterator[dict[str, Any]]:
    for each in filter(None, paths.split(os.pathsep)):
        path = Path(each).expanduser()
        try:
            found = load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            said = " ".join(str(error).split())
            raise KubeconfigError(
                f"the kubeconfig {path} cannot be read: {said}: write it again, or name another with "
                "--kubeconfig"
            ) from error
        if not isinstance(found, dict):
            raise KubeconfigError(f"the kubeconfig {path} holds no configuration: write it again")
        yield found


def _named(documents: tuple[dict[str, Any], ...], several: str, one: str) -> dict[str, dict[str, Any]]:
    """Contexts or users by name; of two files that name one, the first counts, as for kubectl."""
    found: dict[str, dict[str, Any]] = {}
    for document in documents:
        listed = document.get(several)
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, dict) and "name" in each and isinstance(each.get(one), dict):
                found.setdefault(str(each["name"]), each)
    return found
