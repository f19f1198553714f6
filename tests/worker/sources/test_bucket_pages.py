"""Lists of an object store that come in pages, from servers that go on with them in ways of their own."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Literal
from unicodedata import normalize
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from ingest_contract.failures import Reason
from ingest_contract.object_address import ObjectAddress, object_address
from ingest_contract.order import PlannedSource
from ingest_contract.selection import Order
from ingest_worker.errors import StageError
from testkit.media.site import Answer, Site
from testkit.s3.server import ROOT
from tests.worker.sources.planner import Planner, titles

Form = Literal["NFC", "NFD"]

_MOST_REQUESTS = 5
"""Lists after which a server says that nothing more comes, so that whoever goes on asking is noticed."""


class Lists(dict[str, Answer]):
    """A server's answers: what it lists for each token, and the token that it gives then."""

    def __init__(self, pages: dict[str, tuple[Sequence[str], bool, str]], *, deaf: bool = False) -> None:
        super().__init__()
        self._pages, self._deaf = pages, deaf
        self.tokens: list[str] = []

    def get(self, path: str, _: object = None) -> Answer:  # type: ignore[override] # as `Site` asks
        asked = parse_qs(urlsplit(path).query)
        token, prefix = (asked.get(name, [""])[0] for name in ("continuation-token", "prefix"))
        self.tokens.append(token)
        every, more, following = self._pages["" if self._deaf else token]
        keys = [key for key in every if key.startswith(prefix)]
        if self._deaf:  # to tokens, of which it gives new ones
            more, following = len(self.tokens) < _MOST_REQUESTS, f"{following}{len(self.tokens)}"
        contents = "".join(
            f"<Contents><Key>{quote(key)}</Key><ETag>&quot;{key}&quot;</ETag><Size>9</Size></Contents>"
            for key in keys
        )
        after = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
        listed = f"<IsTruncated>{str(more).lower()}</IsTruncated><EncodingType>url</EncodingType>{contents}"
        xml = f"<?xml version='1.0'?><ListBucketResult>{listed}{after}</ListBucketResult>"
        return Answer(xml.encode(), headers={"Content-Type": "application/xml"})


def source(
    site: Site, lists: Lists, folder: Path, prefix: str = "", glob: str | None = None
) -> PlannedSource:
    site.answers = lists  # type: ignore[assignment] # answers that are no table
    mount = str(ROOT.into(folder / "secrets/reader"))
    address = ObjectAddress("recordings", prefix, site.url("").rstrip("/"), "us-east-1", mount)
    return PlannedSource(url=address.url, glob=glob)


def test_every_page_is_listed_also_behind_an_empty_one_and_one_that_begins_like_a_token(
    site: Site, planner: Planner, tmp_path: Path
) -> None:
    pages: dict[str, tuple[Sequence[str], bool, str]] = {
        "": (["a.mp3"], True, "a.mp3"),
        "a.mp3": ([], True, "more"),
        "more": ([], True, "most"),
        "most": (["b.mp3", "c.mp3"], False, ""),
    }
    found = planner.plan(source(site, Lists(pages), tmp_path), order=Order.SOURCE)
    assert titles(found) == ["a", "b", "c"]


@pytest.mark.parametrize("forms", [*product(["NFC", "NFD"], repeat=2)])
@pytest.mark.parametrize(
    "named",
    [("", "*/d\u00e9but.mp3"), ("R\u00e9union", "d?but.mp3"), ("R\u00e9union/d\u00e9but.mp3", "**/*")],
)
def test_keys_are_found_whatever_their_normal_form_and_stay_as_they_are(
    named: tuple[str, str], forms: tuple[Form, Form], site: Site, planner: Planner, tmp_path: Path
) -> None:
    (prefix, glob), (written, form) = named, forms
    key = normalize(form, "R\u00e9union/d\u00e9but.mp3")
    lists = Lists({"": ([key], False, "")})
    asked = source(site, lists, tmp_path, normalize(written, prefix), normalize(written, glob))
    (found,) = planner.plan(asked, order=Order.SOURCE).items
    assert object_address(found.url).key == key


@pytest.mark.parametrize(
    ("lists", "asked"),
    [
        (Lists({"": (["a.mp3"], True, "")}), 1),
        (Lists({"": (["a.mp3"], True, "x"), "x": (["b.mp3"], True, "x")}), 2),
        (Lists({"": (["a.mp3"], True, "x"), "x": ([], True, "x")}), 2),
        (Lists({"": (["a.mp3", "b.mp3"], True, "x")}, deaf=True), 2),
    ],
    ids=["no way on", "the same way on", "nothing, and the same way on", "the first page again"],
)
def test_a_list_that_does_not_go_on_is_refused_and_not_asked_for_without_end(
    lists: Lists, asked: int, site: Site, planner: Planner, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match="does not list what comes behind the first") as caught:
        planner.plan(source(site, lists, tmp_path), order=Order.SOURCE)
    assert caught.value.reason is Reason.SOURCE_UNSUPPORTED
    assert len(lists.tokens) == asked
