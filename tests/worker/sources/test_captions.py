"""A site's own captions, and those beside a file: which are fetched, when, and what it costs when there are
none that can be taken."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest_contract.captions import CaptionsProblem, CaptionsWish
from ingest_contract.failures import Reason
from ingest_contract.order import Item
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_worker.captions.values import Captions, NoCaptions
from ingest_worker.domain import Media
from ingest_worker.errors import StageError
from ingest_worker.sources.apart import FetcherApart
from ingest_worker.sources.contents import id_of, scope_of
from testkit.media.tones import make
from testkit.site.entries import Channel, Entry, channel
from testkit.site.extractor import VARIABLE, folder
from testkit.site.server import Site, serving
from testkit.site.visits import Kind

HERE = FetchProfile(allow=AllowedSources(private_addresses=True))
PEOPLE, ALL = CaptionsWish(), CaptionsWish(automatic=True)
FIRST = channel(1, seconds=(3, 3), shares={}).entries[0]


def talk(name: str, captions: tuple[str, ...] = (), automatic: tuple[str, ...] = ()) -> Entry:
    return replace(FIRST, id=name, language="en", captions=captions, automatic=automatic)


TALKS = Channel(
    "talks",
    (
        talk("written", ("de", "en-US"), ("en", "en-orig", "de")),
        talk("automatic", (), ("en", "en-orig", "de")),
        talk("empty", ("en",)),
        talk("hostile", ("en",)),
        talk("flood", ("en",)),
    ),
)


def said(entry: Entry, name: str) -> bytes:
    if entry.id == "empty":
        return b"WEBVTT\n\n"
    if entry.id == "hostile":
        return b"<html>\x00 no captions"
    if entry.id == "flood":
        return b"WEBVTT\n\n" + b"x" * (40 << 20)
    return f"WEBVTT\n\n00:00.000 --> 00:03.000\n{entry.id}{name} &amp; more\n".encode()


@pytest.fixture
def tube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv(VARIABLE, str(folder(tmp_path / "plugins")))
    with serving(Site(TALKS, captions=said)) as found:
        yield found


def fetched(site: Site, name: str, into: Path, wish: CaptionsWish | None) -> Media:
    item = Item(index=0, id=f"tube:{name}", url=site.url(f"watch/{name}"))
    return FetcherApart(HERE, captions=wish).fetch(item, into, lambda _: None)


def texts(media: Media) -> list[str]:
    assert isinstance(media.captions, Captions), media.captions
    return [cue.text for cue in media.captions.cues]


def problem(media: Media) -> CaptionsProblem:
    assert media.path.stat().st_size > 0
    assert isinstance(media.captions, NoCaptions), media.captions
    return media.captions.problem


def asked(site: Site) -> list[str]:
    return [visit.path.rpartition("/")[2] for visit in site.visits.of(Kind.CAPTIONS)]


def test_people_s_captions_come_in_the_spoken_language_and_no_others_are_asked_for(
    tube: Site, tmp_path: Path
) -> None:
    assert texts(fetched(tube, "written", tmp_path / "a", PEOPLE)) == ["written.en-US.vtt & more"]
    assert asked(tube) == ["written.en-US.vtt"]


def test_nothing_is_asked_for_where_captions_are_not_wanted(tube: Site, tmp_path: Path) -> None:
    assert fetched(tube, "written", tmp_path / "a", None).captions is None
    assert asked(tube) == []


def test_the_language_that_a_page_says_comes_with_the_media_and_is_known_again_on_this_disk(
    tube: Site, tmp_path: Path
) -> None:
    assert [fetched(tube, "written", tmp_path / "a", None).language for _ in range(2)] == ["en", "en"]
    assert len(list(tube.visits.of(Kind.MEDIA))) == 1


def test_automatic_captions_are_not_taken_by_default(tube: Site, tmp_path: Path) -> None:
    assert problem(fetched(tube, "automatic", tmp_path / "a", PEOPLE)) is CaptionsProblem.ONLY_AUTOMATIC
    assert asked(tube) == []
    media = fetched(tube, "automatic", tmp_path / "b", ALL)
    assert texts(media) == ["automatic.en.automatic.vtt & more"]
    assert isinstance(media.captions, Captions)
    assert media.captions.automatic


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("empty", CaptionsProblem.EMPTY),
        ("hostile", CaptionsProblem.UNREADABLE),
        ("flood", CaptionsProblem.TOO_LARGE),
    ],
)
def test_captions_that_cannot_be_taken_do_not_cost_the_recording(
    tube: Site, tmp_path: Path, name: str, expected: CaptionsProblem
) -> None:
    assert problem(fetched(tube, name, tmp_path / "a", ALL)) is expected


def test_captions_that_do_not_come_do_not_cost_the_recording(tube: Site, tmp_path: Path) -> None:
    tube.rules.captions_status = 404
    media = fetched(tube, "written", tmp_path / "a", PEOPLE)
    assert problem(media) is CaptionsProblem.FETCH_FAILED
    assert isinstance(media.captions, NoCaptions)
    assert media.captions.message.startswith("NotFound: ")


def test_a_site_that_asks_us_to_slow_down_is_left_alone_before_its_media_are_asked_for(
    tube: Site, tmp_path: Path
) -> None:
    tube.rules.captions_status = 429
    with pytest.raises(StageError) as caught:
        fetched(tube, "written", tmp_path / "a", PEOPLE)
    assert caught.value.reason is Reason.RATE_LIMITED
    assert not tube.visits.of(Kind.MEDIA)


def test_a_later_run_on_the_same_disk_has_the_same_captions_and_asks_for_nothing(
    tube: Site, tmp_path: Path
) -> None:
    first = fetched(tube, "written", tmp_path / "a", PEOPLE)
    before = len(tube.visits.all)
    assert fetched(tube, "written", tmp_path / "a", PEOPLE) == first
    assert len(tube.visits.all) == before
    assert fetched(tube, "written", tmp_path / "a", None).captions is None
    assert texts(fetched(tube, "written", tmp_path / "a", CaptionsWish(language="de"))) == [
        "written.de.vtt & more"
    ]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    return make(tmp_path / "films" / "talk.m4a", "aac", seconds=1)


def beside(film: Path, wish: CaptionsWish | None) -> Media:
    fetch = FetchProfile(allow=AllowedSources(folders=(str(film.parent),)))
    item = Item(index=0, id=id_of(film, scope_of(film, "default", {})), url=film.as_uri())
    return FetcherApart(fetch, captions=wish).fetch(item, film.parent.parent / "scratch", lambda _: None)


def put(film: Path, name: str, text: str) -> Path:
    path = film.with_name(name)
    path.write_text(f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n", encoding="utf-8")
    return path


def test_captions_beside_a_file_are_those_in_the_language_that_is_named(film: Path) -> None:
    english = CaptionsWish(language="en")
    assert problem(beside(film, english)) is CaptionsProblem.NOT_OFFERED
    put(film, "talk.de.srt", "deutsch")
    put(film, "talk-two.en.srt", "another film's")
    assert problem(beside(film, english)) is CaptionsProblem.OTHER_LANGUAGE
    put(film, "talk.\udcff\x1b[31m.srt", "a name that is no text")
    nobody_knows = beside(film, PEOPLE)
    assert problem(nobody_knows) is CaptionsProblem.LANGUAGE_UNKNOWN
    assert isinstance(nobody_knows.captions, NoCaptions)
    assert nobody_knows.captions.message == "talk.de.srt, talk.\ufffd[31m.srt"
    put(film, "talk.srt", "no language")
    assert texts(beside(film, english)) == ["no language"]
    put(film, "talk.en-GB.SRT", "british")
    assert texts(beside(film, english)) == ["british"]
    assert beside(film, None).captions is None


def test_a_link_beside_a_file_leads_to_no_other_folder(film: Path, tmp_path: Path) -> None:
    secret = put(tmp_path / "talk.m4a", "elsewhere.srt", "secret")
    film.with_name("talk.en.srt").symlink_to(secret)
    assert problem(beside(film, CaptionsWish(language="en"))) is CaptionsProblem.FETCH_FAILED
