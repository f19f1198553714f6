"""The words of a question, marked in a passage."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from ingest_worker.store.connect import Connection
from ingest_worker.store.searching.terms import PUNCTUATION, UNSPACED
from ingest_worker.store.searching.values import Hit, Piece
from ingest_worker.store.searching.weights import Counted

LONGEST_SNIPPET_CHARACTERS: Final = 320
_OPEN, _CLOSE, _EDGE = "\x02", "\x03", "\x04"
"""No text has these: what comes from outside loses its control characters. An edge stands between scripts
and around punctuation, so that Postgres' parser sees a Latin word in a Japanese clause, and one in quotes."""
_MARKED: Final = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
_HEADLINES: Final = """
select h.id, ts_headline(ingest.text_configuration(h.language), translate(h.text, %(signs)s, ''), h.query,
                         %(options)s)
  from unnest(%(ids)s::bigint[], %(languages)s::text[], %(texts)s::text[], %(queries)s::text[]::tsquery[])
       as h (id, language, text, query)
"""


def marked(connection: Connection, hits: Sequence[Hit], counted: Sequence[Counted]) -> dict[int, str]:
    """The texts of the hits, by segment, with the words that were asked for between two signs."""
    asked = _asked(counted)
    given = {
        "signs": _OPEN + _CLOSE,
        "options": f"HighlightAll=true, StartSel={_OPEN}, StopSel={_CLOSE}",
        "ids": [hit.segment for hit in hits],
        "languages": [hit.language for hit in hits],
        "texts": [_divided(hit.text) for hit in hits],
        "queries": [asked.get(hit.language, "") for hit in hits],
    }
    pairs = _unspaced(counted)
    return {
        number: _with_unspaced(text.replace(_EDGE, ""), pairs)
        for number, text in connection.execute(_HEADLINES, given).fetchall()
    }


def _divided(text: str) -> str:
    return PUNCTUATION.sub(rf"{_EDGE}\g<0>{_EDGE}", UNSPACED.sub(rf"{_EDGE}\g<0>{_EDGE}", text))


def snippet(text: str, longest: int = LONGEST_SNIPPET_CHARACTERS) -> tuple[Piece, ...]:
    """A marked text in pieces: around its marks if it is longer than `longest` characters."""
    pieces: list[Piece] = []
    end = 0
    for match in _MARKED.finditer(text):
        pieces += [Piece(text[end : match.start()], marked=False), Piece(match[1], marked=True)]
        end = match.end()
    pieces.append(Piece(text[end:], marked=False))
    pieces = [piece for piece in pieces if piece.text]
    whole = sum(len(piece.text) for piece in pieces)
    return tuple(pieces) if whole <= longest else _cut(pieces, whole, longest)


def _cut(pieces: Sequence[Piece], whole: int, longest: int) -> tuple[Piece, ...]:
    """The window with the most marked words; `...` where something is left out."""
    starts: list[int] = []
    place = 0
    for piece in pieces:
        if piece.marked:
            starts.append(place)
        place += len(piece.text)
    before = longest // 4
    best = max(starts or [0], key=lambda at: sum(at <= other < at + longest - before for other in starts))
    first = max(0, min(best - before, whole - longest))
    text = "".join(piece.text for piece in pieces)
    first = text.rfind(" ", 0, first) + 1 if first and " " in text[max(0, first - 40) : first] else first
    last = min(whole, first + longest)
    found = [Piece("… ", marked=False)] if first else []
    place = 0
    for piece in pieces:
        part = piece.text[max(0, first - place) : max(0, last - place)]
        place += len(piece.text)
        if part:
            found.append(Piece(part, piece.marked))
    return (*found, Piece(" …", marked=False)) if last < whole else tuple(found)


def _asked(counted: Sequence[Counted]) -> Mapping[str, str]:
    found: dict[str, list[str]] = {}
    for each in counted:
        for language, query in each.queries.items():
            if each.is_asked:
                found.setdefault(language, []).append(f"({query})")
    return {language: " | ".join(queries) for language, queries in found.items()}


def _unspaced(counted: Sequence[Counted]) -> tuple[str, ...]:
    """What is marked as it stands: the store has such scripts in pairs of characters, which no dictionary
    finds in a text."""
    return tuple(
        sorted({run for each in counted if each.is_asked for run in UNSPACED.findall(each.term.text)})
    )


def _with_unspaced(text: str, runs: Sequence[str]) -> str:
    if not runs or not UNSPACED.search(unicodedata.normalize("NFKC", text)):
        return text
    plain = [(i, one) for i, each in enumerate(text) for one in unicodedata.normalize("NFKC", each)]
    folded = "".join(one for _, one in plain)
    hit: set[int] = set()
    for run in runs:
        at = folded.find(run)
        while at >= 0:
            hit.update(plain[i][0] for i in range(at, at + len(run)))
            at = folded.find(run, at + 1)
    inside = False
    found: list[str] = []
    for i, each in enumerate(text):
        if each in {_OPEN, _CLOSE}:
            inside = each == _OPEN
        opens = i in hit and not inside and (i == 0 or i - 1 not in hit)
        closes = i in hit and not inside and i + 1 not in hit
        found.append(f"{_OPEN * opens}{each}{_CLOSE * closes}")
    return "".join(found)
