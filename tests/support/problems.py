"""Problem documents, as the reader answers them."""

from typing import Any

Answer = Any
"""A response of `TestClient`."""


def problem(answer: Answer, status: int, kind: str | None = None) -> dict[str, Any]:
    """The document, after a look at what every one must have."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"].startswith("application/problem+json")
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["detail"]
    assert len(answer.content) < 4_000, "what was sent is not sent back"
    if kind is not None:
        assert document["type"] == f"urn:video-ingest:problem:{kind}"
    return document
