"""A site that refuses a plan is left alone by every batch, charges nobody, and is tried by one plan; other
sites' plans go on."""

import time
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.sites import SiteReport
from ingest_operator.core import plan_sites
from testkit.cluster.life import Life, told
from testkit.cluster.lives import is_plan, sequence
from testkit.cluster.scene import Scene, stalled_by
from testkit.objects.builders import a_failure

TUBE = {"url": "https://www.youtube.com/@talks"}
WAIT_SECONDS = 60


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_sites, "NEWS_SECONDS", WAIT_SECONDS - 5.0)


class Tube:
    """A site that takes whoever asks it first for a robot."""

    def __init__(self) -> None:
        self.asked_seconds: list[float] = []

    def __call__(self, pod: dict[str, Any]) -> Life:
        name = pod["metadata"]["name"]
        if is_plan(pod) and not name.startswith("other-"):
            self.asked_seconds.append(time.monotonic())
            if len(self.asked_seconds) == 1:
                refused = a_failure(Reason.BOT_CHECK, message="Sign in", retry_after=WAIT_SECONDS)
                return Life(end=told(refused.model_copy(update={"site": SiteReport(name="youtube")})))
        return sequence({})(pod)


def test_a_plan_that_is_taken_for_a_robot_stops_its_site_for_all_and_one_plan_probes_it(scene: Scene) -> None:
    tube = Tube()
    scene.play(tube)
    scene.operate()
    scene.batch(sources=[TUBE])
    assert "Sign in" in scene.until_stalled("BotCheck")["message"]
    scene.batch("twin", sources=[TUBE])
    scene.batch("other")
    assert "youtube: " in scene.until_stalled("BotCheck", "twin")["message"]
    scene.until_state("Complete", "other")
    for name in ("talks", "twin"):
        status = scene.until_state("Complete", name)
        assert stalled_by(status) is None
        assert status["counts"]["failed"] == 0
        assert not any(row.get("chargedAttempts") for row in status.get("recordings", ()))
    refused, probed, _ = tube.asked_seconds
    assert probed - refused > WAIT_SECONDS - 1.0, "until the site has had its time, no batch asks it"
    path = scene.path().replace("ingestbatches/talks", "ingestprofiles/default")
    assert scene.admin.get(path)["status"].get("sites", []) == []
