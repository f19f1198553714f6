"""Addresses in a Secret: they are fetched from, and nothing that a plan or a run leaves behind has them."""

import base64
import logging
from pathlib import Path

import pytest

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.plan_document import PlanDocument, SkipReason
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.secret_addresses import secret_address
from ingest_contract.selection import Order
from ingest_worker.errors import StageError
from ingest_worker.sources.apart import FetcherApart, make_plan_apart
from ingest_worker.sources.secret_lists import hidden, line_of, lines_of
from testkit.media.site import Answer, Site
from tests.worker.sources.planner import Planner

WORDS = ("geheim", "verborgen", "versteckt", "heimlich")
"""Each of them stands in a secret address, and nowhere else."""

HERE = FetchProfile(allow=AllowedSources(private_addresses=True))


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    return Planner(tmp_path / "plan")


def listed(folder: Path, *lines: str) -> str:
    path = folder / "private-feeds/urls.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return secret_address(str(path))


def private(site: Site, media: dict[str, bytes], folder: Path) -> str:
    """A list of a feed behind a token, a signed file, a file behind a password, and one behind a path."""
    site.put("/feed/e1.mp3?token=geheim-1", media["short.mp3"])
    site.put("/signed.mp3?X-Amz-Signature=heimlich", media["talk.mp3"])
    site.put("/versteckt-77/a.mp4", media["film.mp4"])
    wanted = "Basic " + base64.b64encode(b"ann:verborgen").decode()
    site.put("/locked.mp3", media["short.mp3"], needs=wanted)
    episode = site.url("/feed/e1.mp3?token=geheim-1")
    feed = (
        "<rss version='2.0'><channel><title>Talks</title><item><title>Episode 1</title><guid>1</guid>"
        f"<enclosure url='{episode}' type='audio/mpeg'/></item></channel></rss>"
    )
    return listed(
        folder,
        "# ours",
        site.put("/feed.xml?auth=geheim-feed", feed),
        "",
        site.url("/signed.mp3?X-Amz-Signature=heimlich"),
        site.url("/locked.mp3").replace("//", "//ann:verborgen@"),
        site.url("/versteckt-77/a.mp4"),
        "ftp://geheim.example/x.mp3",
    )


def fetched(item: Item, into: Path) -> bytes:
    return FetcherApart(HERE).fetch(item, into, lambda _: None).path.read_bytes()


def leaks(text: str) -> list[str]:
    return [word for word in WORDS if word in text]


@pytest.mark.slow
def test_everything_on_a_secret_list_is_ingested_and_nothing_shows_it(
    site: Site,
    media: dict[str, bytes],
    planner: Planner,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    order = planner.order(private(site, media, tmp_path), order=Order.SOURCE, min_duration_seconds=1)
    found: PlanDocument = make_plan_apart(order, planner.store, planner.kept.update, lambda: None)
    assert [item.title for item in found.items] == ["Episode 1", "signed", "locked", "a"]
    assert [item.duration_seconds is not None for item in found.items] == [True] * 4
    assert found.skip_counts == {SkipReason.ADDRESS_INVALID: 1}
    assert found.skipped[0].title == "line 7 of private-feeds/urls.txt"
    assert planner.kept == {}, "nothing of it is put into the store"
    content = [fetched(item, tmp_path / f"scratch/{item.index}") for item in found.items]
    assert content == [media[name] for name in ("short.mp3", "talk.mp3", "short.mp3", "film.mp4")]
    assert not leaks(found.to_json() + order.to_json() + caplog.text + "".join(capfd.readouterr()))
    notes = [path.read_text() for path in (tmp_path / "scratch").rglob("*.json")]
    assert len(notes) == len(found.items)
    assert not leaks("".join(notes) + "".join(str(path) for path in tmp_path.rglob("*")))


@pytest.mark.parametrize("what", ["status", "refused", "none", "cut"])
def test_a_failure_is_reported_without_the_address(
    what: str, site: Site, media: dict[str, bytes], planner: Planner, tmp_path: Path
) -> None:
    secret = private(site, media, tmp_path)
    items = planner.plan(secret, order=Order.SOURCE).items
    if what == "status":
        site.answers.clear()
    if what == "cut":
        site.answers = {path: Answer(b"no media", 500) for path in site.answers}
    profile = FetchProfile() if what == "refused" else HERE
    if what == "none":
        listed(tmp_path, site.url("/other.mp3"))
    for item in (items[0], items[-1]):
        with pytest.raises(StageError) as caught:
            FetcherApart(profile).fetch(item, tmp_path / f"scratch/{item.index}", lambda _: None)
        assert (
            caught.value.reason
            in {
                "status": {Reason.NOT_FOUND},
                "refused": {Reason.SOURCE_REFUSED},
                "none": {Reason.NOT_FOUND},
                "cut": {Reason.DOWNLOAD_FAILED},
            }[what]
        )
        assert "private-feeds/urls.txt" in str(caught.value)
        assert not leaks(str(caught.value))


def test_a_feed_that_cannot_be_read_fails_the_plan_without_its_address(
    site: Site, planner: Planner, tmp_path: Path
) -> None:
    error = planner.failure(listed(tmp_path, site.url("/versteckt-1/feed.xml?auth=geheim")))
    assert str(error).startswith("line 1 of private-feeds/urls.txt: ")
    assert error.reason is Reason.NOT_FOUND
    assert not leaks(str(error))


def test_a_renewed_signature_is_used_and_an_address_that_is_gone_is_reported(tmp_path: Path) -> None:
    listed(tmp_path, "https://a.example/1.mp3?sig=old", "https://a.example/2.mp3?sig=old")
    secret = secret_address(str(tmp_path / "private-feeds/urls.txt"))
    first, second = (line.reference for line in lines_of(secret))
    listed(tmp_path, "https://a.example/2.mp3?sig=new", "https://a.example/1.mp3?sig=old")
    assert line_of(first).url == "https://a.example/1.mp3?sig=old"
    assert line_of(second).url == "https://a.example/2.mp3?sig=new"
    listed(tmp_path, "https://a.example/2.mp3?sig=new", "https://a.example/2.mp3?sig=newer")
    for reference in (first, second):
        with pytest.raises(StageError, match="no longer has the address") as caught:
            line_of(reference)
        assert caught.value.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("content", [None, "", "# nothing\n\n"])
def test_a_secret_that_is_missing_or_empty_stops_its_batch_and_is_named(
    content: str | None, planner: Planner, tmp_path: Path
) -> None:
    secret = listed(tmp_path, content or "")
    if content is None:
        (tmp_path / "private-feeds/urls.txt").unlink()
    with pytest.raises(StageError, match=r"private-feeds/urls\.txt") as caught:
        make_plan_apart(planner.order(secret), planner.store, planner.kept.update, lambda: None)
    assert caught.value.reason is Reason.CREDENTIALS_INVALID


def test_a_password_goes_to_its_own_host_and_not_along_with_a_redirect(
    site: Site, media: dict[str, bytes], planner: Planner, tmp_path: Path
) -> None:
    site.put("/talk.mp3", media["short.mp3"])
    elsewhere = site.url("/talk.mp3", host="127.0.0.2")
    site.put("/moved.mp3", status=302, headers={"Location": elsewhere})
    secret = listed(tmp_path, site.url("/moved.mp3").replace("//", "//ann:verborgen@"))
    (item,) = planner.plan(secret).items
    assert fetched(item, tmp_path / "scratch") == media["short.mp3"]
    assert {path for path, shown in site.shown if shown is not None} == {"/moved.mp3"}
    assert site.times("/talk.mp3")


def test_no_part_of_an_address_is_left_in_a_message() -> None:
    address = "https://ann:verborgen%21@media.example/versteckt/a.mp3?sig=heimlich%2Fx&t=1"
    said = f"{address}: 403 for https://media.example/versteckt/a.mp3 (verborgen! heimlich/x) at versteckt"
    assert hidden(said, address) == "***: 403 for https://media.example*** (*** ***) at ***"
