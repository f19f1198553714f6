"""Rewrites the residency plan's table of diarization with what was measured here. Pure."""

import re
from collections.abc import Mapping

ENTRY = re.compile(r"batch_(\d+)_mib")
PLANNED = re.compile(r"\((\d+), [\d_]+\)")
TABLE = re.compile(r"_DIARIZATION_MIB: Final = \(.*?\)\n\"\"\".*?\"\"\"\n", re.DOTALL)


def rewritten(source: str, measured: Mapping[str, object], gpu: str) -> str:
    """`residency.py` with the table of the row `residency`.

    Raises:
        ValueError: there is no such table, or a batch of it was not measured: of larger ones the plan would
            think by the largest that is left.
    """
    rows = [(int(found[1]), value) for name, value in measured.items() if (found := ENTRY.fullmatch(name))]
    there = TABLE.search(source)
    if there is None:
        raise ValueError("there is no table to rewrite")
    if missing := {int(batch) for batch in PLANNED.findall(there[0])} - {batch for batch, _ in rows}:
        raise ValueError(f"not measured, so the plan stays as it is: batches {sorted(missing)}")
    table = ", ".join(f"({batch}, {_mib(value)})" for batch, value in sorted(rows))
    told = (
        f'_DIARIZATION_MIB: Final = ({table})\n"""(batch up to, MiB): community-1 in fp32 on {gpu}, '
        'without the context (`make test-gpu`)."""\n'
    )
    return TABLE.sub(lambda _: told, source, count=1)


def _mib(value: object) -> str:
    return f"{int(str(value)):_}"
