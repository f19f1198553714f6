"""`python -m scripts.audit`: known vulnerabilities in what the locks install, looked up in the open database
of advisories (osv.dev).

pip-audit asks, and every pin of every lock is asked for. Without a network nothing is audited, and the
command says so and fails: an audit that could not be made must not look like one that found nothing.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

from scripts.environment import LOCKS, cache_folder, say, uv_program

TOOL = "pip-audit==2.10.1"
CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 2


def main() -> int:
    """0: nothing is known. 1: something is. 2: nobody could be asked."""
    locks = sorted(LOCKS.glob("*.txt"))
    say(f"asking for advisories about {', '.join(lock.name for lock in locks)}")
    files = [word for lock in locks for word in ("--requirement", str(lock))]
    command = [str(uv_program(cache_folder())), "tool", "run", "--quiet", TOOL]
    options = [
        "--vulnerability-service",
        "osv",
        "--disable-pip",
        "--require-hashes",
        "--progress-spinner",
        "off",
        "--format",
        "json",
    ]
    run = subprocess.run([*command, *options, *files], check=False, capture_output=True, text=True)
    lines, code = report(run.stdout, run.stderr)
    print("\n".join(lines))
    return code


def report(found: str, said: str) -> tuple[Sequence[str], int]:
    """What pip-audit found (its JSON) or said instead, as lines for people and an exit code."""
    try:
        packages = json.loads(found)["dependencies"]
    except (ValueError, KeyError, TypeError):
        why = said.strip().splitlines()[-1] if said.strip() else "pip-audit said nothing"
        return [
            f"Nothing was audited: {why}",
            "The advisories are asked for over the network; run this where there is one.",
        ], NOT_AUDITED
    known = {
        f"{package['name']} {package['version']}: {each['id']}{_fixed_in(each)}"
        for package in packages
        for each in package.get("vulns", ())
    }
    left_out = [
        f"{package['name']} was not audited: {package['skip_reason']}"
        for package in packages
        if "skip_reason" in package
    ]
    head = f"{len(packages)} packages, {len(known)} advisories"
    return [*sorted(known), *left_out, head], VULNERABLE if known else NOT_AUDITED if left_out else CLEAN


def _fixed_in(advisory: dict[str, Sequence[str]]) -> str:
    versions = advisory.get("fix_versions") or ()
    return f", mended in {', '.join(versions)}" if versions else ", not mended yet"


if __name__ == "__main__":
    sys.exit(main())
