"""A constant that is a number says what it counts or measures: its name ends with the unit."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]

UNITS = {
    *("SECONDS", "MILLISECONDS", "DAYS"),
    *("BYTES", "MIB", "GIB", "CHARACTERS", "COLUMNS", "DIGITS", "TOKENS"),
    *("SAMPLES", "FRAMES", "AMPLITUDE", "RATE"),
    *("SHARE", "RATIO", "FACTOR", "DIVISOR", "PROBABILITY", "LOGPROB", "CORRELATION", "COSINE"),
    *("MINUTE", "SECOND", "BLOCK", "LEASE", "OCTAVE"),
}
"""What is measured: time, size, sound, relations; and `PER` something. A `RATE` is in Hz, an `AMPLITUDE`
is relative to full scale."""

COUNTED = {
    *(
        "ACTIONS",
        "ADDRESSES",
        "ATTEMPTS",
        "BLOCKS",
        "BOXES",
        "BUCKETS",
        "CANDIDATES",
        "CHUNKS",
        "COLOURS",
        "CONNECTIONS",
    ),
    *(
        "CPUS",
        "DECIMALS",
        "DELETIONS",
        "DIMENSIONS",
        "ENDS",
        "ENTRIES",
        "EVENTS",
        "FAILURES",
        "FILES",
        "FOLDERS",
    ),
    *(
        "GPUS",
        "GROUPS",
        "IDS",
        "ITEMS",
        "FIELDS",
        "JOBS",
        "LEVELS",
        "LINES",
        "MISTAKES",
        "NAMES",
        "NODES",
        "NOTIFICATIONS",
    ),
    *(
        "OBJECTS",
        "OUTCOMES",
        "PAGES",
        "PASSAGES",
        "PARTS",
        "PASSAGES",
        "PROBES",
        "RECORDINGS",
        "REPEATS",
        "RETRIES",
        "ROUNDS",
        "ROWS",
    ),
    *("RUNS", "SOURCES", "THREADS", "TIMES", "TOMBSTONES", "TURNS", "VECTORS", "VOICES", "WINDOWS", "WORDS"),
}
"""What is counted one by one."""

LABELS = {"EXIT", "FLAG", "KEY", "MODE", "OFFSET", "PORT", "SIGNAL", "UID", "VERSION", "WBITS"}
"""Numbers that are names of something."""

UNITLESS = {
    "EPSILON": "a number that only has to be small",
    "IGNORED": "stands in an array in the place of an index",
    "LARGEST": "the largest number of eight bits and a sign",
    "LAST_RUNG": "an index",
    "MAX_RUN_NUMBER": "an ordinal number",
    "MAX_SUM": "of seconds or of things, whatever was added up",
    "MIN_DEGREES_OF_FREEDOM": "a statistic",
    "NOBODY": "stands in an array in the place of an index",
    "NO_SPEAKER": "stands in an array in the place of an index",
    "SEED": "of random numbers",
    "SIGKILL": "the kernel's name",
    "SIGTERM": "the kernel's name",
    "_ZLIB_LEVEL": "zlib's own scale",
}
"""Numbers without a unit, and why."""

KERNEL = {
    "worker/ingest_worker/sandbox/kernel.py",
    "worker/ingest_worker/sandbox/seccomp.py",
    "worker/ingest_worker/store/reach.py",
}
"""Modules whose numbers have the names that the kernel's headers give them."""


def product() -> list[Path]:
    folders = (
        "crds/ingest_contract",
        "operator/ingest_operator",
        "worker/ingest_worker",
        "reader/ingest_reader",
        "cli/ingestctl",
    )
    found = (path for folder in folders for path in (HOUSE / folder).rglob("*.py"))
    return sorted(path for path in found if str(path.relative_to(HOUSE)) not in KERNEL)


def is_number(value: ast.expr | None) -> bool:
    """Whether an expression is a number as it is written: a literal, or computed from at least one."""
    match value:
        case ast.Constant(value=int() | float()):
            return not isinstance(value.value, bool)
        case ast.UnaryOp():
            return is_number(value.operand)
        case ast.BinOp():
            return is_number(value.left) or is_number(value.right)
        case ast.Call(func=ast.Name(id="round" | "int" | "float")):
            return True
    return False


def number_constants(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case _:
                continue
        if name.isupper() and is_number(value):
            yield name


def is_named_by_its_unit(name: str) -> bool:
    return name.rsplit("_", 1)[-1] in UNITS | COUNTED | LABELS or name in UNITLESS


@pytest.mark.parametrize("path", product(), ids=lambda path: path.stem)
def test_a_number_constant_ends_with_its_unit(path: Path) -> None:
    names = number_constants(ast.parse(path.read_text(encoding="utf-8")))
    assert [name for name in names if not is_named_by_its_unit(name)] == []


def test_every_word_of_the_lists_is_used() -> None:
    names = {
        name for path in product() for name in number_constants(ast.parse(path.read_text(encoding="utf-8")))
    }
    last_words = {name.rsplit("_", 1)[-1] for name in names}
    assert (UNITS | COUNTED | LABELS) - last_words == set()
    assert UNITLESS.keys() - names == set()
