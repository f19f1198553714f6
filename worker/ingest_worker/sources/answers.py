"""What the process that fetches may say to the one that started it. Called by `apart`.

Foreign pages have been met by whoever says it: each value is checked before it is used.
"""

from ingest_worker.planning import MAX_ADDRESS_CHARACTERS
from ingest_worker.sources.child_reports import garbled


def languages(said: object) -> dict[str, str | None]:
    """Ids, and the language of each. Raises `StageError` for what cannot be any."""
    if not isinstance(said, dict):
        raise garbled()
    named = [language for language in said.values() if language is not None]
    if named:
        texts(named)
    return dict(zip(texts([*said]), said.values(), strict=True))


def texts(said: object) -> list[str]:
    """Ids or addresses. Raises `StageError` for what cannot be any."""
    if not isinstance(said, list) or not all(
        isinstance(each, str) and 0 < len(each) <= MAX_ADDRESS_CHARACTERS for each in said
    ):
        raise garbled()
    return said
