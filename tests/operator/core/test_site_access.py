"""Which entries a process gets: those of the addresses that it fetches."""

import pytest

from ingest_contract.order import Item
from ingest_contract.sites import SiteAccess
from ingest_operator.core.site_access import needed

ACCESS = tuple(SiteAccess(name=name) for name in ("youtube", "media.example.org", "vimeo", "twitch", "*"))


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("https://www.youtube.com/watch?v=x", {"youtube"}),
        ("https://media.example.org/a.mp3", {"media.example.org"}),
        ("https://youtube.evil/watch?v=x", {"vimeo", "twitch", "*"}),
        ("https://vimeo.com/1", {"vimeo", "twitch", "*"}),
        ("file:///recordings/a.mp3", set()),
    ],
)
def test_an_address_without_an_id_gets_what_only_yt_dlp_can_tell_and_no_entry_of_another_host(
    url: str, names: set[str]
) -> None:
    assert {each.name for each in needed(ACCESS, None, [url])} == names


def test_a_recording_gets_the_one_entry_that_its_id_or_its_host_names() -> None:
    for recording, url, name in (
        ("vimeo:1", "https://vimeo.com/1", "vimeo"),
        ("twitchvod:1", "https://www.twitch.tv/videos/1", "twitch"),
        ("url:1", "https://vimeo.com/a.mp3", "*"),
        ("youtube:x", "https://youtube.evil/watch?v=x", "*"),
    ):
        item = Item(index=0, id=recording, url=url)
        assert [each.name for each in needed(ACCESS, item)] == [name]
