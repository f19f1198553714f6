"""The commands of docs/command-line.md, by the heading above them."""

import re
import shlex
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def commands_under(heading: str) -> list[list[str]]:
    """The arguments of each line, program included."""
    text = PAGE.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [shlex.split(line, comments=True) for line in block.splitlines()]
