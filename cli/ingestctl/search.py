"""`ingestctl search`: embeds a question with the model of the store's vectors, and finds the passages that
answer it.

The store decides which model that is. If no set on this machine has it, nothing is searched: a search by
words alone would be half an answer.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import yaml
from rich.console import Console

from ingest_contract.captions import TranscriptSource
from ingest_contract.failures import Reason
from ingest_contract.text import escaped, legible, without_credentials
from ingest_reader.exports.formats import NOBODY, SOURCE_WORDS
from ingest_reader.exports.links import clock, link_at
from ingest_worker.errors import StageError
from ingest_worker.models import Role, load_set, open_models
from ingest_worker.models.locks import LOCK_FILE, read_lock
from ingest_worker.store.search import Passage, Query, search
from ingestctl.catalog import of_other_models, reading, stored_models
from ingestctl.place import Workplace, people
from ingestctl.run import Output

QUERY_TOKENS = 512
"""Tokens in the model's batch: a question is one text."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the user asks."""

    text: str
    limit: int
    speaker: str | None = None
    since: date | None = None
    until: date | None = None
    """The last day that counts."""
    recording: str | None = None
    model_set: str | None = None
    """A set's name or file; None for any set here that has the store's model."""
    model: str | None = None
    """The text model's name in the set; needed only if the store has vectors of several models."""


@dataclass(frozen=True, slots=True)
class TextModel:
    """A text model on this machine."""

    set_name: str
    name: str
    identity: str


def find(place: Workplace, question: Question) -> tuple[Passage, ...]:
    """The passages, best first. Raises `StageError`, for example if the store's vectors are of models that
    are not here."""
    with reading(place) as connection:
        stored = stored_models(connection)
        if not stored:
            return ()
        chosen = choose(stored, models_here(place, question.model_set), question.model)
        found = search(connection, query_of(question, chosen, place))
        if others := of_other_models(connection, chosen.identity):
            people().print(
                f"of other text models: {others} of the recordings, found by their words alone. "
                "A batch of the store embeds them with this one (examples/relabel.yaml).",
                soft_wrap=True,
            )
        return found


def models_here(place: Workplace, only: str | None) -> tuple[TextModel, ...]:
    """The text models of every fetched set, or of the set that is named. Raises
    `StageError(MODELS_UNAVAILABLE)` if that set is not here."""
    names = (
        [set_name_of(only)]
        if only
        else sorted(path.parent.name for path in place.models.glob(f"*/{LOCK_FILE}"))
    )
    return tuple(
        TextModel(name, model.name, model.identity)
        for name in names
        for model in read_lock(place.models, name).models
        if model.role is Role.EMBEDDING
    )


def set_name_of(name_or_path: str) -> str:
    """A set's name, from its name or its file."""
    return load_set(name_or_path).name if name_or_path.endswith((".yaml", ".yml")) else name_or_path


def choose(stored: Sequence[str], here: Sequence[TextModel], name: str | None) -> TextModel:
    """The model to embed the question with: the one that is both stored and here. Raises
    `StageError(DIMENSION_MISMATCH)` for none and for several."""
    fitting = {
        model.identity: model for model in here if model.identity in stored and name in (None, model.name)
    }
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        said = (
            f"The store has vectors of {', '.join(sorted(fitting))}. "
            "Say with --model which of them to search."
        )
        raise StageError(Reason.DIMENSION_MISMATCH, said)
    has = ", ".join(sorted({model.identity for model in here})) or "none"
    asked = f" named {name!r}" if name else ""
    said = f"The store has vectors of {', '.join(stored)}; text models here{asked}: {has}."
    raise StageError(
        Reason.DIMENSION_MISMATCH,
        f"{said} Next: `ingestctl models fetch SET` with the set that the batch was made with.",
    )


def query_of(question: Question, chosen: TextModel, place: Workplace) -> Query:
    """The store's query, with the question's vector."""
    from ingest_worker.engines.embedding import SentenceEmbedder

    folder = open_models(place.models, chosen.set_name).path(Role.EMBEDDING, chosen.name)
    # On the CPU: it is fast enough for one short text, and a running batch may have filled the GPU.
    embedder = SentenceEmbedder(folder, device="cpu", batch_tokens=QUERY_TOKENS, model_key=chosen.identity)
    return Query(
        text=question.text,
        vector=embedder.embed_query(question.text),
        model=chosen.identity,
        limit=question.limit,
        speaker=question.speaker,
        published_from=question.since,
        published_before=day_after(question.until),
        recording=question.recording,
    )


def day_after(day: date | None) -> date | None:
    """The first day that no longer counts;
    None if every day counts, as after the last day of the calendar."""
    return None if day is None or day == date.max else day + timedelta(days=1)


def show(passages: Sequence[Passage], output: Output, console: Console) -> None:
    """Print passages, for people or for a program."""
    match output:
        case Output.JSON:
            print(escaped(json.dumps([as_value(each) for each in passages], ensure_ascii=False, indent=2)))
        case Output.YAML:
            print(
                yaml.safe_dump([as_value(each) for each in passages], allow_unicode=True, sort_keys=False),
                end="",
            )
        case Output.TABLE:
            for number, each in enumerate(passages, 1):
                console.print(to_rfc3339(number, each), soft_wrap=True)


def to_rfc3339(number: int, passage: Passage) -> str:
    """One passage for people."""
    title, speaker = legible(passage.title) or passage.recording, legible(passage.speaker or NOBODY)
    head = f"{number}. {title}  |  {speaker}  |  {clock(passage.start)}  |  {passage.score:.4f}"
    if passage.transcript_source != TranscriptSource.SPEECH:
        head += f"  |  {SOURCE_WORDS[passage.transcript_source]}"
    return f"{head}\n   {_link(passage)}\n   {legible(passage.text)}\n"


def as_value(passage: Passage) -> dict[str, Any]:
    """One passage as JSON: the store's fields, with the time for people and the link."""
    published = passage.published_at.isoformat() if passage.published_at else None
    url = without_credentials(passage.url)
    return {
        **asdict(passage),
        "url": url,
        "published_at": published,
        "time": clock(passage.start),
        "link": _link(passage),
    }


def _link(passage: Passage) -> str:
    return legible(link_at(without_credentials(passage.url), passage.start))
