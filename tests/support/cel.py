"""Just enough of an API server to ask what its rules would say: structural defaults, and the few forms of CEL
that our rules use.

The real server answers in the cluster tests; here it is asked a thousand times a second. A form that is not
known raises.
"""

import re
from typing import Any

Json = dict[str, Any]

_FORMS = (
    (re.compile(r"(self|oldSelf)\.sources\.size\(\)"), r"count[\1.sources]"),
    (re.compile(r"(\[[\d, ]*\])\.all\((\w+), ([^)]*)\)"), r"all(\3 for \2 in \1)"),
    (re.compile(r"self\.(\w+)\.(\w+)\.size\(\)"), r"len(self['\1']['\2'])"),
    (re.compile(r"self\.(\w+)\.(\w+)\.(\w+)\.size\(\)"), r"len(self['\1']['\2']['\3'])"),
    (re.compile(r"has\((self|oldSelf)\.(\w+)\)"), r"('\2' in \1)"),
    (re.compile(r"has\(self\.(\w+)\.(\w+)\)"), r"('\2' in self['\1'])"),
    (re.compile(r"has\((\w+)\.(\w+)\)"), r"'\2' in \1"),
    (re.compile(r"(\w+(?:\.\w+)*)\.exists\((\w+), ([^)]*)\)"), r"any(\3 for \2 in \1)"),
    (re.compile(r"(\w+(?:\.\w+)*)\.all\((\w+), ([^)]*)\)"), r"all(\3 for \2 in \1)"),
    (re.compile(r"(\[.*\])\.filter\((\w+), ([^)]*)\)\.size\(\)"), r"len([\2 for \2 in \1 if \3])"),
    (re.compile(r"\b(self|oldSelf)\.(\w+)"), r"\1['\2']"),
    (re.compile(r"&&"), " and "),
    (re.compile(r"\|\|"), " or "),
    (re.compile(r"!(?!=)"), " not "),
)
_UNDERSTOOD = re.compile(r"[\w\s'\[\]().,=<+]|and|or|not|in|all|any|len|for|if")


class _Count:
    """`len`, as a form that has no parentheses."""

    def __getitem__(self, entries: list[Any]) -> int:
        return len(entries)


def holds(rule: str, new: Json, old: Json | None = None) -> bool:
    """Whether a CEL rule holds of an object, or of a change to one."""
    text = rule
    for form, python in _FORMS:
        text = form.sub(python, text)
    if left := _UNDERSTOOD.sub("", text):
        raise ValueError(f"{left!r} in {rule!r} is a form that this does not know")
    known = {"__builtins__": {}, "all": all, "any": any, "len": len, "count": _Count()}
    known |= {"self": new, "oldSelf": old}
    return bool(eval(text, known))  # noqa: S307 -- our own rules


def broken(schema: Json, new: Any, old: Any = None, path: str = "") -> list[str]:
    """`<path>: <message>` of every rule that does not hold; rules about a change are asked only where there
    is an old value."""
    asked = [
        rule
        for rule in schema.get("x-kubernetes-validations", ())
        if "oldSelf" not in rule["rule"] or old is not None
    ]
    found = [f"{path}: {rule['message']}" for rule in asked if not holds(rule["rule"], new, old)]
    if isinstance(new, dict):
        for name, field in schema.get("properties", {}).items():
            if name in new:
                found += broken(field, new[name], (old or {}).get(name), f"{path}.{name}" if path else name)
    if isinstance(new, list):
        for position, entry in enumerate(new):
            found += broken(schema["items"], entry, None, f"{path}[{position}]")
    return found


def defaulted(schema: Json, value: Any) -> Any:
    """The value as an API server would store it: defaults filled in, from the outside in."""
    if isinstance(value, list):
        return [defaulted(schema["items"], entry) for entry in value]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for name, field in schema.get("properties", {}).items():
        if name not in filled and "default" in field:
            filled[name] = field["default"]
        if name in filled:
            filled[name] = defaulted(field, filled[name])
    return filled
