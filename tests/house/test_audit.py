"""An audit that could not be made does not look like one that found nothing."""

import json

from scripts.audit import CLEAN, NOT_AUDITED, VULNERABLE, report


def found(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


FINE = {"name": "pyyaml", "version": "6.0.3", "vulns": []}
HOLED = {
    "name": "torch",
    "version": "2.9.1",
    "vulns": [{"id": "CVE-2026-24747", "fix_versions": ["2.10.0"], "aliases": []}],
}


def test_nothing_known_is_clean_and_says_how_much_was_asked_for() -> None:
    assert report(found(FINE), "") == (["1 packages, 0 advisories"], CLEAN)


def test_an_advisory_is_reported_once_with_the_version_that_fixes_it() -> None:
    lines, code = report(found(FINE, HOLED, HOLED), "Found 1 known vulnerability")
    assert (lines[0], code) == ("torch 2.9.1: CVE-2026-24747, mended in 2.10.0", VULNERABLE)
    assert lines[-1] == "3 packages, 1 advisories"


def test_without_a_network_it_says_that_nothing_was_audited() -> None:
    for out in ("", "not JSON", "[]", "{}"):
        lines, code = report(
            out, "WARNING: x\nERROR:pip_audit._cli:Could not connect to the vulnerability feed"
        )
        assert code == NOT_AUDITED
        assert (
            lines[0]
            == "Nothing was audited: ERROR:pip_audit._cli:Could not connect to the vulnerability feed"
        )


def test_a_package_that_nobody_could_ask_for_is_no_clean_one() -> None:
    lines, code = report(found(FINE, {"name": "ours", "skip_reason": "not in the database"}), "")
    assert (lines[0], code) == ("ours was not audited: not in the database", NOT_AUDITED)
