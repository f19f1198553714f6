"""The places in which a cache can lie: a folder, and a bucket of a real S3 server."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest_worker.cache.folder import FolderStorage
from ingest_worker.cache.objects import ObjectStorage, s3
from ingest_worker.cache.storage import Storage
from testkit.s3.server import ROOT, S3Server, serving

BUCKET = "audio"


@dataclass(frozen=True)
class Place:
    """One place."""

    storage: Storage
    away: Callable[[], Storage]
    """A place of the same kind that cannot be reached."""


@pytest.fixture(scope="session")
def server() -> Iterator[S3Server]:
    with serving() as server:
        server.bucket(BUCKET)
        yield server


@pytest.fixture
def bucket(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT.secret_access_key)
    return Place(
        ObjectStorage(s3(server.url), f"{BUCKET}/{uuid.uuid4().hex}/prefix"),
        lambda: ObjectStorage(s3("http://127.0.0.1:9"), BUCKET),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Place:
    def away() -> Storage:
        (tmp_path / "file").touch()
        return FolderStorage(tmp_path / "file" / "cache")

    return Place(FolderStorage(tmp_path / "cache"), away)


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found
