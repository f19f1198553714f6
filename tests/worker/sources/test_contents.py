"""What a file is known by: its content, and for a file on a claim also claim and namespace; and that the run
gets what was planned."""

import os
from pathlib import Path

import pytest

from ingest_contract.failures import FAILURES, Reason, Verdict
from ingest_contract.order import Item, PlannedSource, PlanOrder
from ingest_contract.place import Place
from ingest_contract.plan_document import PlanDocument, SkipReason
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_contract.selection import Order, Reprocess, Select
from ingest_worker.errors import StageError
from ingest_worker.planning import StoredRecording
from ingest_worker.sources.apart import FetcherApart
from ingest_worker.sources.contents import BLOCK_BYTES, BLOCKS, content_of
from ingest_worker.sources.fetcher import SourceFetcher
from ingest_worker.sources.plan import make_plan
from tests.worker.test_planning import SETTINGS

LARGE = 3 * BLOCK_BYTES * BLOCKS


class Team:
    """Plans what lies in a folder, with a namespace and claims of its own,
    and one store that all teams share."""

    def __init__(self, folder: Path, namespace: str = "team-a", **claims: Path) -> None:
        self.folder, self.namespace, self.claims = folder, namespace, claims
        self.fetch = FetchProfile(allow=AllowedSources(folders=(str(folder), *map(str, claims.values()))))
        self.stored: dict[str, StoredRecording] = {}
        self.kept: dict[str, str] = {}

    def plan(self, *sources: Path | PlannedSource) -> PlanDocument:
        order = PlanOrder(
            trace_id="0" * 32,
            batch=f"{self.namespace}/nightly",
            sources=tuple(
                each if isinstance(each, PlannedSource) else PlannedSource(url=each.as_uri())
                for each in sources or [self.folder]
            ),
            claims={claim: str(folder) for claim, folder in self.claims.items()},
            select=Select(order=Order.SOURCE),
            reprocess=Reprocess.NEVER,
            settings=SETTINGS,
            fetch=self.fetch,
            place=Place(models="/m", scratch=str(self.folder.parent / "scratch"), receipt="/r"),
        )
        return make_plan(
            order,
            lambda ids: {name: self.stored[name] for name in ids if name in self.stored},
            self.kept.update,
        )

    def id_of(self, *sources: Path) -> str:
        (item,) = self.plan(*sources).items
        return item.id

    def store(self, *sources: Path) -> None:
        """Everything that a plan takes is ingested."""
        self.stored |= {item.id: StoredRecording(unchanged=True) for item in self.plan(*sources).items}

    def failure(self, item: Item) -> StageError:
        found: list[StageError] = []
        for fetcher in (FetcherApart(self.fetch), SourceFetcher(self.fetch)):
            with pytest.raises(StageError) as caught:
                fetcher.fetch(item, self.folder.parent / "scratch", lambda _: None)
            found.append(caught.value)
        assert found[0].reason is found[1].reason
        return found[0]


@pytest.fixture
def team(tmp_path: Path) -> Team:
    (tmp_path / "in").mkdir()
    return Team(tmp_path / "in")


def put(folder: Path, name: str = "talk.mp4", content: bytes = b"a talk") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def test_another_file_at_the_same_path_is_another_recording(team: Team) -> None:
    path = put(team.folder, content=b"of team a")
    team.store()
    assert team.plan().skip_counts == {SkipReason.ALREADY_STORED: 1}
    put(team.folder, content=b"of team b")
    assert [item.url for item in team.plan().items] == [path.as_uri()]


def test_a_file_that_moves_or_is_touched_stays_the_recording_that_it_was(team: Team) -> None:
    path = put(team.folder, content=b"a talk")
    team.store()
    os.utime(path, (0, 0))
    path.rename(path.with_name("renamed.mp4"))
    assert team.plan().skip_counts == {SkipReason.ALREADY_STORED: 1}


@pytest.mark.parametrize("where", [0, LARGE // 2, LARGE - 1, LARGE // 3])
def test_a_change_of_a_thirtieth_of_a_large_file_is_seen_wherever_it_is(team: Team, where: int) -> None:
    content = bytearray(LARGE)
    path = put(team.folder, content=bytes(content))
    before = team.id_of()
    length = -(-LARGE // (BLOCKS - 1))
    start = min(where, LARGE - length)
    content[start : start + length] = b"x" * length
    path.write_bytes(content)
    assert team.id_of() != before


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES * BLOCKS, BLOCK_BYTES * BLOCKS + 1, LARGE])
def test_size_and_first_and_last_byte_count_at_every_size(team: Team, size: int) -> None:
    found = {
        content_of(put(team.folder, content=bytes(size))),
        content_of(put(team.folder, content=bytes(size + 1))),
    }
    for place in {0, max(size - 1, 0)}:
        content = bytearray(max(size, 1))
        content[place] = 1
        found.add(content_of(put(team.folder, content=bytes(content))))
    assert len(found) == 2 + len({0, max(size - 1, 0)})


def test_no_more_than_two_mebibytes_are_read_of_a_file_of_any_size(team: Team) -> None:
    path = put(team.folder)
    os.truncate(path, 1 << 40)  # a hole: it takes no room, and hours to be read
    assert len(team.id_of()) == len("file:content.") + 16
    assert BLOCK_BYTES * BLOCKS == 2 << 20


def test_the_same_path_of_two_namespaces_claims_is_two_recordings_even_with_one_content(
    tmp_path: Path,
) -> None:
    claim = tmp_path / "sources" / "talks"
    put(claim)
    ids = {Team(tmp_path / "in", namespace, talks=claim).id_of(claim) for namespace in ("team-a", "team-b")}
    assert len(ids) == 2


def test_two_claims_of_a_namespace_are_two_places_and_each_is_known_whatever_leads_there(
    tmp_path: Path,
) -> None:
    one, other = put(tmp_path / "sources" / "one"), put(tmp_path / "sources" / "other")
    (one.parent / "link.mp4").symlink_to(other)
    team = Team(tmp_path / "in", one=one.parent, other=other.parent)
    found = team.plan(PlannedSource(url=one.parent.as_uri(), glob="*.mp4"), other)
    assert len({item.id for item in found.items}) == 2
    assert found.skip_counts == {SkipReason.DUPLICATE: 1}
    assert team.id_of(one) == next(item.id for item in found.items if item.url == one.as_uri())


def test_copies_links_and_hard_links_in_one_batch_are_one_recording_and_each_is_reported(team: Team) -> None:
    path = put(team.folder, "a.mp4")
    put(team.folder, "b.mp4")
    os.link(path, team.folder / "c.mp4")
    (team.folder / "d.mp4").symlink_to(path)  # the same path, once resolved
    found = team.plan(team.folder, team.folder / "d.mp4")
    assert [item.title for item in found.items] == ["a"]
    assert [(row.reason, row.title, row.detail) for row in found.skipped] == [
        (SkipReason.DUPLICATE, "b", "a"),
        (SkipReason.DUPLICATE, "c", "a"),
        (SkipReason.DUPLICATE, "a", "a"),
    ]
    assert team.kept == {}  # an address of a copy is no secret


@pytest.mark.parametrize("change", ["replaced", "grown", "emptied"])
def test_a_run_does_not_take_another_file_than_was_planned(team: Team, change: str) -> None:
    path = put(team.folder, content=b"planned")
    (item,) = team.plan().items
    assert FetcherApart(team.fetch).fetch(item, team.folder, lambda _: None).path == path
    path.write_bytes({"replaced": b"another", "grown": b"planned and more", "emptied": b""}[change])
    assert team.failure(item).reason is Reason.SOURCE_CHANGED
    assert FAILURES[Reason.SOURCE_CHANGED].verdict is Verdict.GIVE_UP
    assert team.plan().items[0].id != item.id  # and the next batch takes it as it is


def test_a_file_that_grows_while_it_is_decoded_is_reported(team: Team) -> None:
    path = put(team.folder)
    (item,) = team.plan().items
    fetcher = FetcherApart(team.fetch)
    media = fetcher.fetch(item, team.folder, lambda _: None)
    fetcher.confirm(item, media)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(StageError) as caught:
        fetcher.confirm(item, media)
    assert caught.value.reason is Reason.SOURCE_CHANGED


def test_a_file_that_was_not_there_when_it_was_planned_is_not_ingested_under_its_path(team: Team) -> None:
    path = team.folder / "talk.mp4"
    (item,) = team.plan(path).items
    assert team.failure(item).reason is Reason.NOT_FOUND
    put(team.folder)
    assert team.failure(item).reason is Reason.SOURCE_CHANGED
    assert team.id_of(path) != item.id


def test_a_file_that_goes_or_becomes_something_else_is_reported(team: Team) -> None:
    path = put(team.folder)
    (item,) = team.plan().items
    path.unlink()
    assert team.failure(item).reason is Reason.NOT_FOUND
    os.mkfifo(path)
    assert team.failure(item).reason is Reason.SOURCE_UNSUPPORTED
    path.unlink()
    path.mkdir()
    assert team.failure(item).reason is Reason.SOURCE_UNSUPPORTED


def test_an_unreadable_file_costs_no_other_and_fails_in_its_own_run(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(team.folder, "good.mp4", b"good")
    closed = put(team.folder, "closed.mp4", b"closed")
    real = os.open

    def refusing(path: str, flags: int, *rest: int) -> int:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied")  # tests may run as root, whom no mode keeps out
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", refusing)
    items = {item.title: item for item in team.plan().items}
    assert set(items) == {"good", "closed"}
    assert items["closed"].id.startswith("file:missing.")
    error = team.failure(items["closed"])
    assert (error.reason, "Permission denied" in str(error)) == (Reason.NOT_FOUND, True)


def test_a_plan_of_an_earlier_version_goes_on_as_it_was_planned(team: Team) -> None:
    path = put(team.folder)
    item = Item(index=0, id="file:0123456789abcdef", url=path.as_uri())
    assert FetcherApart(team.fetch).fetch(item, team.folder, lambda _: None).path == path
    assert team.id_of() != item.id
