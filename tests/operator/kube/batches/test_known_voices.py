"""SpeakerProfiles of which one cannot be read: whoever looks for that person waits, and nobody else."""

import pytest

from ingest_contract.batch import BatchSpeakers
from ingest_contract.names import API_VERSION, SPEAKER_KIND
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.batches.known_voices import KnownVoices
from ingest_operator.kube.watch.cache import Cache

READABLE: Object = {"recordings": [{"url": "https://media.example.org/ann.mp3"}]}


def known(**of_bob: object) -> KnownVoices:
    """Ann, and Bob as another version of the definitions has him."""
    speakers = Cache()
    for version, (name, spec) in enumerate({"ann": READABLE, "bob": {"recordings": "elsewhere"}}.items()):
        metadata: Object = {"namespace": "media", "name": name, "uid": name, "resourceVersion": str(version)}
        metadata |= {"labels": {"show": name}} | (of_bob if name == "bob" else {})
        body = {"apiVersion": API_VERSION, "kind": SPEAKER_KIND, "metadata": metadata, "spec": spec}
        speakers.offer(body)
    return KnownVoices(speakers)


@pytest.mark.parametrize(
    ("speakers", "waits"),
    [
        ({}, True),
        ({"profiles": []}, False),
        ({"profiles": ["ann"]}, False),
        ({"profiles": ["ann", "bob"]}, True),
        ({"selector": {"matchLabels": {"show": "ann"}}}, False),
        ({"selector": {"matchLabels": {"show": "bob"}}}, True),
        ({"profiles": ["bob"], "selector": {"matchLabels": {"show": "ann"}}}, True),
    ],
)
def test_only_a_batch_that_looks_for_it_waits_for_a_voice_that_cannot_be_read(
    speakers: Object, *, waits: bool
) -> None:
    voices = known()
    blockers = voices.unreadable("media", BatchSpeakers.from_object(speakers))
    assert [each.message for each in blockers] == (
        ["This operator cannot read SpeakerProfile 'bob': its status says why."] if waits else []
    )
    assert [profile.metadata.name for profile in voices.of("media")] == ["ann"]


def test_nobody_waits_for_one_that_is_deleted_or_of_another_namespace() -> None:
    everybody = BatchSpeakers()
    assert known(deletionTimestamp="2027-01-15T08:00:00Z").unreadable("media", everybody) == ()
    assert known().unreadable("other", everybody) == ()
