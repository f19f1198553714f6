"""Twenty nodes, a thousand recordings, and nodes that are bad in every way that nodes are: no recording is
lost, few runs are wasted, and every bad node is named. And one bad node alone: it is better than none.
"""

import pytest

from tests.support.bad_nodes import ENDS, Kind, played

NODES = [f"gpu-{number:02d}" for number in range(20)]
HOUR = 3600.0


@pytest.mark.parametrize("kinds", [*([kind] for kind in ENDS), list(ENDS)], ids=" and ".join)
@pytest.mark.slow
def test_no_bad_node_costs_a_recording_and_each_is_named_after_a_few_runs(kinds: list[Kind]) -> None:
    bad = dict(zip(NODES[::2], [kind for kind in kinds for _ in range(2)], strict=False))
    outcome = played({name: bad.get(name, Kind.GOOD) for name in NODES}, recordings=1000, parallelism=40)
    assert (outcome.status.counts.succeeded, outcome.status.counts.failed) == (1000, 0)
    assert outcome.named == set(bad)
    assert outcome.wasted <= (0.05 if len(kinds) > 1 else 0.01)


@pytest.mark.parametrize(("mended_after", "done_within"), [(90.0, 600.0), (6 * HOUR, 8 * HOUR)], ids=str)
@pytest.mark.parametrize("kind", [Kind.REJECTING, Kind.BROKEN_GPU], ids=str)
def test_the_only_node_is_tried_again_until_somebody_has_fixed_it(
    kind: Kind, mended_after: float, done_within: float
) -> None:
    outcome = played({"gpu-00": kind}, recordings=8, parallelism=4, mended_after=mended_after)
    charged = outcome.status.counts.failed
    assert outcome.status.counts.succeeded + charged == 8
    assert charged <= (kind is Kind.BROKEN_GPU), (
        "the first that met a broken GPU may be what breaks it: the others are not charged"
    )
    assert outcome.seconds <= done_within
    assert outcome.ended["wasted"] <= 50, "runs that waited for another node in vain included"
