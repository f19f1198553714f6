"""The commands of docs/operating.md do what the page says, in its order, on a batch called `talks`."""

import re
import shlex
from pathlib import Path

from testkit.cluster.program import until
from testkit.cluster.scene import Scene

PAGE = Path(__file__).parents[3] / "docs" / "operating.md"


def commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    whole = [re.sub(r"\\\n *", "", block) for block in blocks]
    lines = [line for block in whole for line in block.splitlines() if line.startswith("kubectl ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_every_command_of_the_page_works(scene: Scene) -> None:
    scene.profile(pods={"models": {"hostPath": "/srv/models"}})  # there, as far as anybody can look it up
    scene.play()
    scene.operate()
    scene.batch()
    answers = [scene.kubectl(*command) for command in commands()]
    assert len(answers) > 8
    assert "STATE" in answers[0]
    assert "condition met" in answers[2]
    assert any('"talks" deleted' in answer for answer in answers)
    until(lambda: scene.left() == [], "nothing of it is left")
