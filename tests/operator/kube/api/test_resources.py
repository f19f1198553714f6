"""Where the API server serves each kind, and that no name leads anywhere else."""

import pytest

from ingest_operator.kube.api.resources import BATCHES, EVENTS, JOBS, PODS


def test_each_kind_has_its_path() -> None:
    assert PODS.path("media") == "/api/v1/namespaces/media/pods"
    assert PODS.path("media", "one", "log") == "/api/v1/namespaces/media/pods/one/log"
    assert JOBS.path(None) == "/apis/batch/v1/jobs"
    assert (
        BATCHES.path("media", "talks", "status")
        == "/apis/video-ingest.dev/v1alpha1/namespaces/media/ingestbatches/talks/status"
    )
    assert (PODS.api_version, EVENTS.api_version) == ("v1", "events.k8s.io/v1")


@pytest.mark.parametrize("name", ["", ".", "..", "../secrets/token", "..%2fsecrets", "a/b"])
def test_a_name_that_would_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        JOBS.path("media", name)
    with pytest.raises(ValueError, match="no name"):
        JOBS.path(name, "one")


def test_a_name_cannot_end_the_path() -> None:
    assert JOBS.path("media", "one?watch=1#") == "/apis/batch/v1/namespaces/media/jobs/one%3Fwatch%3D1%23"
