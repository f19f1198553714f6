"""Which cluster is meant, as kubectl would understand it, and a sentence where none can be."""

import asyncio
from pathlib import Path

import pytest
import yaml

from ingest_operator.kube.api.client import connected
from ingest_operator.kube.api.kubeconfig import Chosen, KubeconfigError, Target, chosen


@pytest.fixture(autouse=True)
def _outside_a_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def a_config(path: Path, *contexts: str, current: str | None = None, namespace: str | None = None) -> Path:
    context = {"cluster": "c", "user": "u"} | ({"namespace": namespace} if namespace else {})
    document: dict[str, object] = {"users": [{"name": "u", "user": {}}]}
    document["contexts"] = [{"name": name, "context": dict(context)} for name in contexts]
    path.write_text(yaml.safe_dump(document | ({"current-context": current} if current else {})))
    return path


def test_the_current_context_and_its_namespace_count_where_nothing_is_named(tmp_path: Path) -> None:
    path = str(a_config(tmp_path / "a", "prod", "test", current="test", namespace="talks"))
    assert chosen(Target(path)) == Chosen(path, "test", "talks")
    assert chosen(Target(path, "prod")).context == "prod"


def test_a_context_without_a_namespace_means_the_default_one(tmp_path: Path) -> None:
    assert chosen(Target(str(a_config(tmp_path / "a", "prod", current="prod")))).namespace == "default"


def test_of_several_files_the_first_that_names_something_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = a_config(tmp_path / "a", "prod", namespace="one")
    second = a_config(tmp_path / "b", "prod", "test", current="prod", namespace="two")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{first}:{second}")
    found = chosen(Target())
    assert (found.context, found.namespace) == ("prod", "one")


def test_a_pod_means_its_own_cluster_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    assert chosen(Target()) == Chosen(None, "in-cluster", "default")
    monkeypatch.setenv("KUBECONFIG", "")
    assert chosen(Target()).path is None, "an empty variable names no file"
    assert chosen(Target(str(a_config(tmp_path / "a", "prod", current="prod")))).context == "prod"


@pytest.mark.parametrize(
    ("text", "context", "said"),
    [
        (None, None, "there is no kubeconfig at"),
        ("contexts: [{name: prod, context: {}}]", None, "has no current context"),
        (
            "{contexts: [{name: prod, context: {}}], current-context: gone}",
            None,
            "no context 'gone': there: prod",
        ),
        ("contexts: [{name: production, context: {}}]", "producton", r"did you mean production\?"),
        ("{contexts: [{name: a, context: {}}], current-context: a}", None, "'a' names no user: log in"),
        ("contexts: [", None, "cannot be read.*--kubeconfig"),
        (
            "{contexts: [{name: a, context: {user: ann}}], users: [{name: ann}, 7], current-context: a}",
            None,
            "names the user 'ann', who is not there: log in",
        ),
        ("[]", None, "holds no configuration"),
        ("{contexts: 7, current-context: a}", None, "no context 'a': there: none"),
        ("{contexts: [7, {name: a}, {name: a, context: 3}], current-context: a}", None, "there: none"),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(
    tmp_path: Path, text: str | None, context: str | None, said: str
) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    with pytest.raises(KubeconfigError, match=said):
        chosen(Target(str(path), context))


def test_bytes_that_are_no_text_are_named_too(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KubeconfigError, match="cannot be read"):
        chosen(Target(str(path)))


@pytest.mark.parametrize(
    "authority", ["certificate-authority: /nope/ca.crt", 'certificate-authority-data: "AAAA"']
)
def test_a_certificate_that_is_none_is_a_fault_of_the_kubeconfig(tmp_path: Path, authority: str) -> None:
    path = tmp_path / "config"
    path.write_text(
        "{current-context: a, contexts: [{name: a, context: {cluster: c, user: u}}],\n"
        "users: [{name: u, user: {}}],"
        f"clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1', {authority}}}}}]}}"
    )

    async def opened() -> None:
        async with connected(target=Target(str(path))):
            pass

    with pytest.raises(KubeconfigError, match="log in to the cluster again"):
        asyncio.run(opened())
