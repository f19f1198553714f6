"""Answers of the API server. Anything else than it would say does not come from one, so the result of our
request is unknown. Pure."""

import json
from typing import Any

from ingest_operator.kube.api.errors import UnreachableError
from ingest_operator.kube.api.resources import Object


def json_in(content: bytes) -> Any:
    """An answer as JSON. Raises `UnreachableError`, as all here."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise UnreachableError("NotJson", f"the answer is no JSON: {content[:100]!r}") from error


def names_in(content: bytes, of: str) -> frozenset[str]:
    """The names in an answer of the server's discovery."""
    try:
        return frozenset(each["name"] for each in json_in(content)[of])
    except (LookupError, TypeError) as error:
        raise UnreachableError("NotDiscovery", f"the answer has no {of}: {content[:100]!r}") from error


def object_in(content: bytes) -> Object:
    """An answer as an object or list."""
    answer = json_in(content)
    if not isinstance(answer, dict) or "metadata" not in answer:
        raise UnreachableError("NotAnObject", f"the answer is no object: {content[:100]!r}")
    return answer
