"""`ingestctl search`: embeds a question with the model of the store's vectors, and finds the passages that
answer it.

The store decides which model that is. If no set on this machine has it, nothing is searched: a search by
words alone would be half an answer.
"""

from dataclasses import replace

from ingest_reader.api.found import FoundAnswer
from ingest_reader.corpus import day_after
from ingest_reader.questions import encoder
from ingest_reader.text_models import choose, models_here
from ingest_worker.domain import FloatArray
from ingest_worker.models import load_set
from ingest_worker.store.reading.text_models import stored_models
from ingest_worker.store.search import Answer, By, Filters, Query, search
from ingestctl.asking.question import FoundHits, Question
from ingestctl.catalog import reading
from ingestctl.place import Workplace


def find(place: Workplace, question: Question) -> FoundHits:
    """What the store answers. Raises `StageError`, for example if its vectors are of models that are not
    here."""
    answer = _answer(place, question)
    found = FoundAnswer.of(answer).model_dump(mode="json")
    return FoundHits(found["items"], answer.notes, "the store itself")


def _answer(place: Workplace, question: Question) -> Answer:
    with reading(place) as connection:
        if question.words_only:
            return search(connection, _query(question, None, None))
        stored = stored_models(connection)
        if not stored:
            return Answer((), By.BOTH, (), (), ())
        named = question.model_set and set_name_of(question.model_set)
        chosen = choose(stored, models_here(place.models, named), question.model)
        embedded = encoder(chosen, place.models)(question.text)
        answer = search(connection, _query(question, embedded.vector, embedded.model))
    return replace(answer, notes=(*embedded.notes, *answer.notes))


def set_name_of(name_or_path: str) -> str:
    """A set's name, from its name or its file."""
    return load_set(name_or_path).name if name_or_path.endswith((".yaml", ".yml")) else name_or_path


def _query(question: Question, vector: FloatArray | None, model: str | None) -> Query:
    filters = Filters(
        speaker=question.speaker,
        recording=question.recording,
        channel=question.channel,
        batch=question.batch,
        language=question.language,
        published_from=question.since,
        published_before=day_after(question.until),
        shortest_seconds=question.shortest_seconds,
        longest_seconds=question.longest_seconds,
    )
    return Query(question.text, vector, model, question.limit, filters)
