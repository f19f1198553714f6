"""Whether the profile of a planned batch is another than it was planned with: said only where it is known."""

import pytest

from ingest_contract.batch import BatchSpeakers
from ingest_contract.plan_document import PlanDocument
from ingest_contract.profile import IngestProfile, IngestProfileSpec, ObjectMeta
from ingest_operator.core.orders import settings_of
from ingest_operator.kube.batches.context import build_context
from ingest_operator.kube.planning.frozen_plan import FrozenPlan
from testkit.objects.builders import a_batch, items
from testkit.objects.manifests import OWNER

SPEC = IngestProfileSpec(model_set="large")
OTHER = IngestProfileSpec(model_set="small")
NAMES_ANN = a_batch(speakers=BatchSpeakers(profiles=("ann",)))


def profile(spec: IngestProfileSpec) -> IngestProfile:
    return IngestProfile(
        api_version="video-ingest.dev/v1alpha1",
        kind="IngestProfile",
        metadata=ObjectMeta(name="default", generation=3),
        spec=spec,
    )


PLANNED = FrozenPlan(
    1, PlanDocument(items=items(2)), 0, "2027-01-15T08:00:00Z", settings_of(a_batch(), SPEC, ())
)


@pytest.mark.parametrize(
    ("known", "differs"),
    [(profile(SPEC), False), (profile(OTHER), True), (None, False)],
    ids=["the same", "another", "gone"],
)
def test_a_profile_differs_if_it_is_there_and_says_something_else(
    known: IngestProfile | None, *, differs: bool
) -> None:
    found = build_context(OWNER, a_batch(), known, PLANNED, missing=known is None)
    assert found.profile.differs is differs
    assert found.orders.settings == PLANNED.settings, "the batch keeps its own"


def test_a_voice_that_is_gone_is_no_difference_of_the_profile() -> None:
    found = build_context(OWNER, NAMES_ANN, profile(SPEC), PLANNED, missing=False)
    assert found.profile.differs is False
