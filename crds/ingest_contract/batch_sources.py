"""The kinds of sources that are fetched from: addresses, lists of them, volumes, buckets."""

from typing import Annotated

from pydantic import StringConstraints

from ingest_contract.base import ContractModel, ObjectName, SourceKey

SourceUrl = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^(https?|file)://.+")]
"""An address that recordings come from."""


class ConfigMapSource(ContractModel):
    """A list in a ConfigMap: on each line an address, or a JSON object as in a manifest;
    empty lines and lines that begin with `#` are ignored."""

    name: ObjectName
    """The ConfigMap, in the batch's namespace."""

    key: SourceKey = "urls.txt"
    """The key that holds the list."""


class VolumeSource(ContractModel):
    """Media files on a volume."""

    claim_name: ObjectName
    """The PersistentVolumeClaim, in the batch's namespace. `ingestctl run --volume CLAIM=FOLDER` says where
    it is on a workstation."""

    glob: Annotated[str, StringConstraints(min_length=1, max_length=256)] = "**/*"
    """Which of its files, as a glob pattern relative to its root."""


class SecretSource(ContractModel):
    """A list of addresses in a Secret, one per line, for addresses that let somebody in; empty lines and
    lines that begin with `#` are ignored. A line may be a JSON object as in a manifest. Only pods read it."""

    secret_name: ObjectName
    """The Secret, in the batch's namespace. `ingestctl run --secret NAME=FOLDER` says where its keys are as
    files on a workstation."""

    key: SourceKey = "urls.txt"
    """The key that holds the list."""


BucketAddress = Annotated[
    str,
    StringConstraints(max_length=400, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$"),
]
"""A bucket, and how the keys begin."""

Endpoint = Annotated[
    str, StringConstraints(max_length=256, pattern=r"^https?://[A-Za-z0-9._\[\]:-]+(/[A-Za-z0-9._/-]*)?$")
]
"""The address of a server, without user and password."""


class ObjectStoreSource(ContractModel):
    """Media files in an object store that speaks S3."""

    url: BucketAddress
    """`s3://bucket`, `s3://bucket/prefix` with everything below it, or `s3://bucket/talk.mp3`."""

    glob: Annotated[str, StringConstraints(min_length=1, max_length=256)] = "**/*"
    """Which of its objects, as a glob pattern relative to the prefix."""

    endpoint: Endpoint | None = None
    """The server, for example `https://minio.example.com:9000`. Omitted: AWS, or what the settings of the
    pod's own credentials say."""

    region: Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z0-9-]+$")] | None = None
    """The bucket's region, where the server asks for one. Omitted: found out."""

    secret_name: ObjectName | None = None
    """A Secret in the batch's namespace with the keys `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, for
    credentials that end, `AWS_SESSION_TOKEN`. `ingestctl run --secret NAME=FOLDER` says where they are as
    files on a workstation. Omitted: the credentials of the pod or workstation itself; the profile says for
    which buckets (`fetch.allow.buckets`)."""
