"""`ingestctl search`: embeds a question with the model of the store's vectors, and finds the passages that
answer it.

The store decides which model that is. If no set on this machine has it, nothing is searched: a search by
words alone would be half an answer.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import yaml
from rich.console import Console
from rich.text import Text

from ingest_contract.captions import TranscriptSource
from ingest_contract.text import escaped, legible, without_credentials
from ingest_reader.exports.formats import NOBODY, SOURCE_WORDS
from ingest_reader.exports.links import clock, link_at
from ingest_reader.questions import QUERY_TOKENS
from ingest_reader.text_models import TextModel, choose, models_here
from ingest_worker.domain import FloatArray
from ingest_worker.models import Role, load_set, open_models
from ingest_worker.store.reading.text_models import stored_models
from ingest_worker.store.search import Answer, By, Filters, Folded, Hit, Query, search
from ingestctl.catalog import of_other_models, reading
from ingestctl.place import Workplace
from ingestctl.run import Output


@dataclass(frozen=True, slots=True)
class Question:
    """What the user asks."""

    text: str
    limit: int = 10
    filters: Filters = field(default_factory=Filters)
    words_only: bool = False
    """Without a vector, so that no text model is needed."""
    model_set: str | None = None
    """A set's name or file; None for any set here that has the store's model."""
    model: str | None = None
    """The text model's name in the set; needed only if the store has vectors of several models."""


def find(place: Workplace, question: Question) -> Answer:
    """The hits, best first. Raises `StageError`, for example if the store's vectors are of models that are
    not here."""
    with reading(place) as connection:
        if question.words_only:
            return search(connection, _query(question, None, None))
        stored = stored_models(connection)
        if not stored:
            return Answer((), By.BOTH, (), (), ())
        named = question.model_set and set_name_of(question.model_set)
        chosen = choose(stored, models_here(place.models, named), question.model)
        vector, notes = question_vector(question.text, chosen, place)
        answer = search(connection, _query(question, vector, chosen.identity))
        if others := of_other_models(connection, chosen.identity):
            said = (
                f"of other text models: {others} of the recordings, found by their words alone. "
                "A batch of the store embeds them with this one (examples/relabel.yaml)."
            )
            notes = (*notes, said)
    return replace(answer, notes=(*notes, *answer.notes))


def set_name_of(name_or_path: str) -> str:
    """A set's name, from its name or its file."""
    return load_set(name_or_path).name if name_or_path.endswith((".yaml", ".yml")) else name_or_path


def question_vector(text: str, chosen: TextModel, place: Workplace) -> tuple[FloatArray, tuple[str, ...]]:
    """The question's vector, and what is to be told about how it came about."""
    from ingest_worker.engines.query import QueryEncoder, UnknownArchitectureError

    folder = open_models(place.models, chosen.set_name).path(Role.EMBEDDING, chosen.name)
    try:
        return QueryEncoder(folder).embed(text), ()
    except UnknownArchitectureError as error:
        said = f"{chosen.name} was loaded by torch, which takes seconds: {error}."
    from ingest_worker.engines.embedding import SentenceEmbedder

    # On the CPU: it is fast enough for one short text, and a running batch may have filled the GPU.
    embedder = SentenceEmbedder(folder, device="cpu", batch_tokens=QUERY_TOKENS, model_key=chosen.identity)
    return embedder.embed_query(text), (said,)


def _query(question: Question, vector: FloatArray | None, model: str | None) -> Query:
    return Query(question.text, vector, model, question.limit, question.filters)


def day_after(day: date | None) -> date | None:
    """The first day that no longer counts;
    None if every day counts, as after the last day of the calendar."""
    return None if day is None or day == date.max else day + timedelta(days=1)


def show(answer: Answer, output: Output, console: Console, people: Console) -> None:
    """Print the hits, for people or for a program, and beside them what a reader must know."""
    for note in answer.notes:
        people.print(f"note: {note}", soft_wrap=True)
    values = [as_value(each) for each in answer.hits]
    match output:
        case Output.JSON:
            print(escaped(json.dumps(values, ensure_ascii=False, indent=2)))
        case Output.YAML:
            print(yaml.safe_dump(values, allow_unicode=True, sort_keys=False), end="")
        case Output.TABLE:
            for number, each in enumerate(answer.hits, 1):
                console.print(as_text(number, each), soft_wrap=True)


def as_text(number: int, hit: Hit) -> Text:
    """One hit for people, the words of the question in bold."""
    title, speaker = legible(hit.title) or hit.recording, legible(hit.speaker or NOBODY)
    head = f"{number}. {title}  |  {speaker}  |  {clock(hit.start)}  |  {percent(hit.score)} ({parts(hit)})"
    if hit.transcript_source != TranscriptSource.SPEECH:
        head += f"  |  {SOURCE_WORDS[hit.transcript_source]}"
    pieces = [(_spaced(piece.text), "bold" if piece.marked else "") for piece in hit.snippet]
    same = [f"\n   the same: {_place(each)}" for each in hit.folded]
    return Text.assemble(f"{head}\n   {link_of(hit)}\n   ", *pieces, *same, "\n")


def _spaced(text: str) -> str:
    """Legible, with the space that is between it and the piece beside it."""
    said = legible(text)
    return f"{' ' * text[0].isspace()}{said}{' ' * text[-1].isspace()}" if said else " "


def parts(hit: Hit) -> str:
    """What a score is made of: how much of the question's words a passage holds, and how near it is."""
    words = None if hit.word_score is None else f"words {percent(hit.word_score)}"
    near = None if hit.similarity is None else f"meaning {hit.similarity:.2f}"
    return ", ".join(part for part in (words, near) if part)


def percent(share: float) -> str:
    """`83 %`."""
    return f"{round(100 * share)} %"


def as_value(hit: Hit) -> dict[str, Any]:
    """One hit as JSON: the store's fields, with the time for people and the link."""
    return {
        **asdict(hit),
        "run": str(hit.run),
        "matched": list(hit.matched),
        "snippet": [asdict(piece) for piece in hit.snippet],
        "folded": [asdict(each) | {"url": without_credentials(each.url)} for each in hit.folded],
        "url": without_credentials(hit.url),
        "published_at": hit.published_at.isoformat() if hit.published_at else None,
        "time": clock(hit.start),
        "link": link_of(hit),
    }


def link_of(hit: Hit | Folded) -> str:
    """The address of the moment."""
    return legible(link_at(without_credentials(hit.url), hit.start))


def _place(same: Folded) -> str:
    speaker = legible(same.speaker or NOBODY)
    return f"{legible(same.title) or same.recording}, {speaker}, {clock(same.start)}, {link_of(same)}"
