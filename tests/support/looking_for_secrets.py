"""Looks for secrets in whatever a run leaves: as they are, and as addresses and headers carry them."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms_of(secret: str) -> frozenset[str]:
    """A secret as it stands in a file, an address, a header and the data of a Secret. Of base64 the middle,
    which is the same wherever the secret begins."""
    found = {secret, quote(secret, safe=""), quote_plus(secret), ascii(secret)[1:-1]}
    for padding in range(3):
        coded = base64.b64encode(b" " * padding + secret.encode()).decode()
        found.add(coded[4:-4])
    return frozenset(found)


def leaks(places: Mapping[str, str], secrets: Iterable[str]) -> list[tuple[str, str]]:
    """(place, secret) for each secret that stands somewhere."""
    return [
        (place, secret)
        for place, text in places.items()
        for secret in secrets
        if any(form in text for form in forms_of(secret))
    ]


def files_below(folder: Path) -> Iterator[tuple[str, str]]:
    """(path, content) of every file; a name counts as content."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        content = (
            path.read_bytes().decode(errors="replace") if path.is_file() and not path.is_symlink() else ""
        )
        yield name, f"{name}\n{content}"
