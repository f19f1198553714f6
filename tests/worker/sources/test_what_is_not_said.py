"""Secrets that a run learns while it runs: cookies that a site renews, and what opens a bucket. Nothing says
them."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from ingest_contract.failures import Reason
from ingest_contract.object_address import ObjectAddress
from ingest_contract.order import Item
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.selection import Order
from ingest_contract.sites import SiteAccess
from ingest_worker import hiding
from ingest_worker.errors import StageError
from ingest_worker.hiding import hidden, know, learned
from ingest_worker.logs import formatter
from ingest_worker.sources.apart import FetcherApart, make_plan_apart
from ingest_worker.sources.credentials import ambient, mounted
from testkit.site.answers import Answer
from testkit.site.entries import channel
from testkit.site.extractor import VARIABLE, folder, registered
from testkit.site.rules import Refusal
from testkit.site.server import Site, serving
from testkit.site.visits import cookie_file
from tests.worker.sources.planner import Planner

HERE = FetchProfile(allow=AllowedSources(private_addresses=True))
TALKS = channel(12, seconds=(3, 4))


class Quoting(Site):
    """A site that renews a cookie at every page, and quotes it to whom it refuses."""

    @override
    def answer(self, path: str, headers: Any, egress: str) -> Answer:
        answer = super().answer(path, headers, egress)
        token = self.visits.accounts["ann"].token
        answer.body = answer.body.replace(b'"reason": "', f'"reason": "{token} is yours. '.encode())
        return answer


@pytest.fixture
def tube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Quoting]:
    monkeypatch.setenv(VARIABLE, str(folder(tmp_path / "plugins")))
    with registered(), serving(Quoting(TALKS)) as site:
        site.rules.renew_after, site.rules.grace = 1, 0
        yield site  # type: ignore[misc] # `serving` gives what it was given


def access(site: Site, tmp_path: Path) -> tuple[SiteAccess]:
    path = tmp_path / "tube-login" / "cookies.txt"
    path.parent.mkdir()
    cookie_file(path, site.visits.join("ann"), host="127.0.0.1")
    return (SiteAccess(name="*", cookies=str(path)),)


def refused(site: Site) -> Item:
    entry = next(each for each in TALKS.entries if each.fate is Reason.PRIVATE)
    return Item(index=0, id=f"tube:{entry.id}", url=site.url(f"watch/{entry.id}"))


def test_a_cookie_that_the_site_renewed_in_the_run_is_not_quoted(tube: Quoting, tmp_path: Path) -> None:
    fetcher = FetcherApart(HERE, access(tube, tmp_path))
    with pytest.raises(StageError) as caught:
        fetcher.fetch(refused(tube), tmp_path / "a", lambda _: None)
    assert "*** is yours" in str(caught.value)
    assert "ann-" not in str(caught.value)


def test_a_plan_that_is_refused_does_not_quote_the_cookies_of_its_pages(
    tube: Quoting, tmp_path: Path
) -> None:
    planner = Planner(tmp_path / "scratch")
    order = planner.order(tube.url("@talks"), min_duration_seconds=1, order=Order.NEWEST_FIRST)
    order = order.model_copy(update={"sites": access(tube, tmp_path)})
    tube.rules.refused_accounts["ann"] = Refusal.BOT_CHECK
    with pytest.raises(StageError) as caught:
        make_plan_apart(order, planner.store, planner.kept.update, lambda: None)
    assert "*** is yours" in str(caught.value)
    assert "ann-" not in str(caught.value)


CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIA-SCHLUESSEL",
    "AWS_SECRET_ACCESS_KEY": "sehr/geheim+er=Schluessel",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEBYaDJ//Token==",
}
SECRET = tuple(CREDENTIALS.values())[1:]


def test_what_opens_a_bucket_is_not_said_by_a_library(tmp_path: Path) -> None:
    for name, text in CREDENTIALS.items():
        (tmp_path / name).write_text(text + "\n")
    found = mounted(ObjectAddress("talks", "", mount=str(tmp_path)))
    said = str(StageError(Reason.UNKNOWN, f"ClientError: {SECRET[1]!r} signed {SECRET[0]}"))
    assert said == "ClientError: '***' signed ***"
    assert not [secret for secret in SECRET if secret in repr(found)]


def test_what_the_machine_opens_a_bucket_with_is_not_said_either(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in CREDENTIALS.items():
        monkeypatch.setenv(name, text)
    ambient(ObjectAddress("talks", ""), AllowedSources(buckets=("talks",)))
    assert str(StageError(Reason.UNKNOWN, " ".join(CREDENTIALS.values()))) == "AKIA-SCHLUESSEL *** ***"


@pytest.mark.parametrize("text", ["%s", "tab\t%s", "token %r"])
def test_a_line_of_the_log_has_no_secret_nor_its_traceback(text: str) -> None:
    secrets = ('quo"ted\\geheim', "überaus geheim")
    know(secrets)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter("0" * 32))
    for secret in secrets:
        try:
            broken(text % secret)
        except ValueError as error:
            record = logging.LogRecord(
                "s3fs", logging.ERROR, "", 0, text, (secret,), (ValueError, error, None)
            )
            handler.handle(record)
    assert "***" in stream.getvalue()
    assert "geheim" not in stream.getvalue()


def broken(said: str) -> None:
    raise ValueError(said)


def test_of_thousands_of_cookies_the_latest_are_remembered_and_what_was_given_always() -> None:
    know(["short", "", None, "bob:hunter2pw"])
    learned(f"cookie number {number:06}" for number in range(20_000))
    assert hidden("a short cookie number 019999 of bob:hunter2pw@proxy") == "a short *** of ***@proxy"
    assert len(hiding._given) + len(hiding._learned) < 5_000
