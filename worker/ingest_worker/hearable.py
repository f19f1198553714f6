"""Whether a transcription model can know what a recording is said to be in: asked before anything is fetched,
and once more when its source has said a language. Pure.

A model of one language writes sentences in it whatever it hears, and cannot tell. So where somebody says
another language, that is the end of the run, and not of its words.
"""

from collections.abc import Sequence

from ingest_contract.failures import Reason
from ingest_contract.languages import code_of
from ingest_contract.order import IngestOrder
from ingest_worker.errors import StageError


def require_hearable(order: IngestOrder, languages: Sequence[str], said: str | None = None) -> None:
    """Nothing, if the model may know the language.

    What a manifest or the batch names decides; where nobody names one, what the source says.

    Args:
        order: Names a language, or its plan has what the source says.
        languages: Those that the model knows, by its set; empty where the set does not say.
        said: The language by the recording's own page, once it is fetched, else by its track's tag.

    Raises:
        StageError: `LANGUAGE_UNSUPPORTED`.
    """
    named = order.item.language or order.settings.language
    language = named or order.item.said_language or said
    if not languages or language is None or (code_of(language) or language) in languages:
        return
    who = "The order names" if named else "Its source says"
    raise unsupported(order.settings.transcription.model, language, languages, who)


def require_unless_captioned(order: IngestOrder, languages: Sequence[str], said: str | None = None) -> None:
    """`require_hearable`, where no captions can give the words: with them, it is asked once there are
    none."""
    if order.settings.captions_of(order.item) is None:
        require_hearable(order, languages, said)


def unsupported(
    model: str, language: str, languages: Sequence[str], who: str = "The order names"
) -> StageError:
    """The error for a language that the model does not know."""
    few = f" It knows {', '.join(languages)}." if len(languages) < 5 else ""  # noqa: PLR2004  a line for people
    return StageError(
        Reason.LANGUAGE_UNSUPPORTED, f"{who} the language {language!r}, and {model} does not know it.{few}"
    )
