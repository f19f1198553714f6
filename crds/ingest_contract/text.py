"""Makes text from outside harmless where it enters: titles, channels, messages, addresses. Pure and total.

Text of a site, a file's name, a library or a node is data. It is shown on terminals and stored in Postgres,
and neither accepts every character: Postgres refuses NUL and half a surrogate pair, a terminal obeys ESC and
the C1 controls, and a bidirectional control shows a line in another order than it has ("Trojan Source",
CVE-2021-42574).
"""

import codecs
import re
from typing import Final
from unicodedata import normalize
from urllib.parse import unquote_plus

_PAIRS: Final = codecs.lookup("utf-16-le").name
"""In which halves of pairs are joined. Looked up here, because Python reads a codec from a file at its first
use, and who reads captions has no files any more by then."""

_BLANK: Final = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
"""Controls that separate words (`str.isspace`)."""

_GONE: Final = re.compile(
    "[\x00-\x1b\x7f-\x9f"  # C0, DEL and C1 (ECMA-48); those in `_BLANK` are spaces by then
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # Bidi_Control (Unicode PropList.txt)
    "\ufeff\ufff9-\ufffb]"  # a byte order mark, and the controls of interlinear annotation
)
_OBEYED: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_BLANKS: Final = str.maketrans(dict.fromkeys(_BLANK, " "))

_ADDRESS: Final = re.compile(
    r"(?P<head>(?:[a-z][a-z0-9+.-]*:)?//)(?P<place>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_IN_TEXT: Final = re.compile(r"(?<![a-z0-9+.-])[a-z0-9+.-]+://[^\s\"'<>]+", re.IGNORECASE)

_SECRETS: Final = frozenset(
    {"auth", "authorization", "hdnea", "hdnts", "hmac", "jwt", "key", "pass", "pwd", "sas", "sid", "sig"}
)
_SECRET_ENDS: Final = (
    "accesskey", "accesskeyid", "apikey", "credential", "credentials", "keypairid", "passphrase", "passwd",
    "password", "secret", "secretkey", "sessionid", "signature", "token",
)  # fmt: skip
"""Names of query parameters whose value is a credential, in lower case, letters and digits only: `token` and
`apiKey`, and what S3 (`X-Amz-Signature`), Google (`X-Goog-Credential`), CloudFront (`Key-Pair-Id`), Azure
(`sig`) and Akamai (`hdnts`) sign addresses with."""


def legible(text: str) -> str:
    """The text on one line, in a form that every terminal, database and JSON parser accepts.

    Halves of surrogate pairs that belong together are joined, others become U+FFFD; white space of any kind
    becomes one space; control characters and bidirectional controls are removed. The rest is unchanged, so
    the function may be applied again.
    """
    if text.isprintable():  # no control, no half of a pair: nearly every word, in a tenth of the time
        return " ".join(text.split())
    whole = text.encode(_PAIRS, "surrogatepass").decode(_PAIRS, "replace")
    return " ".join(_GONE.sub("", whole.translate(_BLANKS)).split())


def counted(number: int, what: str) -> str:
    """`1 recording`, `2 recordings`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def composed(text: str) -> str:
    """The text as it is compared where people write one side: an `é` of two characters, as in names of files
    that come from a Mac, is the `é` of one (NFC, Unicode Standard Annex 15)."""
    return normalize("NFC", text)


def spellings(text: str) -> list[str]:
    """The text as it is, composed and decomposed, each once: for whoever looks up what is kept as it came."""
    return list(dict.fromkeys([text, composed(text), normalize("NFD", text)]))


def without_credentials(address: str) -> str:
    """An address as it may be stored and shown: without user and password, and without query parameters that
    are credentials.

    A secret in a path cannot be distinguished from a folder and stays.
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        return address
    rest, mark, fragment = parts["rest"].partition("#")
    kept = [pair for pair in re.split("[&;]", rest[1:]) if not _lets_in(pair)]
    query = rest if len(kept) == len(re.split("[&;]", rest[1:])) else ("?" + "&".join(kept) if kept else "")
    if any(_lets_in(pair) for pair in re.split("[?&;]", fragment)):
        mark, fragment = "", ""
    return parts["head"] + parts["place"].rpartition("@")[2] + parts["path"] + query + mark + fragment


def redacted(text: str) -> str:
    """The text, with `without_credentials` applied to every address in it."""
    return _IN_TEXT.sub(lambda found: without_credentials(found[0]), text)


def said(text: str) -> str:
    """Foreign text for messages: legible, and without credentials."""
    return redacted(legible(text))


def escaped(json_text: str) -> str:
    """JSON in which every character that a terminal would obey is escaped: it means the same to every parser.
    JSON itself escapes C0 controls only."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)


def _lets_in(pair: str) -> bool:
    name = re.sub(r"[^a-z0-9]", "", unquote_plus(pair.partition("=")[0]).lower())
    return name in _SECRETS or name.endswith(_SECRET_ENDS)
