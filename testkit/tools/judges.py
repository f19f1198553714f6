"""What those who wait for objects make of one: kstatus, Flux's health check expressions, Argo CD's Lua, each
by its own library."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from testkit.tools.programs import program

Json = dict[str, Any]
Verdict = tuple[str, str]
"""(what the judge calls it, why)."""


class RefusedByJudge(Exception):  # noqa: N818 -- what it did
    """The expression or the script is not one."""


def _ask(question: Json) -> Verdict:
    run = subprocess.run(
        [program("judges")],
        input=json.dumps(question) + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    said = json.loads(run.stdout)
    if said.get("error"):
        raise RefusedByJudge(said["error"])
    return said["status"], said["message"]


def kstatus(thing: Json) -> Verdict:
    """What kubectl's and Flux's library says without being told anything about our kinds."""
    return _ask({"judge": "kstatus", "object": thing})


def flux(thing: Json, expressions: Mapping[str, str]) -> Verdict:
    """What a Flux Kustomization says that has these expressions."""
    return _ask({"judge": "flux", "object": thing, "expressions": dict(expressions)})


def argocd(thing: Json, script: str) -> Verdict:
    """What Argo CD says that has this script."""
    return _ask({"judge": "argocd", "object": thing, "script": script})
