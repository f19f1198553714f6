"""Where a cache may lie."""

import pytest
from pydantic import ValidationError

from ingest_contract.cache_volume import CacheObjects

BUCKET = "s3://ingest/fetched"


@pytest.mark.parametrize(
    "endpoint", ["https://s3.example.org", "http://10.0.0.7:9000", "https://[::1]/minio"]
)
def test_an_address_of_a_store_may_have_a_port_and_a_path(endpoint: str) -> None:
    assert CacheObjects.from_object({"url": BUCKET, "endpoint": endpoint}).endpoint == endpoint


@pytest.mark.parametrize("user", ["key:secret", "key", ":secret", ""])
def test_keys_in_the_address_of_a_store_are_refused_because_job_specs_would_show_them(user: str) -> None:
    with pytest.raises(ValidationError):
        CacheObjects.from_object({"url": BUCKET, "endpoint": f"https://{user}@s3.example.org"})
