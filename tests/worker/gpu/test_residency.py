"""What may be on a GPU together: real cards, real models, and properties that hold for all of them."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_contract.profile import ComputeType
from ingest_worker.gpu.residency import (
    CONTEXT_MIB,
    Batches,
    ResidencyPlan,
    Whisper,
    diarization_mib,
    plan_residency,
    transcription_mib,
)

TURBO = Whisper(weights_mib=1_543, compute_type=ComputeType.INT8_FLOAT16)
LARGE = Whisper(weights_mib=2_944, compute_type=ComputeType.FLOAT16)
DEFAULT = Batches(transcription=8, diarization=32)


@dataclass(frozen=True)
class Card:
    free_mib: int | None
    whisper: Whisper
    together: bool
    batches: Batches
    allowed: bool = True


CARDS = {
    "L4, 24 GB: together as asked": Card(22_400, TURBO, together=True, batches=DEFAULT),
    "T4, 16 GB: together as asked": Card(14_800, TURBO, together=True, batches=DEFAULT),
    "6 GB card: together at half": Card(5_300, TURBO, together=True, batches=Batches(4, 16)),
    "4 GB slice: one after the other": Card(3_600, TURBO, together=False, batches=Batches(4, 32)),
    "8 GB card, large-v3 in 16 bits: together at half": Card(
        7_600, LARGE, together=True, batches=Batches(4, 16)
    ),
    "6 GB card, large-v3 in 16 bits: one after the other": Card(
        5_600, LARGE, together=False, batches=Batches(2, 32)
    ),
    "an order that wants one after the other": Card(
        22_400, TURBO, together=False, batches=DEFAULT, allowed=False
    ),
    "nothing seems to fit: a batch of one is tried": Card(500, LARGE, together=False, batches=Batches(1, 1)),
    "no GPU": Card(None, TURBO, together=False, batches=DEFAULT),
}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS.keys())
def test_the_plan_for(card: Card) -> None:
    plan = plan_residency(card.free_mib, card.whisper, DEFAULT, together=card.allowed)
    assert (plan.together, plan.batches) == (card.together, card.batches)


MEASURED = {
    "large-v3 float16": (2_947, ComputeType.FLOAT16, 4_521),
    "large-v3 int8": (2_947, ComputeType.INT8, 2_953),
    "distil-large-v3 float16": (1_442, ComputeType.FLOAT16, 2_409),
    "distil-large-v3 int8": (1_442, ComputeType.INT8, 1_481),
    "turbo float16": (1_542, ComputeType.FLOAT16, 2_537),
    "turbo int8": (1_542, ComputeType.INT8, 1_545),
}
"""faster-whisper#1030, RTX 2080 Ti, batch 1, beam 5: MiB of file, number format, MB of the whole process."""


@pytest.mark.parametrize(("weights", "compute", "measured"), MEASURED.values(), ids=MEASURED.keys())
def test_the_footprint_is_not_below_what_was_measured(
    weights: int, compute: ComputeType, measured: int
) -> None:
    estimate = CONTEXT_MIB + transcription_mib(Whisper(weights, compute), 1)
    assert measured <= estimate <= 1.6 * measured


batches = st.builds(Batches, st.integers(1, 128), st.integers(1, 256))
plans = st.tuples(st.integers(0, 200_000), batches, st.booleans())


def planned(free: int, asked: Batches, *, allowed: bool) -> ResidencyPlan:
    return plan_residency(free, TURBO, asked, together=allowed)


@given(plans)
def test_a_plan_never_takes_more_than_was_asked_or_less_than_one(case: tuple[int, Batches, bool]) -> None:
    free, asked, allowed = case
    got = planned(free, asked, allowed=allowed).batches
    assert 1 <= got.transcription <= asked.transcription
    assert 1 <= got.diarization <= asked.diarization


@given(plans)
def test_what_runs_together_fits_together(case: tuple[int, Batches, bool]) -> None:
    free, asked, allowed = case
    plan = planned(free, asked, allowed=allowed)
    need = (
        CONTEXT_MIB
        + transcription_mib(TURBO, plan.batches.transcription)
        + diarization_mib(plan.batches.diarization)
    )
    assert not plan.together or need <= free


@given(plans, st.integers(0, 50_000))
def test_more_memory_never_ends_the_overlap(case: tuple[int, Batches, bool], more: int) -> None:
    free, asked, allowed = case
    assert (
        not planned(free, asked, allowed=allowed).together
        or planned(free + more, asked, allowed=allowed).together
    )
