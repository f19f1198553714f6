"""What the user's files ask for: one batch, its profile, its voices, and every mistake at once."""

from pathlib import Path

import pytest
import yaml

from ingest_contract.documents import InvalidDocumentError
from ingest_contract.names import API_VERSION
from ingestctl.files import asked


def written(folder: Path, *documents: tuple[str, str, dict[str, object]], namespace: str = "default") -> Path:
    path = folder / "batch.yaml"
    path.write_text(
        yaml.safe_dump_all(
            {
                "apiVersion": API_VERSION,
                "kind": kind,
                "metadata": {"name": name, "namespace": namespace},
                "spec": spec,
            }
            for kind, name, spec in documents
        )
    )
    return path


BATCH = ("IngestBatch", "talks", {"sources": [{"url": "https://media.example.org/talk.mp4"}]})
ANN = ("SpeakerProfile", "ann", {"recordings": [{"url": "https://media.example.org/ann.wav"}]})


def test_voices_may_be_in_the_batchs_file_or_in_another(tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    found = asked([written(tmp_path, BATCH), written(tmp_path / "voices", ANN)])
    assert (found.batch.metadata.name, found.profile.metadata.name) == ("talks", "default")
    assert [speaker.voice for speaker in found.speakers] == ["ann"]


def test_a_voice_that_a_cluster_would_refuse_is_a_mistake_here_too(tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    other = ("SpeakerProfile", "bob", ANN[2] | {"profileRef": {"name": "large"}})
    files = [written(tmp_path, BATCH, ANN, ANN, other), written(tmp_path / "voices", ANN, namespace="else")]
    with pytest.raises(InvalidDocumentError) as caught:
        asked(files)
    assert caught.value.mistakes == (
        "SpeakerProfile ann: is there twice",
        "SpeakerProfile bob: spec.profileRef.name: must be the batch's, default: one model hears both",
        "SpeakerProfile ann: is there twice",
        "SpeakerProfile ann: metadata.namespace: must be the batch's, default",
    )
