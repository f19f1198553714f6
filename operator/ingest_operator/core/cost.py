"""What the GPUs of a batch have cost. Pure."""

from ingest_contract.base import decimal
from ingest_contract.cost import CostStatus, GpuPrice
from ingest_operator.core.totals import Totals

HOUR_SECONDS = 3600.0

DECIMALS = 4
"""Of amounts: a minute of media on a cheap GPU costs a few hundredths of a cent."""


def amount(gpu_hour: str, gpu_seconds: float) -> float:
    """What GPUs cost that were held so long, at the price of an hour; in its currency."""
    return gpu_seconds / HOUR_SECONDS * float(gpu_hour)


def cost_of(price: GpuPrice | None, totals: Totals) -> CostStatus | None:
    """By the profile's price; None where it says none, or no GPU was held."""
    if price is None or not totals.gpu_seconds:
        return None
    total = amount(price.gpu_hour, totals.gpu_seconds)
    hours = totals.media_seconds / HOUR_SECONDS
    return CostStatus(
        currency=price.currency,
        gpu_hour=price.gpu_hour,
        total=decimal(total, DECIMALS),
        media_hour=decimal(total / hours, DECIMALS) if hours else None,
    )
