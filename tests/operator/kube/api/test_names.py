"""Names: valid wherever Kubernetes uses them, the same for the same thing, and another's for nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_operator.kube.api.names import (
    INGEST,
    PLAN,
    Owner,
    Place,
    order_map_name,
    place_of,
    plan_job_name,
    plan_map_name,
    plan_order_map_name,
    run_job_name,
)
from testkit.objects.manifests import OWNER

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""RFC 1123: what a name must be that becomes a label, a host name and the beginning of a pod's name."""

batch_names = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?", fullmatch=True)
owners = st.builds(Owner, st.just("media"), batch_names, st.uuids().map(str))
indexes = st.integers(0, 99_999)
runs = st.integers(1, 1_000_000)


@given(owners, indexes, runs, st.text(max_size=20))
def test_every_name_is_a_label_and_tells_the_batchs_uid(
    owner: Owner, index: int, number: int, content: str
) -> None:
    names = (
        run_job_name(owner, index, number),
        plan_job_name(owner, index, number),
        plan_order_map_name(owner, index),
        plan_map_name(owner, index, 0),
        plan_map_name(owner, index, 3, "0123456789abcdef"),
        order_map_name(owner, content),
    )
    for name in names:
        assert LABEL.fullmatch(name), name
        assert owner.uid[:8] in name


@given(owners, owners, st.tuples(indexes, runs), st.tuples(indexes, runs))
def test_two_runs_share_a_name_only_if_they_are_one(
    owner: Owner, other: Owner, first: tuple[int, int], second: tuple[int, int]
) -> None:
    same_name = run_job_name(owner, *first) == run_job_name(other, *second)
    same_try = (owner.uid[:8], *first) == (other.uid[:8], *second)
    assert not same_name or same_try
    assert (run_job_name(owner, *first) == run_job_name(owner, *second)) == (first == second)


@given(owners, indexes, runs)
def test_a_plan_never_has_the_name_of_an_item(owner: Owner, index: int, number: int) -> None:
    assert plan_job_name(owner, index, number) != run_job_name(owner, index, number)


@given(owners, indexes, runs, st.sampled_from([INGEST, PLAN]))
def test_a_place_is_read_back_from_the_name_that_was_made_of_it(
    owner: Owner, index: int, number: int, role: str
) -> None:
    place = Place(role, index, number)
    assert place_of(place.name(owner)) == place


@pytest.mark.parametrize(
    "name",
    ["", "talks", "talks-0-1", "talks-0b3f6c1e-x-1", "talks-0b3f6c1e-0-1x", "talks-0b3f6c1e-0-0", "-٢-1"],
)
def test_a_name_of_another_kind_has_no_place(name: str) -> None:
    assert place_of(name) is None


def test_a_short_name_is_kept_whole_and_a_long_one_is_cut_before_the_uid() -> None:
    assert run_job_name(OWNER, 7, 2) == "channel-2025-0b3f6c1e-7-2"
    long = Owner("media", "a" * 62 + "z", OWNER.uid)
    assert re.fullmatch(r"a+-0b3f6c1e-99999-1000000", run_job_name(long, 99_999, 1_000_000))
    assert len(run_job_name(long, 99_999, 1_000_000)) == 63


def test_a_map_of_other_content_has_another_name() -> None:
    assert order_map_name(OWNER, "a") != order_map_name(OWNER, "b")
    assert order_map_name(OWNER, "a") == order_map_name(OWNER, "a")


def test_what_a_batch_owns_goes_with_it_and_does_not_hold_it_up() -> None:
    reference = OWNER.reference()
    assert (reference["apiVersion"], reference["kind"]) == ("video-ingest.dev/v1alpha1", "IngestBatch")
    assert (reference["name"], reference["uid"]) == (OWNER.name, OWNER.uid)
    assert (reference["controller"], reference["blockOwnerDeletion"]) == (True, False)
