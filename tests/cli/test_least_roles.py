"""The Roles of docs/command-line.md on a real control plane: each command works with them, and needs each of
their rules."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest_contract.failures import Reason
from testkit.cluster.lives import fails, sequence
from testkit.cluster.program import until
from testkit.cluster.scene import Scene
from tests.cli.test_batches_of_a_cluster import command
from tests.support.command_line import CommandLine
from tests.support.command_page import PAGE

__all__ = ["command"]  # a fixture

pytestmark = pytest.mark.control_plane

Json = dict[str, Any]

LOOK, STEER = (
    each
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for each in yaml.safe_load_all(block)
)

LOOKING = (
    "list",
    "status talks",
    "watch talks",
    "why talks",
    "why talks 0",
    "logs talks 0",
    "logs talks 1 -f",
    "report talks",
)
STEERING = ("suspend talks", "suspend talks --kill", "resume talks", "retry talks 0", "retry talks")


def somebody(scene: Scene, name: str, *roles: Json) -> Path:
    """The kubeconfig of a person with these Roles in the namespace, and nothing else."""
    scene.plane.token_of(scene.namespace, name)
    for role in roles:
        given = role | {"metadata": {"name": f"{name}-{role['metadata']['name']}"}}
        scene.apply(given)
        scene.apply(
            {
                "apiVersion": role["apiVersion"],
                "kind": "RoleBinding",
                "metadata": given["metadata"],
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "Role",
                    "name": given["metadata"]["name"],
                },
                "subjects": [{"kind": "ServiceAccount", "namespace": scene.namespace, "name": name}],
            }
        )
    return scene.plane.kubeconfig_of(scene.namespace, name)


def one_verb_less(role: Json) -> Iterator[tuple[str, str, Json]]:
    """The Role without one verb on one resource, for each of them."""
    for place, rule in enumerate(role["rules"]):
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                others = [each for each in rule["resources"] if each != resource]
                left = [each for each in rule["verbs"] if each != verb]
                kept = [rule | {"resources": others}] if others else []
                kept += [rule | {"resources": [resource], "verbs": left}] if left else []
                rules = [*role["rules"][:place], *kept, *role["rules"][place + 1 :]]
                yield verb, resource, role | {"rules": rules}


def test_every_command_works_with_the_roles_of_the_page_and_each_rule_is_needed(
    scene: Scene, command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where reports go
    scene.play(
        sequence({0: [fails(Reason.NOT_FOUND)], 1: [replace(fails(Reason.UNDECODABLE), log="a line\n")]})
    )
    scene.operate()
    scene.batch()
    scene.until_state("CompleteWithFailures")
    look, both = somebody(scene, "look", LOOK), somebody(scene, "both", LOOK, STEER)

    def refused(line: str, kubeconfig: Path) -> str | None:
        said = command(*line.split(), "-n", scene.namespace, "--kubeconfig", kubeconfig)
        assert "Traceback" not in said.err, line
        heard = said.out + said.err  # `why` goes on without Events, and says that it has none
        return heard if " may not " in heard else None

    until(lambda: refused("list", both) is None and refused("list", look) is None, "the Roles are known")
    assert {line: refused(line, look) for line in LOOKING} == dict.fromkeys(LOOKING)
    for line in STEERING:
        assert "may not patch ingestbatches" in (refused(line, look) or ""), line
    for verb, resource, less in one_verb_less(LOOK):
        person = somebody(scene, f"{verb}-{resource.replace('/', '-')}", less)
        heard = [refused(line, person) or "" for line in (*LOOKING, "why nothing")]
        assert any(f'cannot {verb} resource "{resource}"' in each for each in heard), heard
    assert {line: refused(line, both) for line in STEERING} == dict.fromkeys(STEERING)
    scene.until_state("Complete")
