"""What a node does to workers:
it kills the one that takes more memory than it may, and it takes one away in mid-recording."""

from testkit.release.batches import batch
from testkit.release.place import Place

TOO_LITTLE_MIB = 600
"""Python with its engines takes about twice as much, and the ladder doubles three times."""


def test_a_worker_that_is_killed_for_its_memory_is_given_more_until_it_has_enough(here: Place) -> None:
    tight = batch(
        here,
        "tight",
        ["meeting.ogg"],
        pods={"memory": {"baseMib": TOO_LITTLE_MIB, "mibPerMediaHour": 0, "maxMib": 8192}},
    )
    with here.transcript.phase("out of memory"):
        done = tight.done()
    (row,) = done["recordings"]
    assert (row["state"], done["counts"]["succeeded"]) == ("Succeeded", 1), here.trouble()
    assert row["rung"] >= 1, row
    assert row["run"] == row["rung"] + 1, "one process for each rung, and one that succeeded"
    assert row["chargedAttempts"] <= 1, "the ladder has a budget of its own"
    ends = [pod["status"]["containerStatuses"][0]["state"]["terminated"] for pod in tight.workers()]
    killed = [end for end in ends if end["exitCode"] != 0]
    assert len(killed) == row["rung"]
    assert {end["reason"] for end in killed} <= {"OOMKilled", "Error"}
    assert "OOMKilled" in {end["reason"] for end in killed}, ends


def test_a_worker_whose_pod_is_deleted_in_mid_recording_is_started_again_uncharged(here: Place) -> None:
    interrupted = batch(here, "interrupted", ["talk.mp4"])
    with here.transcript.phase("pod deleted"):
        here.kubectl(f"delete pod {interrupted.until_working()}", shown=False)
        done = interrupted.done()
    (row,) = done["recordings"]
    assert (row["state"], row["run"]) == ("Succeeded", 2), (row, here.trouble())
    assert row["chargedAttempts"] == 0, "an interruption is nobody's fault"
