"""The web server of the media files: whole files, parts of them, and what is not there."""

from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from testkit.media.server import asked_range, serving

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "a.m3u8").write_bytes(CONTENT)
    with serving(tmp_path) as base:
        yield f"{base}/a.m3u8"


def fetched(address: str, wanted: str | None = None) -> tuple[int, bytes, Message]:
    request = Request(address, headers={"Range": wanted} if wanted else {})  # noqa: S310 -- our own server's address
    with urlopen(request, timeout=5) as answer:  # noqa: S310 -- as above
        return answer.status, answer.read(), answer.headers


def test_a_whole_file_comes_with_its_media_type_and_the_offer_of_ranges(address: str) -> None:
    status, content, headers = fetched(address)
    assert (status, content) == (200, CONTENT)
    assert headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "part", "told"),
    [
        ("bytes=0-9", CONTENT[:10], "bytes 0-9/1024"),
        ("bytes=1000-", CONTENT[1000:], "bytes 1000-1023/1024"),
        ("bytes=-24", CONTENT[1000:], "bytes 1000-1023/1024"),
        ("bytes=1000-9999", CONTENT[1000:], "bytes 1000-1023/1024"),
    ],
    ids=["first", "from", "last", "too-many"],
)
def test_a_part_comes_with_its_place(address: str, wanted: str, part: bytes, told: str) -> None:
    status, content, headers = fetched(address, wanted)
    assert (status, content, headers["Content-Range"]) == (206, part, told)


def test_a_part_beyond_the_end_is_refused_with_the_size(address: str) -> None:
    with pytest.raises(HTTPError) as caught:
        fetched(address, "bytes=2000-")
    caught.value.close()
    assert (caught.value.code, caught.value.headers["Content-Range"]) == (416, "bytes */1024")


def test_what_is_not_there_is_a_404_with_and_without_a_range(address: str) -> None:
    for wanted in (None, "bytes=0-1"):
        with pytest.raises(HTTPError) as caught:
            fetched(f"{address}.missing", wanted)
        caught.value.close()
        assert caught.value.code == 404


def test_nothing_outside_the_folder_is_served(address: str, tmp_path: Path) -> None:
    secret = tmp_path.parent / f"{tmp_path.name}-secret"
    secret.write_text("secret")
    with pytest.raises(HTTPError) as caught:
        fetched(address.replace("a.m3u8", f"%2e%2e/{secret.name}"))
    caught.value.close()
    assert caught.value.code == 404


def test_a_header_that_asks_for_several_ranges_gets_the_whole() -> None:
    assert asked_range("bytes=0-1,4-5", 10) == (0, 9)
    assert asked_range("lines=0-1", 10) == (0, 9)


def test_the_server_is_gone_after_the_block(tmp_path: Path) -> None:
    with serving(tmp_path) as base:
        pass
    with pytest.raises(OSError, match="refused"):
        urlopen(base, timeout=5)  # noqa: S310 -- our own server's address
