"""What a search found, for people and for programs."""

from typing import Any, Final

from rich.console import Console
from rich.text import Text

from ingest_contract.text import legible
from ingest_reader.exports.links import NOBODY, clock
from ingestctl import programs
from ingestctl.asking.question import FoundHits
from ingestctl.options import Output

SHOWN_SAME_PASSAGES: Final = 5
"""Passages that say the same as a hit, as people see them; programs get all."""
_HEARD: Final = "Speech"
"""`TranscriptSource.SPEECH`: what needs no word."""


def show(found: FoundHits, output: Output, console: Console, people: Console) -> None:
    """Print the hits, and beside them what a reader must know."""
    for note in found.notes:
        people.print(f"note: {note}", soft_wrap=True)
    if output is not Output.TABLE:
        programs.show(programs.renamed(found.items), output)
        return
    for number, each in enumerate(found.items, 1):
        console.print(as_text(number, each), soft_wrap=True)


def as_text(number: int, hit: dict[str, Any]) -> Text:
    """One hit for people, the words of the question in bold."""
    title, speaker = legible(hit["title"]) or hit["recording"], legible(hit["speaker"] or NOBODY)
    score = f"{percent(hit['score'])} ({parts(hit)})"
    head = f"{number}. {title}  |  {speaker}  |  {hit['time']}  |  {score}"
    if hit["transcript_source"] != _HEARD:
        from ingest_reader.exports.formats import SOURCE_WORDS

        head += f"  |  {SOURCE_WORDS[hit['transcript_source']]}"
    pieces = [(_spaced(piece["text"]), "bold" if piece["marked"] else "") for piece in hit["snippet"]]
    same = [f"\n   the same: {_place(each)}" for each in hit["folded"][:SHOWN_SAME_PASSAGES]]
    if (more := len(hit["folded"]) - SHOWN_SAME_PASSAGES) > 0:
        same.append(f"\n   and {more} more that say the same")
    return Text.assemble(f"{head}\n   {legible(hit['link'])}\n   ", *pieces, *same, "\n")


def _spaced(text: str) -> str:
    """Legible, with the space that is between it and the piece beside it."""
    said = legible(text)
    return f"{' ' * text[0].isspace()}{said}{' ' * text[-1].isspace()}" if said else " "


def parts(hit: dict[str, Any]) -> str:
    """What a score is made of: how much of the question's words a passage holds, and how near it is."""
    words = None if hit["word_score"] is None else f"words {percent(hit['word_score'])}"
    near = None if hit["similarity"] is None else f"meaning {hit['similarity']:.2f}"
    return ", ".join(part for part in (words, near) if part)


def percent(share: float) -> str:
    """`83 %`."""
    return f"{round(100 * share)} %"


def _place(same: dict[str, Any]) -> str:
    speaker = legible(same["speaker"] or NOBODY)
    title = legible(same["title"]) or same["recording"]
    return f"{title}, {speaker}, {clock(same['start'])}, {legible(same['link'])}"
