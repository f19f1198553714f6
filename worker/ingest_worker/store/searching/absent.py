"""What a filter names and the store has not: an answer without hits would read as "nobody said it"."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ingest_contract.text import legible, spellings
from ingest_worker.store.connect import Connection
from ingest_worker.store.searching.values import Filters

_SHOWN_CHARACTERS: Final = 100
"""Of a value, as it is quoted back."""

_NAMED: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "speaker": ("label", "ingest.shown_speaker s join ingest.shown_recording r on r.current_run = s.run"),
        "recording": ("id", "ingest.shown_recording"),
        "channel": ("channel", "ingest.shown_recording"),
        "batch": ("batch", "ingest.shown_run"),
        "language": ("language", "ingest.shown_run"),
    }
)
"""The column that each filter is compared with, and where it is."""
_ALIKE: Final = (
    "select distinct {0} from {1} where lower({0}) = any(select lower(each) from unnest(%s::text[]) each) "
    "order by {0} limit 10"
)


def absent(connection: Connection, filters: Filters) -> tuple[str, ...]:
    """A sentence for each filter that nothing in the store fits, with what differs from it in case alone."""
    found = []
    for name, (column, table) in _NAMED.items():
        asked = getattr(filters, name)
        if asked is None:
            continue
        rows = connection.execute(_ALIKE.format(column, table).encode(), [list(spellings(asked))]).fetchall()
        alike = [row[0] for row in rows]
        if not set(spellings(asked)) & set(alike):
            near = f"; there is {alike[0]!r}" if alike else ""
            found.append(f"There is no {name} {legible(asked)[:_SHOWN_CHARACTERS]!r} in this store{near}.")
    return tuple(found)
