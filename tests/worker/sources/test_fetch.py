"""Fetching from a real server with the real yt-dlp: what arrives, and how each kind of failure is told."""

import itertools
import os
import re
from pathlib import Path

import pytest
from yt_dlp import globals as yt_dlp_globals
from yt_dlp.postprocessor import FFmpegPostProcessor

from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.sources.fetcher import SourceFetcher
from testkit.media.site import Answer, Site

HERE = AllowedSources(private_addresses=True)


def item(url: str, title: str = "") -> Item:
    return Item(index=0, id="url:0123456789abcdef", url=url, title=title)


def fetch(url: str, into: Path, **profile: int) -> Media:
    return SourceFetcher(FetchProfile.model_validate({"allow": HERE, **profile})).fetch(
        item(url), into, lambda _: None
    )


def failure(url: str, into: Path, **profile: int) -> StageError:
    with pytest.raises(StageError) as caught:
        fetch(url, into, **profile)
    assert not (into / "media.json").exists()
    return caught.value


def hls(
    site: Site, content: bytes, *, parts: int = 3, end: str = "#EXT-X-ENDLIST\n", elsewhere: str = ""
) -> str:
    """A playlist of pieces of a transport stream, two seconds each."""
    size = -(-len(content) // parts)
    for number in range(parts):
        site.put(f"/hls/{number}.ts", content[number * size : (number + 1) * size])
    pieces = "".join(f"#EXTINF:2.0,\n{elsewhere}{number}.ts\n" for number in range(parts))
    site.put("/hls/media.m3u8", f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n{pieces}{end}")
    return site.put("/hls/master.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\nmedia.m3u8\n")


@pytest.mark.parametrize("name", ["film.mp4", "clip.webm", "talk.mp3", "call.wav", "note.ogg"])
def test_a_media_file_arrives_as_it_is(
    name: str, site: Site, media: dict[str, bytes], tmp_path: Path
) -> None:
    shares: list[float] = []
    fetcher = SourceFetcher(FetchProfile(allow=HERE))
    found = fetcher.fetch(item(site.put(f"/{name}", media[name])), tmp_path / "scratch", shares.append)
    assert found.path.read_bytes() == media[name]
    assert found.path.parent == tmp_path / "scratch"
    assert found.title == name.partition(".")[0]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_hls_is_put_together_without_any_program(
    site: Site, media: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    url = hls(site, media["cast.ts"])
    found = fetch(url, tmp_path)
    assert found.path.read_bytes() == media["cast.ts"]
    assert found.duration_seconds == pytest.approx(6.0)


@pytest.mark.slow
def test_a_page_with_a_player_gives_its_recording(
    site: Site, media: dict[str, bytes], tmp_path: Path
) -> None:
    site.put("/v/film.mp4", media["film.mp4"])
    page = '<html><head><title>t</title><meta property="og:title" content="A talk"></head>'
    page += '<body><video src="/v/film.mp4"></video></body></html>'
    found = fetch(site.put("/page.html", page), tmp_path)
    assert found.path.read_bytes() == media["film.mp4"]
    assert found.title.startswith("A talk")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, Reason.NOT_FOUND),
        (410, Reason.NOT_FOUND),
        (401, Reason.PRIVATE),
        (403, Reason.DOWNLOAD_FAILED),
        (500, Reason.DOWNLOAD_FAILED),
        (451, Reason.GEO_BLOCKED),
    ],
)
def test_each_refusal_of_the_server_has_its_reason(
    status: int, reason: Reason, site: Site, tmp_path: Path
) -> None:
    error = failure(site.put("/a.mp4", b"no", status=status), tmp_path)
    assert error.reason is reason
    assert str(status) in str(error)


def test_a_server_that_asks_us_to_slow_down_says_for_how_long(site: Site, tmp_path: Path) -> None:
    error = failure(site.put("/a.mp4", status=429, headers={"Retry-After": "77"}), tmp_path)
    assert error.reason is Reason.RATE_LIMITED
    assert error.retry_after_seconds == 77


def test_nobody_listening_is_a_failed_download(tmp_path: Path) -> None:
    assert failure("http://127.0.0.1:9/a.mp4", tmp_path).reason is Reason.DOWNLOAD_FAILED


def test_a_connection_that_breaks_is_taken_up_again_where_it_broke(
    site: Site, media: dict[str, bytes], tmp_path: Path
) -> None:
    content = media["film.mp4"]
    breaks = itertools.chain(
        [Answer(content), Answer(content[:20_000], length=len(content))], itertools.repeat(Answer(content))
    )
    site.answers["/a.mp4"] = lambda: next(breaks)
    assert fetch(site.url("/a.mp4"), tmp_path).path.read_bytes() == content
    assert any(re.fullmatch(r"bytes=[1-9]\d+-", asked or "") for _, asked in site.asked)


def test_a_connection_that_always_breaks_is_a_failed_download(
    site: Site, media: dict[str, bytes], tmp_path: Path
) -> None:
    content = media["film.mp4"]
    url = site.put("/a.mp4", content[:20_000], length=len(content), ranges=False)
    assert failure(url, tmp_path).reason is Reason.DOWNLOAD_FAILED


def test_a_missing_segment_is_a_failure_and_not_a_shorter_recording(
    site: Site, media: dict[str, bytes], tmp_path: Path
) -> None:
    url = hls(site, media["cast.ts"])
    site.put("/hls/1.ts", status=404)
    error = failure(url, tmp_path)
    assert error.reason is Reason.DOWNLOAD_FAILED


def test_a_live_playlist_is_for_later(site: Site, media: dict[str, bytes], tmp_path: Path) -> None:
    url = hls(site, media["cast.ts"], end="")
    assert failure(url, tmp_path).reason is Reason.LIVE_OR_UPCOMING
    assert site.times("/hls/0.ts") == 0


def test_a_playlist_that_only_a_program_could_read_starts_none(
    site: Site, media: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho ran >> {tmp_path}/ran\necho ffmpeg version 7.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    # it looks for programs once in a process
    monkeypatch.setattr(FFmpegPostProcessor, "_version_cache", {None: None})
    url = hls(site, media["cast.ts"], end='#EXT-X-KEY:METHOD=SAMPLE-AES,URI="key"\n#EXT-X-ENDLIST\n')
    assert failure(url, tmp_path / "scratch").reason is Reason.SOURCE_UNSUPPORTED
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("url", ["ytsearch:talk", "ftp://127.0.0.1/a.mp4", "talk"])
def test_what_is_no_address_of_the_web_is_not_asked_for(url: str, tmp_path: Path) -> None:
    assert failure(url, tmp_path).reason is Reason.SOURCE_UNSUPPORTED


def test_an_encrypted_playlist_is_protected(site: Site, media: dict[str, bytes], tmp_path: Path) -> None:
    url = hls(
        site,
        media["cast.ts"],
        end='#EXT-X-KEY:METHOD=SAMPLE-AES,KEYFORMAT="com.apple.streamingkeydelivery",URI="skd://x"\n#EXT-X-ENDLIST\n',
    )
    assert failure(url, tmp_path).reason is Reason.DRM_PROTECTED


def test_a_page_without_a_recording_is_not_supported(site: Site, tmp_path: Path) -> None:
    assert (
        failure(site.put("/page.html", "<html><title>x</title><body>Hello</body></html>"), tmp_path).reason
        is Reason.SOURCE_UNSUPPORTED
    )


def test_the_limits_of_size_and_length_end_a_download(
    site: Site, media: dict[str, bytes], tmp_path: Path
) -> None:
    large = media["film.mp4"] + bytes(2_000_000)
    assert failure(site.put("/a.mp4", large), tmp_path, max_bytes=1_000_000).reason is Reason.TOO_LONG
    assert failure(hls(site, media["cast.ts"]), tmp_path, max_duration_seconds=5).reason is Reason.TOO_LONG
    assert site.times("/hls/0.ts") == 0


def test_a_download_that_takes_too_long_is_ended(site: Site, media: dict[str, bytes], tmp_path: Path) -> None:
    whole = Answer(media["film.mp4"])
    answers = itertools.chain(
        [whole], itertools.repeat(Answer(media["film.mp4"][:1000], length=len(media["film.mp4"]), pause=60.0))
    )
    site.answers["/a.mp4"] = lambda: next(answers)
    with pytest.raises(StageError, match="the download takes longer than 2 s") as caught:
        fetch(site.url("/a.mp4"), tmp_path, timeout_seconds=2)
    assert caught.value.reason is Reason.TOO_SLOW


def test_a_full_scratch_disk_is_reported_as_that(site: Site, media: dict[str, bytes], tmp_path: Path) -> None:
    def answer() -> Answer:
        if site.times("/a.mp4") == 2:  # extraction is done and the download begins
            (tmp_path / "media.mp4.part").symlink_to("/dev/full")
        return Answer(media["film.mp4"])

    site.answers["/a.mp4"] = answer
    assert failure(site.url("/a.mp4"), tmp_path).reason is Reason.SCRATCH_FULL


class TestGuarded:
    """The default profile but for one address: everything else on this machine is as far away as a private
    network should be."""

    def failure(self, url: str, into: Path) -> StageError:
        fetcher = SourceFetcher(FetchProfile(), policy=lambda address: str(address) == "127.0.0.1")
        with pytest.raises(StageError) as caught:
            fetcher.fetch(item(url), into, lambda _: None)
        return caught.value

    def test_a_private_address_is_refused_before_anything_is_sent(self, site: Site, tmp_path: Path) -> None:
        assert self.failure(site.url("/a.mp4", host="127.0.0.2"), tmp_path).reason is Reason.SOURCE_REFUSED
        assert site.asked == []

    def test_a_redirect_to_a_private_address_is_refused(
        self, site: Site, media: dict[str, bytes], tmp_path: Path
    ) -> None:
        site.put("/secret.mp4", media["film.mp4"])
        url = site.put("/a.mp4", status=302, headers={"Location": site.url("/secret.mp4", host="127.0.0.2")})
        error = self.failure(url, tmp_path)
        assert error.reason is Reason.SOURCE_REFUSED
        assert "127.0.0.2" in str(error)
        assert site.times("/secret.mp4") == 0

    def test_segments_of_a_playlist_at_a_private_address_are_refused(
        self, site: Site, media: dict[str, bytes], tmp_path: Path
    ) -> None:
        url = hls(site, media["cast.ts"], elsewhere=site.url("/hls/", host="127.0.0.2"))
        assert self.failure(url, tmp_path).reason is Reason.SOURCE_REFUSED
        assert site.times("/hls/0.ts") == 0

    @pytest.mark.parametrize(
        "line",
        [
            '#EXT-X-KEY:METHOD=AES-128,URI="{}"',
            '#EXT-X-MAP:URI="{}"',
            "#EXT-X-STREAM-INF:BANDWIDTH=1\n{}",
        ],
        ids=["key", "map", "variant"],
    )
    def test_nothing_that_a_playlist_names_is_read_from_a_private_address_or_this_machine(
        self, line: str, site: Site, media: dict[str, bytes], tmp_path: Path
    ) -> None:
        site.put("/part.ts", media["cast.ts"])
        site.put("/secret.m3u8", b"0123456789abcdef")
        local = tmp_path / "secret.m3u8"
        local.write_bytes(b"0123456789abcdef")
        for place, reason in (
            (site.url("/secret.m3u8", host="127.0.0.2"), Reason.SOURCE_REFUSED),
            (local.as_uri(), Reason.SOURCE_UNSUPPORTED),
        ):
            head = f"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n{line.format(place)}\n"
            url = site.put("/list.m3u8", f"{head}#EXTINF:6.0,\npart.ts\n#EXT-X-ENDLIST\n")
            assert self.failure(url, tmp_path / "scratch").reason is reason
        assert site.times("/secret.m3u8") == 0

    def test_a_page_that_embeds_a_private_address_is_refused(
        self, site: Site, media: dict[str, bytes], tmp_path: Path
    ) -> None:
        site.put("/secret.mp4", media["film.mp4"])
        page = f'<html><body><video src="{site.url("/secret.mp4", host="127.0.0.2")}"></video></body></html>'
        assert self.failure(site.put("/page.html", page), tmp_path).reason is Reason.SOURCE_REFUSED
        assert site.times("/secret.mp4") == 0

    @pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a.mp4"])
    def test_a_redirect_to_another_scheme_is_not_followed(
        self, target: str, site: Site, tmp_path: Path
    ) -> None:
        url = site.put("/a.mp4", status=302, headers={"Location": target})
        assert self.failure(url, tmp_path).reason in {Reason.SOURCE_UNSUPPORTED, Reason.DOWNLOAD_FAILED}
        assert list(tmp_path.iterdir()) == []

    def test_a_playlist_of_local_files_reads_none(self, site: Site, tmp_path: Path) -> None:
        for number in range(3):
            (tmp_path / f"{number}.ts").write_bytes(b"secret")
        url = hls(site, b"x" * 30, elsewhere=f"{tmp_path.as_uri()}/")
        assert self.failure(url, tmp_path / "scratch").reason in {
            Reason.SOURCE_UNSUPPORTED,
            Reason.DOWNLOAD_FAILED,
        }


def test_a_proxy_of_the_environment_is_not_used(
    site: Site, media: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetch(site.put("/a.mp4", media["film.mp4"]), tmp_path).path.exists()


def test_configuration_files_and_plugins_of_this_machine_are_not_read(
    site: Site, media: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    plugin = home / "yt-dlp/plugins/mine/yt_dlp_plugins/extractor/mine.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("raise SystemExit('a plugin was loaded')")
    (home / "yt-dlp/config").write_text("--exec 'touch exec-was-run'\n--output elsewhere\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    # it looks for them once in a process
    monkeypatch.setattr(yt_dlp_globals.all_plugins_loaded, "value", False)
    found = fetch(site.put("/a.mp4", media["film.mp4"]), tmp_path / "scratch")
    assert found.path.name == "media.mp4"
    assert not Path("exec-was-run").exists()


def test_a_later_run_on_the_same_disk_does_not_download_again(
    site: Site, media: dict[str, bytes], tmp_path: Path
) -> None:
    url = site.put("/a.mp4", media["film.mp4"])
    first = fetch(url, tmp_path)
    asked = len(site.asked)
    assert fetch(url, tmp_path) == first
    assert len(site.asked) == asked


@pytest.mark.parametrize("change", ["cut", "gone", "another item"])
def test_media_that_may_not_be_whole_or_this_items_are_downloaded_again(
    change: str, site: Site, media: dict[str, bytes], tmp_path: Path
) -> None:
    url = site.put("/a.mp4", media["film.mp4"])
    first = fetch(url, tmp_path)
    if change == "cut":
        os.truncate(first.path, 100)
    elif change == "gone":
        first.path.unlink()
    else:
        url = site.put("/b.webm", media["clip.webm"])
    assert (
        fetch(url, tmp_path).path.read_bytes()
        == media["clip.webm" if change == "another item" else "film.mp4"]
    )


def test_a_file_is_used_where_it_lies(tmp_path: Path, media: dict[str, bytes]) -> None:
    path = tmp_path / "in" / "talk.mp3"
    path.parent.mkdir()
    path.write_bytes(media["talk.mp3"])
    profile = FetchProfile(allow=AllowedSources(folders=(str(path.parent),)))
    found = SourceFetcher(profile).fetch(item(path.as_uri()), tmp_path / "scratch", lambda _: None)
    assert (found.path, found.title) == (path.resolve(), "talk")
    with pytest.raises(StageError) as caught:
        SourceFetcher(FetchProfile()).fetch(item(path.as_uri()), tmp_path / "scratch", lambda _: None)
    assert caught.value.reason is Reason.SOURCE_REFUSED


@pytest.mark.parametrize("length", ["INF:2.0", "\x00\x000", "two"])
def test_a_playlist_over_which_yt_dlp_stumbles_is_reported_as_that_and_not_as_an_error_of_ours(
    site: Site, tmp_path: Path, length: str
) -> None:
    url = site.put(
        "/a.m3u8",
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:{length},\n0.ts\n#EXT-X-ENDLIST\n",
    )
    error = failure(url, tmp_path)
    assert error.reason is Reason.EXTRACTOR_BROKEN
    assert "could not convert string to float" in str(error)
