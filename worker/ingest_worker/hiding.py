"""What this process must never say: secrets that it was given or learned, taken out of every message and
every line of its log.

    know(["the cookie's value"])
    hidden("the site quotes the cookie's value")  # "the site quotes ***"

Whoever reads a secret or gets one calls `know`: files of cookies and proxies, credentials of object stores,
cookies that a site sets or renews while it is read. `StageError` and the log ask `hidden`. One register for a
process, because a library says things wherever it likes; a process has one run.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

_TELLING_CHARACTERS: Final = 6
"""Characters: shorter parts are in every message (`true`, `8080`)."""

_MOST_PARTS: Final = 4_096
"""Forms that are remembered, the latest: a site that renews its cookies at every page of a plan sets
thousands, and what is said quotes one of the last."""

_forms: dict[str, None] = {}


def know(secrets: Iterable[str | None]) -> None:
    """Take these out of everything that is said from now on. None and what is too short are left out."""
    for secret in secrets:
        for form in _forms_of(secret or ""):
            if len(form) >= _TELLING_CHARACTERS:
                _learn(form)


def hidden(text: str) -> str:
    """The text without what is known, in every form in which a library may say it."""
    for form in sorted([each for each in tuple(_forms) if each in text], key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _learn(form: str) -> None:
    _forms.pop(form, None)  # the latest stands last
    _forms[form] = None
    if len(_forms) > _MOST_PARTS:
        _forms.pop(next(iter(_forms)), None)  # another thread may have been quicker


def _forms_of(secret: str) -> Iterator[str]:
    """As it is, as an address carries it, as a header does, and as Python and JSON quote it."""
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    for each in (secret, repr(secret)[1:-1]):
        yield each
        yield json.dumps(each)[1:-1]
        yield json.dumps(each, ensure_ascii=False)[1:-1]
