"""`ingestctl completion`: the lines by which a shell completes the command."""

from enum import StrEnum
from typing import Annotated, Final

import typer
from typer._completion_shared import get_completion_script

from ingestctl.commands.app import app

VARIABLE: Final = "_INGESTCTL_COMPLETE"
"""By this variable the shell asks the command for what may follow."""


class Shell(StrEnum):
    """The shells that can be asked for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command(
    epilog="Examples: source <(ingestctl completion bash); "
    "ingestctl completion zsh > ~/.zfunc/_ingestctl; "
    "ingestctl completion fish > ~/.config/fish/completions/ingestctl.fish"
)
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="Your shell: bash, zsh or fish.")],
) -> None:
    """Print the lines by which a shell completes commands: load them, or keep them in its folder."""
    print(get_completion_script(prog_name="ingestctl", complete_var=VARIABLE, shell=shell.value))


def candidates(arguments: list[str]) -> list[str]:
    """What may follow these arguments, the last of which is being written."""
    from typer._completion_classes import BashComplete
    from typer.main import get_command

    from ingestctl.commands.every import app as with_every_command

    complete = BashComplete(get_command(with_every_command), {}, "ingestctl", VARIABLE)
    *before, incomplete = arguments or [""]
    return [item.value for item in complete.get_completions(before, incomplete)]
