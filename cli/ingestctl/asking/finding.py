"""Who answers a question: the reader that is named, the one that runs for this home, or the store itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest_contract.text import without_credentials
from ingest_operator.local.folders import home_folder
from ingest_reader.doors import TokenError, token_in
from ingestctl.asking.question import FoundHits, NoAnswerError, Question, asked_of
from ingestctl.asking.running import running
from ingestctl.progress import going


@dataclass(frozen=True, slots=True)
class Readers:
    """Which reader is asked."""

    address: str | None = None
    """None: the one that runs for the home, if there is one."""
    token_file: Path | None = None


def find(
    question: Question, readers: Readers, home: Path | None, dsn: str | None, tell: Callable[[str], None]
) -> FoundHits:
    """The answer; `tell` hears why no reader gave it.

    Raises:
        NoAnswerError: the reader that was named gave none, or is asked what readers do not answer.
        StageError: the store gave none.
    """
    why = question.why_not_of_a_reader()
    if readers.address:
        if why:
            raise NoAnswerError(f"{why}: leave that out, or --reader (INGEST_READER)")
        with going(f"asking the reader at {without_credentials(readers.address)}"):
            return asked_of(readers.address, question, _token(readers.token_file))
    place = (home or home_folder()).expanduser().resolve()
    reader = None if why else running(place, dsn or None)
    if reader is not None:
        try:
            with going(f"asking the reader at {reader.address}"):
                return asked_of(reader.address, question, _token(reader.token_file))
        except NoAnswerError as error:
            why = str(error)
    tell(why or "no reader of this store runs for this home (`ingestctl serve`)")
    with going("searching the store"):
        from ingestctl.place import Workplace
        from ingestctl.search import find as find_in_store

        return find_in_store(Workplace.of(home, dsn), question)


def _token(file: Path | str | None) -> str | None:
    if file is None:
        return None
    try:
        return token_in(Path(file))
    except TokenError as error:
        raise NoAnswerError(str(error)) from error
