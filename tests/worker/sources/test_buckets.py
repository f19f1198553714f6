"""Recordings in a bucket of a real S3 server: what is listed, what is fetched, and how each failure is
told."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest_contract.failures import Reason
from ingest_contract.object_address import ObjectAddress, object_address
from ingest_contract.order import Item, PlannedSource
from ingest_contract.plan_document import PlanDocument, SkipReason
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.selection import Order
from ingest_worker.errors import StageError
from ingest_worker.sources.apart import FetcherApart, make_plan_apart
from ingest_worker.sources.buckets import Buckets
from ingest_worker.sources.fetcher import SourceFetcher
from ingest_worker.sources.guard import policy_of
from testkit.s3.cutting import cutting
from testkit.s3.server import ROOT, Account, S3Server, serving
from tests.worker.sources.planner import Planner, titles

pytestmark = pytest.mark.slow

BUCKET = "recordings"
HERE = AllowedSources(private_addresses=True)


@pytest.fixture(scope="module")
def s3(media: dict[str, bytes]) -> Iterator[S3Server]:
    """A bucket with fifty recordings of 2025, five of 2024, and notes."""
    with serving() as server:
        server.bucket(BUCKET)
        for number in range(50):
            server.put(BUCKET, f"talks/2025/talk {number:02}.mp3", media["short.mp3"] + bytes([number]))
        for number in range(5):
            server.put(BUCKET, f"talks/2024/old-{number}.mp4", media["film.mp4"])
        server.put(BUCKET, "talks/2025/notes.txt", b"not a recording")
        server.put(BUCKET, "talks2/other.mp3", media["talk.mp3"])
        yield server


def source(
    s3: S3Server, folder: Path, prefix: str = "talks", *, by: Account = ROOT, **changed: Any
) -> PlannedSource:
    mount = str(by.into(folder / "secrets/bucket-reader"))
    facts = {"endpoint": s3.url, "region": "us-east-1", "mount": mount, "bucket": BUCKET} | changed
    glob = facts.pop("glob", None)
    return PlannedSource(url=ObjectAddress(key=prefix, **facts).url, glob=glob)


def planned(found: PlannedSource, planner: Planner, **select: Any) -> PlanDocument:
    return planner.plan(found, **{"order": Order.SOURCE} | select)


def planned_apart(found: PlannedSource, planner: Planner) -> PlanDocument:
    order = planner.order(found, order=Order.SOURCE)
    return make_plan_apart(order, planner.store, planner.kept.update, lambda: None)


def failure(found: PlannedSource, planner: Planner, plan: Any = planned) -> StageError:
    with pytest.raises(StageError) as caught:
        plan(found, planner)
    return caught.value


def fetched(item: Item, into: Path, **changed: Any) -> Path:
    fetch = FetchProfile.model_validate({"allow": HERE, **changed})
    return SourceFetcher(fetch).fetch(item, into, lambda _: None).path


def fetch_failure(item: Item, into: Path, **changed: Any) -> StageError:
    with pytest.raises(StageError) as caught:
        fetched(item, into, **changed)
    return caught.value


def test_fifty_recordings_are_found_by_glob_and_fetched_as_they_are(
    s3: S3Server, media: dict[str, bytes], planner: Planner, tmp_path: Path
) -> None:
    found = planned_apart(source(s3, tmp_path, glob="2025/*.mp3"), planner)
    assert titles(found) == [f"talk {number:02}" for number in range(50)]
    assert found.skip_counts == {}, "what the glob leaves out was not asked for"
    fetcher = FetcherApart(FetchProfile(allow=HERE))
    media_of = fetcher.fetch(found.items[7], tmp_path / "m", lambda _: None)
    assert media_of.path.read_bytes() == media["short.mp3"] + bytes([7])
    assert media_of.title == "talk 07"


def test_lengths_are_read_from_a_few_ranges_where_the_selection_needs_them(
    s3: S3Server, planner: Planner, tmp_path: Path
) -> None:
    found = planned(source(s3, tmp_path, glob="2024/old-[01].mp4"), planner, min_duration_seconds=1)
    assert [item.duration_seconds for item in found.items] == [6, 6]


def test_everything_below_a_prefix_is_found_and_nothing_beside_it(
    s3: S3Server, planner: Planner, tmp_path: Path
) -> None:
    found = planned(source(s3, tmp_path), planner)
    assert len(found.items) == 55
    assert found.skip_counts == {SkipReason.ENDING_UNKNOWN: 1}
    assert found.skipped[0].detail == "1 .txt in talks"
    assert titles(planned(source(s3, tmp_path, "talks2/other.mp3"), planner)) == ["other"]


def test_a_prefix_that_nothing_has_is_named_beside_others_and_an_empty_folder_is_none(
    s3: S3Server, planner: Planner, tmp_path: Path
) -> None:
    gone, there = source(s3, tmp_path, "talks/2031"), source(s3, tmp_path, "talks2")
    found = planner.plan(gone, there, order=Order.SOURCE)
    assert titles(found) == ["other"]
    assert found.skip_counts == {SkipReason.UNREADABLE: 1}
    assert "nothing in the bucket has this prefix" in found.skipped[0].detail
    s3.put(BUCKET, "inbox/", b"")
    assert planned(source(s3, tmp_path, "inbox"), planner).items == ()


def test_a_recording_keeps_its_id_until_its_content_changes(
    s3: S3Server, media: dict[str, bytes], planner: Planner, tmp_path: Path
) -> None:
    s3.put(BUCKET, "ids/one.mp3", media["short.mp3"])
    ids = [planned(source(s3, tmp_path, "ids"), planner).items[0].id for _ in range(2)]
    s3.put(BUCKET, "ids/one.mp3", media["talk.mp3"])
    after = planned(source(s3, tmp_path, "ids"), planner).items[0].id
    with cutting(s3.url) as elsewhere:
        there = planned(source(s3, tmp_path, "ids", endpoint=elsewhere.url), planner).items[0].id
    assert ids[0] == ids[1] != after == there


@pytest.mark.parametrize(
    ("who", "changed", "told"),
    [
        (Account("nobody", "geheim-wrong"), {}, (Reason.CREDENTIALS_INVALID, "InvalidAccessKeyId")),
        (
            Account(ROOT.access_key_id, "geheim-wrong"),
            {},
            (Reason.CREDENTIALS_INVALID, "SignatureDoesNotMatch"),
        ),
        (ROOT, {"bucket": "there-is-none"}, (Reason.NOT_FOUND, "NoSuchBucket")),
        (ROOT, {"prefix": "talks/gone.mp3"}, (Reason.NOT_FOUND, "there is no such object")),
        (ROOT, {"prefix": "talks/2031"}, (Reason.NOT_FOUND, "nothing in the bucket has this prefix")),
        (ROOT, {"glob": "/talks/*"}, (Reason.SOURCE_UNSUPPORTED, "the glob")),
        (ROOT, {"endpoint": "http://s3.invalid"}, (Reason.DOWNLOAD_FAILED, "s3.invalid has no address")),
    ],
    ids=["a key", "a secret", "a bucket", "an object", "a prefix", "a glob", "a server"],
)
def test_a_bucket_that_cannot_be_listed_is_reported_by_what_is_wrong(
    who: Account,
    changed: dict[str, str],
    told: tuple[Reason, str],
    s3: S3Server,
    planner: Planner,
    tmp_path: Path,
) -> None:
    reason, says = told
    plan = planned_apart if reason is Reason.CREDENTIALS_INVALID else planned
    error = failure(source(s3, tmp_path, by=who, **changed), planner, plan)
    assert (error.reason, says in str(error)) == (reason, True), str(error)
    assert "geheim" not in str(error)


def test_a_reader_that_may_not_list_or_may_not_read_is_reported(
    s3: S3Server, media: dict[str, bytes], planner: Planner, tmp_path: Path
) -> None:
    s3.bucket("guarded")
    s3.put("guarded", "one.mp3", media["short.mp3"])
    reader = s3.account("reader")
    guarded = source(s3, tmp_path, "", by=reader, bucket="guarded")
    assert failure(guarded, planner).reason is Reason.ACCESS_DENIED
    s3.allow("guarded", reader, "s3:ListBucket")
    item = planned(guarded, planner).items[0]
    assert fetch_failure(item, tmp_path / "m").reason is Reason.ACCESS_DENIED
    s3.allow("guarded", reader, "s3:ListBucket", "s3:GetObject")
    assert fetched(item, tmp_path / "m").read_bytes() == media["short.mp3"]


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", None])
def test_a_secret_without_its_keys_stops_the_batch_and_is_named(
    missing: str | None, s3: S3Server, planner: Planner, tmp_path: Path
) -> None:
    found = source(s3, tmp_path)
    for path in (tmp_path / "secrets/bucket-reader").iterdir():
        if missing in (path.name, None):
            path.unlink()
    error = failure(found, planner, planned_apart)
    assert error.reason is Reason.CREDENTIALS_INVALID
    assert f"the Secret bucket-reader has no {missing or 'AWS_ACCESS_KEY_ID'}" in str(error)


def test_an_object_that_vanishes_or_is_replaced_costs_its_recording_alone(
    s3: S3Server, media: dict[str, bytes], planner: Planner, tmp_path: Path
) -> None:
    for name in ("gone", "new", "same"):
        s3.put(BUCKET, f"moving/{name}.mp3", media["short.mp3"])
    gone, new, same = planned(source(s3, tmp_path, "moving"), planner).items
    s3.delete(BUCKET, "moving/gone.mp3")
    s3.put(BUCKET, "moving/new.mp3", media["talk.mp3"])
    assert fetch_failure(gone, tmp_path / "gone").reason is Reason.NOT_FOUND
    assert fetch_failure(new, tmp_path / "new").reason is Reason.SOURCE_CHANGED
    assert fetched(same, tmp_path / "same").read_bytes() == media["short.mp3"]


def test_a_download_goes_on_where_it_broke_off_and_fails_when_nothing_more_comes(
    s3: S3Server, planner: Planner, tmp_path: Path
) -> None:
    content = os.urandom(3_000_000)
    s3.put(BUCKET, "large/one.mp3", content)
    item = planned(source(s3, tmp_path, "large"), planner).items[0]
    with cutting(s3.url) as way:
        address = object_address(item.url)
        through = ObjectAddress(address.bucket, address.key, way.url, address.region, address.mount)
        cut = item.model_copy(update={"url": through.url})
        way.after_bytes, way.answers = 700_000, 2
        assert fetched(cut, tmp_path / "m").read_bytes() == content
        assert way.cut == 2
        way.after_bytes, way.answers = 1_500, -1
        error = fetch_failure(cut, tmp_path / "n")
    assert error.reason is Reason.DOWNLOAD_FAILED
    assert "broke off" in str(error)


def test_an_object_larger_than_the_profile_allows_is_refused_before_it_comes(
    s3: S3Server, planner: Planner, tmp_path: Path
) -> None:
    s3.put(BUCKET, "huge/one.mp3", bytes(1_500_000))
    item = planned(source(s3, tmp_path, "huge"), planner).items[0]
    error = fetch_failure(item, tmp_path / "m", max_bytes=1_000_000)
    assert error.reason is Reason.TOO_LONG
    assert str(error) == "1500000 bytes, and the profile allows 1000000"


def test_a_private_endpoint_is_refused_unless_the_profile_allows_it(
    s3: S3Server, planner: Planner, tmp_path: Path
) -> None:
    planner.allow = {}
    error = failure(source(s3, tmp_path), planner)
    assert error.reason is Reason.SOURCE_REFUSED
    assert "fetch.allow.privateAddresses" in str(error)


def test_own_credentials_open_the_buckets_that_the_profile_names_and_no_other(
    s3: S3Server, planner: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT.secret_access_key)
    own = source(s3, tmp_path, mount=None)
    error = failure(own, planner)
    assert error.reason is Reason.SOURCE_REFUSED
    assert "fetch.allow.buckets" in str(error)
    planner.allow["buckets"] = (BUCKET,)
    found = planned_apart(own, planner)
    assert len(found.items) == 55
    allow = HERE.model_copy(update={"buckets": (BUCKET,)})
    fetcher = FetcherApart(FetchProfile(allow=allow))
    assert fetcher.fetch(found.items[0], tmp_path / "m", lambda _: None).path.stat().st_size > 0
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    error = failure(own, planner)
    assert error.reason is Reason.CREDENTIALS_INVALID
    assert "no credentials of its own" in str(error)


def test_neither_keys_nor_signatures_are_in_plans_messages_and_logs(
    s3: S3Server,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    fetch = FetchProfile(allow=HERE)
    buckets = Buckets(fetch, policy_of(HERE), lambda: None)
    found = buckets.contents(source(s3, tmp_path, "talks2"))
    shown = [str(found), caplog.text]
    for who in (Account(ROOT.access_key_id, "a-secret-that-is-wrong"), Account("some-key", "a-secret-of-it")):
        with pytest.raises(StageError) as caught:
            buckets.contents(source(s3, tmp_path, "talks2", by=who))
        shown += [str(caught.value), caplog.text, str(caught.value.__cause__)]
    text = "".join(shown)
    assert [word for word in ("a-secret", ROOT.access_key_id, "some-key", "Signature=") if word in text] == []
