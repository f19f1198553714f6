"""What the watches have shown: the newest version wins, deletions stay deleted, and a list is the truth of
its moment."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_operator.kube.api.names import BATCH_UID
from ingest_operator.kube.api.ownership import Identity, controller_of
from ingest_operator.kube.watch.cache import Cache, key_of, version_of
from ingest_operator.kube.watch.jobs_and_pods import JobsAndPods, slim_job, slim_pod


def a_thing(
    name: str = "a", version: int = 1, uid: str | None = None, batch: str | None = None, **more: Any
) -> dict[str, Any]:
    metadata = {
        "namespace": "talks",
        "name": name,
        "uid": uid or f"uid-of-{name}",
        "resourceVersion": str(version),
    }
    owned = {"ownerReferences": [{"uid": batch, "controller": True}]} if batch else {}
    return {"metadata": metadata | owned} | more


def of(uid: str) -> Identity:
    return Identity("talks", uid)


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
    (found,) = cache.of(of("one"))
    assert (found["spec"], found["status"]) == ({"suspend": True}, {"active": 1})
    cache.drop(a_thing("a", 3, batch="one"))
    assert cache.of(of("one")) == ()


@given(seed=st.integers(0, 10_000))
def test_in_whatever_order_versions_arrive_the_newest_is_known(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- an order, not a secret
    things = [
        a_thing(name, version, batch=chance.choice(["one", "two"]))
        for name in "ab"
        for version in range(1, 6)
    ]
    chance.shuffle(things)
    cache = Cache()
    for thing in things:
        cache.offer(thing)
    assert sorted(version_of(cache.get(key) or {}) for key in cache.known) == [5, 5]
    assert len(cache.of(of("one"))) + len(cache.of(of("two"))) == 2


def a_pod(version: int, phase: str, **metadata: Any) -> dict[str, Any]:
    pod = a_thing("pod", version, batch="uid-of-job", spec={}, status={"phase": phase})
    pod["metadata"] |= {"creationTimestamp": "2026-01-01T00:00:00Z"} | metadata
    return pod


def test_of_a_jobs_pods_the_newest_counts() -> None:
    seen = JobsAndPods()
    seen.jobs.offer(a_thing("job", batch="one"))
    seen.pods.offer(a_pod(2, "Running", name="later", uid="later", creationTimestamp="2026-01-02T00:00:00Z"))
    seen.pods.offer(a_pod(3, "Running", name="earlier", uid="earlier"))
    assert seen.pods_of(of("one"))["job"]["metadata"]["name"] == "later"


def test_a_pod_that_ended_is_known_as_long_as_its_job_though_it_was_deleted() -> None:
    seen = JobsAndPods()
    seen.jobs.offer(a_thing("job", 1, batch="one"))
    seen.pods.offer(a_pod(2, "Running"))
    seen.pods.drop(a_pod(4, "Failed"))
    assert seen.pods_of(of("one"))["job"]["status"] == {"phase": "Failed"}
    assert not seen.pods.offer(a_pod(3, "Running"))
    assert seen.pods.replace([], "9", None) == ()
    assert seen.pods_of(of("one"))
    job = a_thing("job", 5, batch="one")
    seen.jobs.drop(job)
    assert seen.pods_of(of("one"))
    seen.forget_job(job)
    assert seen.pods_of(of("one")) == {}
    assert (len(seen.jobs), len(seen.pods)) == (0, 0)


def test_a_pod_that_was_deleted_before_its_end_was_reported_is_gone() -> None:
    seen = JobsAndPods()
    seen.jobs.offer(a_thing("job", 1, batch="one"))
    seen.pods.offer(a_pod(2, "Running"))
    seen.pods.drop(a_pod(3, "Running"))
    assert seen.pods_of(of("one")) == {}


def test_of_a_batch_that_is_gone_no_pod_is_kept() -> None:
    seen = JobsAndPods()
    seen.jobs.offer(a_thing("job", 1, batch="one"))
    seen.pods.drop(a_pod(2, "Succeeded"))
    seen.jobs.drop(a_thing("job", 3, batch="one"))
    assert (len(seen.jobs), len(seen.pods)) == (1, 1)
    seen.forget(of("one"))
    assert (len(seen.jobs), len(seen.pods)) == (0, 0)


def test_a_pod_that_ended_after_its_job_was_forgotten_is_not_kept() -> None:
    seen = JobsAndPods()
    seen.pods.offer(a_pod(2, "Running"))
    seen.pods.drop(a_pod(3, "Succeeded"))
    assert len(seen.pods) == 0


def test_an_object_a_watch_calls_gone_is_there_again_if_the_server_says_so_later_and_not_if_before() -> None:
    cache = Cache()
    cache.offer(a_thing(version=3))
    cache.drop(a_thing(version=5))
    cache.accept(a_thing(version=4))
    assert cache.get(("talks", "a")) is None
    cache.accept(a_thing(version=5))
    assert not cache.is_watched(cache.get(("talks", "a")) or {})
    cache.offer(a_thing(version=6))
    assert cache.is_watched(cache.get(("talks", "a")) or {})


def test_what_is_learned_about_an_object_that_a_watch_shows_leaves_it_watched() -> None:
    cache = Cache()
    cache.offer(a_thing(version=3))
    cache.accept(a_thing(version=4))
    assert cache.is_watched(cache.get(("talks", "a")) or {})


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"namespace": "elsewhere"}, id="in another namespace"),
        pytest.param({"ownerReferences": [{"uid": "uid-of-job"}]}, id="owned and not controlled"),
        pytest.param(
            {"ownerReferences": [{"uid": "another", "controller": True}]}, id="of an earlier Job of this name"
        ),
        pytest.param({"ownerReferences": [{"uid": "one", "controller": True}]}, id="of the batch itself"),
        pytest.param({"ownerReferences": []}, id="of nobody"),
    ],
)
def test_a_pod_is_a_jobs_own_if_that_very_job_controls_it_whatever_its_labels_say(
    metadata: dict[str, Any],
) -> None:
    seen = JobsAndPods()
    seen.jobs.offer(a_thing("job", 1, batch="one"))
    labels = {BATCH_UID: "one", "batch.kubernetes.io/job-name": "job"}
    seen.pods.offer(a_pod(2, "Succeeded", labels=labels, **metadata))
    assert seen.pods_of(of("one")) == {}


def test_what_is_kept_of_an_object_still_says_who_controls_it() -> None:
    job, pod = a_thing("job", batch="one", spec={}, status={}), a_pod(2, "Running")
    assert controller_of(slim_job(job)) == of("one")
    assert controller_of(slim_pod(pod)) == of("uid-of-job")
