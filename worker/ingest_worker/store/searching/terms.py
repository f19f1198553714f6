"""A question taken apart: words, phrases that must occur, and what must not. Pure.

Scripts that put no spaces between words have no words to take apart: what is short is searched as it stands,
and a long clause by its pairs of characters, as the store has them (docs/decisions/0013).
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LONGEST_QUESTION_CHARACTERS: Final = 1_000
"""Characters. Text models see about 512 tokens,
and a question of 20,000 words exceeds the depth of Postgres' stack."""

MOST_FOUND_PASSAGES: Final = 1_000
"""Hits of one search."""

MOST_ASKED_WORDS: Final = 64
"""Words of a question that are looked up; a person asks for fewer than 20."""

_UNSPACED: Final = (
    "々-〇ぁ-ゖゝ-ゟァ-ヺー-ヿㄅ-ㄯㆠ-ㆿㇰ-ㇿ㐀-䶿一-鿿豈-\ufaff\U00020000-\U0003ffff가-힣ก-ฺเ-๎"
    "\u0e80-\u0eceໜ-ໝཀ-\u0fbcက-ဿၐ-႟ꧠ-ꧯꧺ-ꧾꩠ-ꩿក-៓ៜ-\u17dd"
)
"""As `ingest.unspaced()` in the store."""
UNSPACED: Final = re.compile(f"[{_UNSPACED}]+")
PUNCTUATION: Final = re.compile(
    "[\u00a1-\u00a9\u00ab-\u00b1\u00b4\u00b6\u00b8\u00bb\u00bf\u00d7\u00f7\u02bc\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3"
    "\u05c6\u060c\u061b\u061d-\u061f\u066a-\u066d\u06d4\u0964\u0965\u0970\u0df4\u104a-\u104f\u10fb\u1361-\u1368\u17d4-\u17da"
    "\u1800-\u1805\u1807-\u180a\u2010-\u205e\u20a0-\u20cf\u2190-\u2bff\u2e00-\u2e7f\ufe0e\ufe0f\U0001f000-\U0001faff]+|\u00b7(?=\\s|$)"
)
"""What `ingest.folded()` in the store makes a space or an apostrophe: some databases take it for letters."""
_PARTS: Final = re.compile(r'-"[^"]*"?|"[^"]*"|[^\s"]+')
"""A quote that nothing closes is none: behind it stand words, and not one long phrase that must occur.
After a minus it holds to the end, because the opposite would be asked for otherwise."""
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»", '"'))
"""As telephones and word processors write them."""
_SIGNS: Final = re.compile(r"[™℠®©]|\((?:tm|r)\)", re.IGNORECASE)
_HAN_OR_KANA: Final = re.compile("[々-〇ぁ-ヿ㐀-䶿一-鿿豈-\ufaff\U00020000-\U0003ffff]")
_LONGEST_WORD_CHARACTERS: Final = {True: 4, False: 12}
"""Characters of a clause that is taken for one word: of Han and kana, and of other scripts, which write a
syllable in several. Longer ones are sentences, which nobody says twice."""
_EDGES: Final = ",;:!?()¿¡…。、「」『』・，！？；：（）"


class TermKind(StrEnum):
    """What is asked of a term."""

    WORD = "Word"
    """Counts if it occurs."""
    PHRASE = "Phrase"
    """Must occur, as it is written."""
    EXCLUDED = "Excluded"
    """Must not occur."""


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that is asked for."""

    text: str
    """Without quotes and minus."""
    kind: TermKind

    @property
    def websearch(self) -> str:
        """As `ingest.asked` takes it."""
        return f'"{self.text}"' if self.kind is TermKind.PHRASE or " " in self.text else self.text


def fault_of(question: str) -> str | None:
    """Why a question cannot be answered; None if it can.

    Every text has a nearest passage: for a question without a letter or a digit it would be arbitrary, and
    for one of minuses alone it would be what they are about.
    """
    if len(question) > LONGEST_QUESTION_CHARACTERS:
        return f"has {len(question):,} characters; at most {LONGEST_QUESTION_CHARACTERS:,} can be asked"
    if not _says_something(question):
        return "has no word to search for"
    strict = [each for each in terms_of(question) if each.kind is not TermKind.WORD]
    if len(strict) > MOST_ASKED_WORDS:
        return f"has {len(strict)} phrases and minuses; at most {MOST_ASKED_WORDS} can be asked"
    if strict and all(each.kind is TermKind.EXCLUDED for each in terms_of(question)):
        return "says only what must not occur: say what to look for, too"
    return None


def terms_of(question: str) -> tuple[Term, ...]:
    """The terms of a question, each once, in their order."""
    # As `ingest.folded` does in the store: a sign of ownership is a space before NFKC makes letters of it.
    folded = unicodedata.normalize("NFKC", _SIGNS.sub(" ", question.replace("\x00", " "))).translate(_QUOTES)
    return tuple(dict.fromkeys(term for part in _PARTS.findall(folded) for term in _terms(part)))


def within_bounds(terms: Sequence[Term]) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """The terms that are looked up, in their order, and the words beyond `MOST_ASKED_WORDS`: never a phrase
    or a minus, which hold for the whole answer."""
    room = MOST_ASKED_WORDS - sum(each.kind is not TermKind.WORD for each in terms)
    words = [each for each in terms if each.kind is TermKind.WORD]
    beyond = frozenset(words[max(0, room) :])
    return (
        tuple(each for each in terms if each not in beyond),
        tuple(each for each in terms if each in beyond),
    )


def _terms(part: str) -> Iterator[Term]:
    excluded = part.startswith("-") and len(part) > 1
    bare = part.lstrip("-") if excluded else part
    if bare.startswith('"'):
        text = bare.strip('"').strip()
        if _says_something(text):
            yield Term(text, TermKind.EXCLUDED if excluded else TermKind.PHRASE)
        return
    text = bare.strip(_EDGES)
    if not _says_something(text) or text.lower() == "or":  # every word is one of several already
        return
    if excluded:
        yield Term(text, TermKind.EXCLUDED)
        return
    yield from (Term(each, TermKind.WORD) for each in _words(text))


def _words(text: str) -> Iterator[str]:
    """A word as it is; a clause of an unspaced script in its pairs of characters, and what is beside it."""
    for clause in re.split(f"[{re.escape(_EDGES)}]+", text) if UNSPACED.search(text) else [text]:
        found = [match for match in UNSPACED.finditer(clause) if _is_sentence(match.group())]
        end = 0
        for match in found:
            if _says_something(before := clause[end : match.start()]):
                yield before
            yield from (match.group()[i : i + 2] for i in range(len(match.group()) - 1))
            end = match.end()
        if _says_something(rest := clause[end:]):
            yield rest


def _is_sentence(run: str) -> bool:
    return len(run) > _LONGEST_WORD_CHARACTERS[bool(_HAN_OR_KANA.search(run))]


def _says_something(text: str) -> bool:
    return any(unicodedata.category(character)[0] in "LN" for character in text)
