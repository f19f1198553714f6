"""A batch's sources in a cluster: only what the profile allows, and mistakes by the name of their field."""

import re
from collections.abc import Mapping

import pytest

from ingest_contract.batch import IngestBatchSpec, Source
from ingest_contract.batch_sources import ConfigMapSource, ObjectStoreSource, SecretSource, VolumeSource
from ingest_contract.object_address import ObjectAddress, object_address
from ingest_contract.order import PlannedSource, SpeakerCount
from ingest_contract.pods import PodProfile
from ingest_contract.profile import AllowedSources, FetchProfile
from ingest_operator.core.source_lists import Fitting, SourceError
from ingest_operator.kube.manifests import sources
from ingest_operator.kube.manifests.sources import (
    Found,
    MissingClaimError,
    MissingSourceError,
    needed_claims,
    needed_config_maps,
    with_claims_allowed,
)

PODS = PodProfile(claims=("recordings", "voices"), config_maps=("backlog",))
PAGE = Source(url="https://media.example.org/talks", speakers=SpeakerCount(max=2))
LOCAL = Source(url="file:///etc/passwd")
VOLUME = Source(
    volume=VolumeSource(claim_name="recordings", glob="2025/**/*.mp4"), speakers=SpeakerCount(min=1)
)
LIST = Source(config_map=ConfigMapSource(name="backlog"), speakers=SpeakerCount(max=4))
MAPS = {"backlog": {"urls.txt": "# two\nhttps://media.example.org/1\nhttps://media.example.org/2\n"}}


def spec(*sources: Source) -> IngestBatchSpec:
    return IngestBatchSpec(sources=sources)


def planned_sources(
    wanted: IngestBatchSpec, first: int, pods: PodProfile, maps: Mapping[str, Mapping[str, str]], *absent: str
) -> Fitting:
    """Those from number `first` on, where these claims are absent."""
    left = range(first, len(wanted.sources))
    return sources.planned_sources(wanted, left, pods, Found(maps, frozenset(absent)))


def problem(fitting: Fitting, message: str) -> SourceError:
    """The only one, which says so."""
    (found,) = fitting.problems
    assert re.search(message, str(found))
    return found


def test_each_kind_becomes_what_a_worker_can_reach_with_its_speakers() -> None:
    assert planned_sources(spec(PAGE, VOLUME, LIST), 0, PODS, MAPS).sources == (
        PlannedSource(url="https://media.example.org/talks", speakers=SpeakerCount(max=2), entry=0),
        PlannedSource(
            url="file:///sources/recordings", glob="2025/**/*.mp4", speakers=SpeakerCount(min=1), entry=1
        ),
        PlannedSource(url="https://media.example.org/1", speakers=SpeakerCount(max=4), entry=2),
        PlannedSource(url="https://media.example.org/2", speakers=SpeakerCount(max=4), entry=2),
    )


def test_a_bucket_is_planned_with_where_its_keys_are_mounted_and_no_key() -> None:
    endpoint = "https://minio.example.org:9000"
    store = ObjectStoreSource(
        url="s3://talks/2025 100%/?", glob="*.mp3", endpoint=endpoint, secret_name="reader"
    )
    source = spec(Source(object_store=store))
    (found,) = planned_sources(source, 0, PodProfile(secrets=("reader",)), {}).sources
    assert found.glob == "*.mp3"
    assert found.url.startswith("s3://talks/2025%20100%25/%3F?")
    assert object_address(found.url) == ObjectAddress(
        "talks", "2025 100%/?", endpoint, None, "/secrets/reader"
    )
    problem(planned_sources(source, 0, PodProfile(), {}), "objectStore: the profile does not allow reader")


def test_a_later_plan_looks_at_added_sources_only() -> None:
    added = spec(LIST, VOLUME, PAGE)
    assert [source.url for source in planned_sources(added, 1, PODS, {}).sources] == [
        "file:///sources/recordings",
        PAGE.url,
    ]
    assert needed_config_maps(added, (1, 2), PODS) == ()


def test_lists_that_fit_one_by_one_are_planned_one_by_one() -> None:
    maps = {
        "backlog": {
            key: "\n".join(f"https://media.example.org/{key}/{i}" for i in range(1000))
            for key in ("a", "b", "c")
        }
    }
    lists = spec(*(Source(config_map=ConfigMapSource(name="backlog", key=key)) for key in maps["backlog"]))
    for first in range(3):
        found = planned_sources(lists, first, PODS, maps)
        assert (len(found.sources), found.entries) == (1000, (first,))


def test_the_address_of_a_file_is_left_to_the_workers_own_guard() -> None:
    assert [source.url for source in planned_sources(spec(LOCAL), 0, PODS, {}).sources] == [
        "file:///etc/passwd"
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            Source(volume=VolumeSource(claim_name="secrets")),
            (
                "spec.sources[1].volume: the profile does not allow secrets: "
                "its pods.claims has recordings, voices;"
            ),
        ),
        (
            Source(config_map=ConfigMapSource(name="other")),
            "spec.sources[1].configMap: the profile does not allow other: its pods.configMaps has backlog;",
        ),
        (
            Source(config_map=ConfigMapSource(name="backlog", key="bad.txt")),
            "key bad.txt of backlog, line 2: not an address",
        ),
    ],
    ids=["a claim", "a ConfigMap", "a line"],
)
def test_what_is_not_allowed_or_not_an_address_is_reported_by_its_field(source: Source, message: str) -> None:
    maps = {**MAPS, "other": {"urls.txt": "https://media.example.org/"}}
    maps["backlog"] = {**maps["backlog"], "bad.txt": "https://media.example.org/1\nmedia.example.org/2"}
    fitting = planned_sources(spec(PAGE, source, VOLUME), 0, PODS, maps)
    assert not isinstance(problem(fitting, re.escape(message)), MissingSourceError)
    assert fitting.entries == (0, 2), "the others are planned"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("urls.txt", "there is no ConfigMap backlog"),
        ("new.txt", "has no key new.txt; its keys are: urls.txt"),
    ],
)
def test_a_list_that_is_not_there_yet_is_told_apart_from_a_mistake(key: str, message: str) -> None:
    maps = MAPS if key == "new.txt" else {}
    wanted = spec(Source(config_map=ConfigMapSource(name="backlog", key=key)))
    found = problem(planned_sources(wanted, 0, PODS, maps), message)
    assert isinstance(found, MissingSourceError)
    assert found.reason == "ListMissing"


def test_a_missing_list_keeps_neither_the_sources_before_it_nor_those_behind_it() -> None:
    wanted = spec(PAGE, Source(config_map=ConfigMapSource(name="backlog", key="new.txt")), SECRET)
    pods = PodProfile(config_maps=("backlog",), secrets=("private-feeds",))
    fitting = planned_sources(wanted, 0, pods, MAPS)
    assert ([each.entry for each in fitting.sources], fitting.entries) == ([0, 2], (0, 2))
    problem(fitting, r"spec\.sources\[1\]\.configMap")


def test_an_empty_list_before_a_missing_one_makes_no_plan_of_nothing() -> None:
    maps = {"backlog": {"empty.txt": "# later\n"}}
    lists = [Source(config_map=ConfigMapSource(name="backlog", key=key)) for key in ("empty.txt", "new.txt")]
    fitting = planned_sources(spec(*lists), 0, PODS, maps)
    assert fitting.sources == ()
    problem(fitting, r"spec\.sources\[1\]\.configMap")


def test_lists_without_any_address_are_a_mistake_of_their_own() -> None:
    maps = {"backlog": {"urls.txt": "# later\n"}}
    with pytest.raises(SourceError, match="the lists hold no address"):
        planned_sources(spec(LIST), 0, PODS, maps)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(VOLUME, id="a volume"),
        pytest.param(Source(url="file:///sources/recordings/talk.mp4"), id="an address"),
        pytest.param(Source(config_map=ConfigMapSource(name="backlog", key="files.txt")), id="a list"),
    ],
)
def test_a_claim_that_is_not_there_keeps_its_own_source_and_no_other(source: Source) -> None:
    """A pod that mounts it begins never."""
    maps = {"backlog": {"files.txt": "file:///sources/recordings/a.mp3\n"}}
    wanted = spec(PAGE, source)
    assert needed_claims(wanted, (1,), PODS)[0] == "recordings"
    fitting = planned_sources(wanted, 0, PODS, maps, "recordings")
    assert fitting.entries == (0,)
    found = problem(fitting, r"spec\.sources\[1\]: there is no PersistentVolumeClaim recordings")
    assert isinstance(found, MissingClaimError)
    assert found.reason == "ClaimMissing"


def test_only_claims_that_the_sources_may_name_are_looked_up() -> None:
    wanted = spec(PAGE, VOLUME, Source(url="file:///sources/voices/ann.wav"), LIST)
    assert [needed_claims(wanted, (number,), PODS) for number in range(4)] == [
        (), ("recordings",), ("voices",), PODS.claims,
    ]  # fmt: skip


def test_only_config_maps_that_the_profile_allows_are_ever_read() -> None:
    other = Source(config_map=ConfigMapSource(name="somebody-elses"))
    assert needed_config_maps(spec(LIST, PAGE, other, LIST), range(4), PODS) == ("backlog",)


def test_claims_are_allowed_as_folders_beside_what_the_profile_allows_itself() -> None:
    fetch = with_claims_allowed(FetchProfile(allow=AllowedSources(folders=("/mnt/media",))), PODS.claims)
    assert fetch.allow.folders == ("/mnt/media", "/sources/recordings", "/sources/voices")
    assert with_claims_allowed(fetch, PODS.claims) == fetch


SECRET = Source(secret=SecretSource(secret_name="private-feeds"), speakers=SpeakerCount(max=2))


def test_a_list_in_a_secret_is_a_file_of_the_pod_and_never_read_here() -> None:
    pods = PodProfile(secrets=("private-feeds",))
    assert planned_sources(spec(SECRET), 0, pods, {}).sources == (
        PlannedSource(url="secret:///secrets/private-feeds/urls.txt", speakers=SpeakerCount(max=2), entry=0),
    )
    assert needed_config_maps(spec(SECRET), (0,), pods) == ()


def test_a_secret_that_the_profile_does_not_name_is_refused() -> None:
    """Whoever may write batches could read any Secret of the namespace otherwise."""
    fitting = planned_sources(spec(SECRET), 0, PodProfile(secrets=("other",)), {})
    problem(fitting, r"spec\.sources\[0\]\.secret: the profile does not allow private-feeds")
