"""What a batch says when the API server refuses an object: why, in whose words, and until when it waits."""

import pytest

from ingest_operator.kube.api.errors import RefusalCause, RefusedError
from ingest_operator.kube.api.refusals import blocker_of_refusal, name_taken
from testkit.objects.builders import NOW

REASONS = {
    RefusalCause.QUOTA: "QuotaExceeded",
    RefusalCause.NAMESPACE_TERMINATING: "NamespaceTerminating",
    RefusalCause.ADMISSION: "AdmissionDenied",
    RefusalCause.FORBIDDEN_BY_RBAC: "Forbidden",
    RefusalCause.INVALID: "Invalid",
}


@pytest.mark.parametrize("cause", RefusalCause)
def test_every_cause_has_its_reason_and_the_servers_own_words(cause: RefusalCause) -> None:
    found = blocker_of_refusal(RefusedError(403, "Forbidden", "exceeded quota: gpus", cause), NOW, 7)
    assert (found.reason, found.index) == (REASONS[cause], 7)
    assert found.message.endswith("The server says: exceeded quota: gpus")
    assert NOW + 15 <= found.until <= NOW + 60


def test_a_longer_wait_that_the_server_asks_for_is_kept() -> None:
    error = RefusedError(403, "Forbidden", "busy", RefusalCause.ADMISSION, retry_after=300.0)
    assert blocker_of_refusal(error, NOW).until == NOW + 300


def test_a_long_refusal_still_fits_into_a_condition() -> None:
    assert all(
        len(blocker_of_refusal(RefusedError(403, "Forbidden", "x" * 5000, cause), NOW).message) <= 1024
        for cause in RefusalCause
    )


def test_a_name_that_somebody_else_has_is_reported_with_the_item_it_blocks() -> None:
    found = name_taken("Job", "talks-0b3f6c1e-7-2", NOW, 7)
    assert (found.reason, found.index, found.until) == ("NameTaken", 7, NOW + 60)
    assert "A Job named talks-0b3f6c1e-7-2 exists and is not this batch's" in found.message
