"""A file system of fsspec over an object store that speaks S3. Called by `sources.objects`, which reads what
batches name, and by `cache.objects`, which keeps what was fetched; each types what it raises.

s3fs is imported when a store is opened: it brings botocore and aiohttp, half a second.
"""

import logging
import os
from collections.abc import Mapping
from typing import Any, Final

from ingest_worker.hiding import know

SECONDS: Final = 20
"""Seconds of silence after which a connection counts as dead, as for sites."""

_OF_THE_PROCESS: Final = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Variables from which a store's secrets are read."""


def s3_files(
    endpoint: str | None,
    retries: Mapping[str, object],
    *,
    config: Mapping[str, object] | None = None,
    **given: Any,
) -> Any:
    """The file system; every call of it is a request, and nothing is remembered between two.

    Args:
        endpoint: The store's address; None for AWS.
        retries: How often botocore sends one request.
        config: More of botocore's `Config`.
        given: More of `S3FileSystem`: credentials and `client_kwargs`; without them it has those of the
            process's environment, or of its machine's role.
    """
    from s3fs import S3FileSystem

    for library in ("botocore", "aiobotocore"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # they log requests with their headers
    know(os.environ.get(name) for name in _OF_THE_PROCESS)
    return S3FileSystem(
        endpoint_url=endpoint,
        config_kwargs={
            "connect_timeout": SECONDS,
            "read_timeout": SECONDS,
            "retries": {**retries, "mode": "standard"},
            # few servers but AWS have a host name for each bucket
            "s3": {"addressing_style": "auto" if endpoint is None else "path"},
            # newer checksums, which not every server knows, only where S3 demands them
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            **(config or {}),
        },
        use_listings_cache=False,
        skip_instance_cache=True,
        **given,
    )
