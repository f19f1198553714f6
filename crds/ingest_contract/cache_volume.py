"""Where fetched audio waits for its ingest Job, in a cluster: `pods.cache` of a profile."""

from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from ingest_contract.base import AbsolutePath, ContractModel, ObjectName, cel


class CacheObjects(ContractModel):
    """A cache in an object store."""

    url: Annotated[str, StringConstraints(max_length=1024, pattern=r"^s3://[a-z0-9][a-z0-9.-]*(/[^\s]*)?$")]
    """The bucket, and a prefix in it that nothing else uses: `s3://bucket/prefix`."""

    endpoint: Annotated[str, StringConstraints(max_length=1024, pattern=r"^https?://[^\s@]+$")] | None = None
    """The address of the store; omitted: AWS."""

    secret_name: ObjectName | None = None
    """A Secret with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, which become environment variables of
    the pods; omitted: whatever credentials the pods have by themselves."""


_ONE_CACHE = "[has(self.claimName), has(self.hostPath), has(self.objectStore)].filter(x, x).size() == 1"


class CacheVolume(
    ContractModel,
    json_schema_extra=cel((_ONE_CACHE, "one of claimName, hostPath and objectStore must be set")),
):
    """Where fetched audio waits for its ingest Job: one of the three."""

    claim_name: ObjectName | None = None
    """A PersistentVolumeClaim in the batch's namespace. Pods on several nodes need one that all of them can
    mount (`ReadWriteMany`)."""

    host_path: AbsolutePath | None = None
    """A folder on the node, which must be the same on every node, or there must be one node."""

    object_store: CacheObjects | None = None
    """An object store."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        """The same rule as the CEL one, for people without a cluster."""
        if sum(each is not None for each in (self.claim_name, self.host_path, self.object_store)) != 1:
            raise ValueError("one of claimName, hostPath and objectStore must be set")
        return self
