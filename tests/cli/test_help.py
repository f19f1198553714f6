"""What every command says about itself, how a shell completes it, and the page that lists them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from ingestctl.__main__ import complete_plugin
from ingestctl.commands.completion import Shell, candidates
from ingestctl.commands.every import app
from tests.support.command_page import PAGE, commands_under

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group has them
OF_BATCHES = ("list", "logs", "plan", "report", "resume", "retry", "suspend", "verify", "watch", "why")


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if name not in {"models", "voices", "tombstones"}]
)
def test_the_help_of_every_command_has_an_example(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"])
    assert (shown.exit_code, bool(re.search(r"Examples?:\s+\S+", shown.stdout))) == (0, True), shown.stdout


@pytest.mark.parametrize("name", OF_BATCHES)
def test_the_help_of_a_command_about_batches_names_its_exit_codes(name: str) -> None:
    assert "Exit code 0" in " ".join(CliRunner().invoke(app, [name, "--help"]).stdout.split())


@pytest.mark.parametrize("name", OF_BATCHES)
@pytest.mark.parametrize("width", [40, 200])
def test_help_fits_a_narrow_terminal_and_has_no_control_codes(name: str, width: int) -> None:
    shown = CliRunner().invoke(
        app, [name, "--help"], env={"COLUMNS": str(width), "TERMINAL_WIDTH": str(width)}
    )
    assert "\x1b" not in shown.stdout
    assert shown.exit_code == 0


def test_the_page_has_every_command_about_batches() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in (*OF_BATCHES, "export", "completion") if f" {name}" not in text] == []


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["wa"], ["watch"]),
        (["why", "--contex"], ["--context"]),
        (["list", "-o", "j"], ["json"]),
        (["completion", "z"], ["zsh"]),
    ],
)
def test_a_shell_is_offered_what_can_follow(typed: list[str], offered: list[str]) -> None:
    assert candidates(typed) == offered


def test_kubectl_is_offered_the_same_and_that_no_file_is_meant(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-ingest", "wa"])
    complete_plugin()
    assert capsys.readouterr().out.splitlines() == ["watch", ":4"]


@pytest.mark.parametrize("line", commands_under("In the shell"), ids=" ".join)
def test_the_lines_for_each_shell_are_printed_as_the_page_says(line: list[str]) -> None:
    shell = next(each.strip(")") for each in line if each.strip(")") in list(map(str, Shell)))
    shown = CliRunner().invoke(app, ["completion", shell])
    assert (shown.exit_code, "_INGESTCTL_COMPLETE" in shown.stdout) == (0, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_that_is_here_reads_its_lines(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(CliRunner().invoke(app, ["completion", shell]).stdout)
    try:
        done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"{shell} is not on this machine")
    assert (done.returncode, done.stderr) == (0, "")
