"""Addresses of objects in an object store, as plans, recordings and the store carry them. Pure.

`s3://<bucket>/<key>?endpoint=<url>&region=<name>&mount=<folder>`: what is needed to reach an object, and
where its credentials lie, but no credentials. `mount` is the folder in which the keys of a Secret are files.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, unquote

from ingest_contract.secret_addresses import secret_path

SCHEME: Final = "s3://"
"""How an address of an object, or of a part of a bucket, begins."""

SECRET_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The keys of a Secret with credentials, by the names that every S3 client reads from its environment. The
last one is there for credentials that end."""

_RESERVED: Final = frozenset("%?#\"'<>\\")
"""Beside what cannot be printed: `?` and `#` end a path, and quotes end an address in running text."""


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """An object, or a part of a bucket."""

    bucket: str
    key: str = ""
    """The object's key; of a part of a bucket, how the keys in it begin."""
    endpoint: str | None = None
    """The server's address; None: where the credentials' own settings say, which is AWS without any."""
    region: str | None = None
    mount: str | None = None
    """The folder with the credentials; None: those of the machine or pod itself."""

    @property
    def url(self) -> str:
        """As one address."""
        options = {"endpoint": self.endpoint, "region": self.region, "mount": self.mount}
        query = "&".join(f"{name}={quote(value, safe=':/')}" for name, value in options.items() if value)
        return f"{self.shown}{'?' if query else ''}{query}"

    @property
    def shown(self) -> str:
        """Bucket and key alone, for people."""
        return f"{SCHEME}{self.bucket}/{_quoted(self.key)}"


def is_object(url: str) -> bool:
    """Whether an address is one of an object store."""
    return url.startswith(SCHEME)


def bucket_and_prefix(url: str) -> tuple[str, str]:
    """The two parts of `s3://bucket/prefix` as a person writes it, in which no character is encoded."""
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    return bucket, prefix


def object_address(url: str) -> ObjectAddress:
    """The parts of an address that `ObjectAddress.url` gave."""
    place, _, query = url.removeprefix(SCHEME).partition("?")
    bucket, _, key = place.partition("/")
    options = {name: values[0] for name, values in parse_qs(query).items()}
    return ObjectAddress(
        bucket, unquote(key), options.get("endpoint"), options.get("region"), options.get("mount")
    )


def secret_files(url: str) -> tuple[str, ...]:
    """The files of Secrets that whoever fetches from an address reads; none for most."""
    if (path := secret_path(url)) is not None:
        return (path,)
    mount = object_address(url).mount if is_object(url) else None
    return tuple(f"{mount}/{key}" for key in SECRET_KEYS) if mount else ()


def _quoted(key: str) -> str:
    """Percent-encoded where a reader would take a character for something else; letters of any script
    stay."""
    return "".join(
        letter
        if letter.isprintable() and letter != " " and letter not in _RESERVED
        else quote(letter, safe="", errors="replace")
        for letter in key
    )
