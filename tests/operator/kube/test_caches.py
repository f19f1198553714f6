"""What the watches have shown: the newest version wins, deletions stay deleted, and a list is the truth of its moment."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest_operator.kube.caches import Cache, key_of, version_of
from ingest_operator.kube.children import JOB_NAME, Seen, pods_by_job, slim_job
from ingest_operator.kube.names import BATCH_UID


def a_thing(name: str = "a", version: int = 1, uid: str | None = None, batch: str | None = None, **more: Any) -> dict[str, Any]:
    labels = {BATCH_UID: batch} if batch else {}
    metadata = {"namespace": "talks", "name": name, "uid": uid or f"uid-of-{name}", "resourceVersion": str(version), "labels": labels}
    return {"metadata": metadata} | more


def test_an_older_version_never_takes_the_place_of_a_newer_one() -> None:
    cache = Cache()
    assert cache.offer(a_thing(version=12))
    assert not cache.offer(a_thing(version=9))
    assert not cache.offer(a_thing(version=12))
    assert version_of(cache.get(("talks", "a")) or {}) == 12


def test_a_list_keeps_what_is_known_of_a_version_and_not_a_second_copy_of_it() -> None:
    cache = Cache(slim=lambda thing: {"metadata": dict(thing["metadata"])})
    cache.offer(a_thing(version=3, spec="long"))
    known = cache.get(("talks", "a"))
    assert cache.slim(a_thing(version=3, spec="long")) is known
    for other in (a_thing(version=4), a_thing(version=3, uid="another"), a_thing("b", version=3)):
        assert cache.slim(other) == other
        assert cache.slim(other) is not known


def test_a_late_answer_about_a_deleted_object_does_not_bring_it_back() -> None:
    cache = Cache()
    cache.offer(a_thing(version=1))
    cache.drop(a_thing(version=5))
    assert not cache.offer(a_thing(version=4))
    assert cache.get(("talks", "a")) is None


def test_an_object_made_again_under_the_same_name_is_another_one() -> None:
    cache = Cache()
    cache.offer(a_thing(version=1, uid="first"))
    cache.offer(a_thing(version=7, uid="second"))
    cache.drop(a_thing(version=6, uid="first"))
    assert (cache.get(("talks", "a")) or {})["metadata"]["uid"] == "second"
    assert cache.with_uid("first") is None
    assert cache.with_uid("second") == ("talks", "a")


def test_a_list_takes_away_what_it_does_not_hold_but_nothing_that_is_newer_than_itself() -> None:
    cache = Cache()
    for thing in (a_thing("gone", 3), a_thing("stays", 3), a_thing("made-since", 9)):
        cache.offer(thing)
    changed = cache.replace([a_thing("stays", 3), a_thing("news", 4)], "5", "talks")
    assert sorted(key_of(thing)[1] for thing in changed) == ["gone", "news"]
    assert sorted(name for _, name in cache.known) == ["made-since", "news", "stays"]


def test_a_list_of_one_namespace_says_nothing_about_the_others() -> None:
    cache = Cache()
    cache.offer(a_thing("a", 1))
    assert cache.replace([], "5", "elsewhere") == ()
    assert len(cache) == 1
    assert len(cache.replace([], "5", None)) == 1


def test_the_objects_of_a_batch_are_found_by_its_uid() -> None:
    cache = Cache(slim_job)
    cache.offer(a_thing("a", 1, batch="one", spec={"suspend": True, "template": {}}, status={"active": 1}))
    cache.offer(a_thing("b", 2, batch="two"))
    (found,) = cache.of("one")
    assert (found["spec"], found["status"]) == ({"suspend": True}, {"active": 1})
    cache.drop(a_thing("a", 3))
    assert cache.of("one") == ()


@given(seed=st.integers(0, 10_000))
def test_in_whatever_order_versions_arrive_the_newest_is_known(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- an order, not a secret
    things = [a_thing(name, version, batch=chance.choice(["one", "two"])) for name in "ab" for version in range(1, 6)]
    chance.shuffle(things)
    cache = Cache()
    for thing in things:
        cache.offer(thing)
    assert sorted(version_of(cache.get(key) or {}) for key in cache.known) == [5, 5]
    assert len(cache.of("one")) + len(cache.of("two")) == 2


def test_of_a_jobs_pods_the_newest_counts() -> None:
    def pod(name: str, made: str) -> dict[str, Any]:
        thing = a_thing(name)
        thing["metadata"] |= {"creationTimestamp": made, "labels": {"batch.kubernetes.io/job-name": "job"}}
        return thing

    pods = pods_by_job([pod("later", "2026-01-02T00:00:00Z"), pod("earlier", "2026-01-01T00:00:00Z"), a_thing("no-job")])
    assert pods["job"]["metadata"]["name"] == "later"


def a_pod(version: int, phase: str, **metadata: Any) -> dict[str, Any]:
    pod = a_thing("pod", version, batch="one", spec={}, status={"phase": phase})
    pod["metadata"]["labels"][JOB_NAME] = "job"
    pod["metadata"] |= {"creationTimestamp": "2026-01-01T00:00:00Z"} | metadata
    return pod


def test_a_pod_that_ended_is_known_as_long_as_its_job_though_it_was_deleted() -> None:
    seen = Seen()
    seen.jobs.offer(a_thing("job", 1, batch="one"))
    seen.pods.offer(a_pod(2, "Running"))
    seen.pods.drop(a_pod(4, "Failed"))
    assert seen.pods_of("one")["job"]["status"] == {"phase": "Failed"}
    assert not seen.pods.offer(a_pod(3, "Running"))
    assert seen.pods.replace([], "9", None) == ()
    assert seen.pods_of("one")
    seen.jobs.drop(a_thing("job", 5, batch="one"))
    assert seen.pods_of("one") == {}
    assert len(seen.pods) == 0


def test_a_pod_that_was_deleted_before_its_end_was_told_is_gone() -> None:
    seen = Seen()
    seen.jobs.offer(a_thing("job", 1, batch="one"))
    seen.pods.offer(a_pod(2, "Running"))
    seen.pods.drop(a_pod(3, "Running"))
    assert seen.pods_of("one") == {}


def test_of_a_batch_that_is_gone_no_pod_is_kept() -> None:
    seen = Seen()
    seen.pods.drop(a_pod(2, "Succeeded"))
    assert len(seen.pods) == 1
    seen.forget("one")
    assert len(seen.pods) == 0
