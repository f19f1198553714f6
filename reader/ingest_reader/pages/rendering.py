"""Templates and what they call. Everything is escaped unless a template says otherwise, and none does."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ingest_contract.text import legible, without_credentials
from ingest_reader.api.asking import parameters_of
from ingest_reader.exports.links import clock, link_at
from ingest_reader.pages.reading import ShownWord

SECTIONS: Final = (
    ("/", "Search"),
    ("/recordings", "Recordings"),
    ("/speakers", "Speakers"),
    ("/voices", "Voices"),
    ("/batches", "Batches"),
)


_OPTION: Final = re.compile(r"(?<![^\s'\"(])(--?[a-z][a-z0-9-]*)")


@cache
def environment() -> Environment:
    """The templates, read once."""
    made = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "clock": clock,
        "coded": coded,
        "command": command,
        "day": day,
        "lasting": length,
        "line": legible,
        "linked": link_at,
        "segment": segment,
        "spoken": spoken,
        "web": web,
        "moment": moment,
        "pretty": pretty,
        "rtf": rtf,
        "stretch": stretch,
    }
    made.globals |= {"sections": SECTIONS}
    return made


def page(
    request: Request, template: str, values: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """A page. Parameters of its address that it does not have are told on it, and stop nobody: what programs
    for mail and chat add to a link (`utm_source`) is no mistake of whoever opens it."""
    known, unknown = parameters_of(request)
    parameters = {"known": known, "unknown": unknown}
    text = environment().get_template(template).render(**_place(request), address=parameters, **values)
    return HTMLResponse(text, headers=headers)


def error_page(request: Request, status: int, title: str, detail: str) -> str:
    """What people see when something went wrong."""
    values = {"status": status, "title": title, "detail": detail, "address": None}
    return environment().get_template("error.html").render(**_place(request), **values)


def root_of(request: Request) -> str:
    """The prefix below which people see this reader, without a slash at its end; empty if there is none."""
    found: str = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    return found


def path_of(request: Request) -> str:
    """The path of a request without that prefix."""
    return request.url.path.removeprefix(root_of(request))


def _place(request: Request) -> dict[str, str]:
    return {"root": root_of(request), "section": path_of(request)}


def more(request: Request, path: str, **parameters: object) -> str:
    """An address of ours with those parameters that are set."""
    found = {name: str(value) for name, value in parameters.items() if value not in {None, ""}}
    here = f"{root_of(request)}{path}"
    return f"{here}?{urlencode(found)}" if found else here


def segment(text: str) -> str:
    """An id as the last part of a path."""
    return quote(text, safe="")


def web(url: str) -> str | None:
    """An address that a browser may open, without credentials; None for every other one, as of a file or a
    script."""
    plain = legible(without_credentials(url))
    try:
        parts = urlsplit(plain)
    except ValueError:
        return None
    return plain if parts.scheme in {"http", "https"} and parts.netloc else None


def coded(text: str) -> Markup:
    """A sentence in which what stands between backticks is code, as in the failure table."""
    pieces = legible(text).split("`")
    if len(pieces) % 2 == 0:  # one that is never closed
        return escape(legible(text))
    return Markup().join(command(each) if place % 2 else each for place, each in enumerate(pieces))


def command(text: str) -> Markup:
    """A command as code, or a part of one: no line ends within the name of an option, which browsers would
    allow behind each of its hyphens."""
    pieces = _OPTION.split(legible(text))
    return Markup("<code>{}</code>").format(
        Markup().join(
            Markup('<span class="option">{}</span>').format(each) if place % 2 else each
            for place, each in enumerate(pieces)
        )
    )


def spoken(words: Sequence[ShownWord]) -> Markup:
    """Words of a passage, each with its time and its marks. Not in the template: a page has thousands of
    them, and an engine of templates takes four times as long for each."""
    pieces = []
    for place, word in enumerate(words):
        before = " " if word.spaced and place else ""
        marks = " d" * word.doubtful + " o" * word.overlap
        said = escape(legible(word.text))
        pieces.append(f'{before}<span class="w{marks}" data-t="{word.start:.2f}">{said}</span>')
    return Markup("".join(pieces))  # noqa: S704  what came from outside is escaped


def moment(url: str, seconds: float) -> str | None:
    """The public address of a moment, if a browser may open it."""
    found = web(url)
    return None if found is None else link_at(found, seconds)


def day(when: datetime | None) -> str:
    """A date, as people write it."""
    return "" if when is None else f"{when.day} {when:%B %Y}"


def stretch(text: str) -> str:
    """A stretch of a line, as `line`, with its spaces to what is before and behind it."""
    before, after = text[:1].isspace(), text[-1:].isspace()
    plain = legible(text)
    return f"{' ' * before}{plain}{' ' * after}" if plain else " " * (before or after)


def pretty(value: object) -> str:
    """A value as JSON, for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def rtf(rate: float | None) -> str:
    """Seconds of work for a second of media: `0.124`; a dash where nothing was heard."""
    return "–" if rate is None else f"{rate:.3f}"


def length(seconds: float | None) -> str:
    """`3 h 07 min`, `12 min`, `41 s`."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004  seconds of a minute
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
