"""What this process must never say: secrets that it was given or learned, taken out of every message and
every line of its log.

    know(["the cookie's value"])
    hidden("the site quotes the cookie's value")  # "the site quotes ***"

Whoever reads a secret calls `know`: files of cookies and proxies, credentials of object stores. Cookies that
a site sets or renews while it is read are `learned`. `StageError` and the log ask `hidden`. One register for
a process, because a library says things wherever it likes; a process has one run.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

_TELLING_CHARACTERS: Final = 6
"""Characters: shorter parts are in every message (`true`, `8080`)."""

_MOST_LEARNED_PARTS: Final = 4_096
"""Forms of what was learned that are remembered, the latest: a site that renews its cookies at every page of
a plan sets thousands, and what is said quotes one of the last. What was given is never forgotten for them."""

_given: dict[str, None] = {}
_learned: dict[str, None] = {}


def know(secrets: Iterable[str | None]) -> None:
    """Take these out of everything that is said from now on. None and what is too short are left out."""
    for secret in secrets:
        _given.update(dict.fromkeys(_forms_of(secret or "")))


def learned(secrets: Iterable[str | None]) -> None:
    """As `know`, for what a site gives away while it is read: the latest of them."""
    for secret in secrets:
        for form in _forms_of(secret or ""):
            _learned.pop(form, None)  # the latest stands last
            _learned[form] = None
            if len(_learned) > _MOST_LEARNED_PARTS:
                _learned.pop(next(iter(_learned)), None)  # another thread may have been quicker


def hidden(text: str) -> str:
    """The text without what is known, in every form in which a library may say it."""
    known = (*tuple(_given), *tuple(_learned))
    for form in sorted([each for each in known if each in text], key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _forms_of(secret: str) -> Iterator[str]:
    """The forms of a secret that are long enough to tell anything."""
    return (form for form in _all_forms_of(secret) if len(form) >= _TELLING_CHARACTERS)


def _all_forms_of(secret: str) -> Iterator[str]:
    """As it is, as an address carries it, as a header does, and as Python and JSON quote it."""
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    for each in (secret, repr(secret)[1:-1]):
        yield each
        yield json.dumps(each)[1:-1]
        yield json.dumps(each, ensure_ascii=False)[1:-1]
