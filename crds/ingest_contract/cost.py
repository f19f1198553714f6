"""What a GPU costs, as the platform team says, and what a batch has cost by that. Amounts are decimal text:
nothing here is billed."""

from typing import Annotated

from pydantic import StringConstraints

from ingest_contract.base import ContractModel, Decimal

Amount = Annotated[str, StringConstraints(max_length=16, pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$")]
"""An amount of money that is not negative, for example `2.49`."""

Currency = Annotated[str, StringConstraints(min_length=3, max_length=3, pattern=r"^[A-Z]{3}$")]
"""A currency as ISO 4217 codes it, for example `EUR`."""


class GpuPrice(ContractModel):
    """What an hour of one GPU costs."""

    gpu_hour: Amount
    """For one of what `pods.gpu` asks for, be it a whole GPU or a slice, for example `2.49`."""

    currency: Currency
    """In which currency, for example `EUR`."""


class CostStatus(ContractModel):
    """What the GPUs of a batch have cost, by the price that its profile has now."""

    currency: Currency
    """The profile's."""

    gpu_hour: Amount
    """The profile's price, by which the rest is computed."""

    total: Decimal
    """`sums.gpuSeconds` at that price: every process that ended, failed ones too."""

    media_hour: Decimal | None = None
    """The same for each hour of media that is in the store: what an hour of results costs."""
