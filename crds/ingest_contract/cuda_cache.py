"""Where CUDA keeps what it compiled, in a cluster: `pods.cudaCache` of a profile."""

from typing import Self

from pydantic import model_validator

from ingest_contract.base import AbsolutePath, ContractModel, ObjectName, cel

_ONE_CUDA_CACHE = "has(self.claimName) != has(self.hostPath)"


class CudaCache(
    ContractModel, json_schema_extra=cel((_ONE_CUDA_CACHE, "one of claimName and hostPath must be set"))
):
    """Where CUDA keeps what it compiled: one of the two."""

    claim_name: ObjectName | None = None
    """A PersistentVolumeClaim in the batch's namespace, which pods on several nodes can mount
    (`ReadWriteMany`)."""

    host_path: AbsolutePath | None = None
    """A folder on each node with a GPU, writable for the workers' group 65532."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        """The same rule as the CEL one, for people without a cluster."""
        if (self.claim_name is None) == (self.host_path is None):
            raise ValueError("one of claimName and hostPath must be set")
        return self
