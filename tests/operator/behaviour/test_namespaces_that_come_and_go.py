"""A watched namespace that is deleted, and made again: the operator serves the others meanwhile, begins
without it, is ready, and serves it as soon as it is back."""

import json
from contextlib import ExitStack
from http import HTTPStatus

import pytest

from ingest_operator.kube.api.names import MANAGER
from ingest_operator.kube.operator import Options
from testkit.cluster.program import until
from testkit.cluster.running_operator import RunningOperator
from testkit.cluster.scene import Scene
from tests.support.operator_pages import Pages

AWAY = 'video_ingest_namespace_out_of_reach{{namespace="{}"}} {}.0'


def test_an_operator_begins_without_a_namespace_that_is_gone_and_serves_it_when_it_is_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, pages = f"{scene.namespace}-returns", Pages()
    scene.allow()
    monkeypatch.setenv("KUBECONFIG", str(scene.plane.kubeconfig_of(scene.namespace, MANAGER)))
    options = Options((scene.namespace, other), pages.port, sweep_seconds=1.0)
    with ExitStack() as ends:
        ends.enter_context(RunningOperator(options))
        until(lambda: pages.get("readyz")[0] == HTTPStatus.OK, "it is ready")
        away = json.loads(pages.get("readyz")[1])["outOfReach"]
        assert len(away) == 12
        assert all(each.endswith(f" in {other}") for each in away)
        assert AWAY.format(other, 1) in pages.get("metrics")[1]
        assert AWAY.format(scene.namespace, 0) in pages.get("metrics")[1]
        scene.play()
        scene.batch()
        scene.until_state("Complete")

        scene.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
        account = f"/api/v1/namespaces/{other}/serviceaccounts/default"
        until(lambda: scene.admin.send("GET", account)[0] == 200, "pods can be made there")
        scene.allow(other)
        back = Scene(scene.plane, other, ends)
        back.secret()
        back.profile()
        back.play()
        back.batch()
        back.until_state("Complete")
        until(lambda: json.loads(pages.get("readyz")[1])["outOfReach"] == [], "it counts again")
        assert pages.get("readyz")[0] == HTTPStatus.OK
        assert AWAY.format(other, 0) in pages.get("metrics")[1]
