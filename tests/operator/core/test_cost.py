"""What GPUs have cost, from the sums that the status has anyway."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from ingest_contract.cost import GpuPrice
from ingest_operator.core.cost import amount, cost_of
from ingest_operator.core.ledger import Ledger
from ingest_operator.core.totals import Totals
from ingest_operator.kube.telemetry.metrics import Metrics
from ingestctl.screen import summary
from testkit.objects.builders import NOW, a_planned_batch, a_run, over, rendered

PRICE = GpuPrice(gpu_hour="2.49", currency="EUR")


def test_gpu_hours_at_their_price_are_the_total_and_an_hour_of_media_has_its_share() -> None:
    found = cost_of(PRICE, Totals(gpu_seconds=7200.0, media_seconds=36_000.0))
    assert found is not None
    assert (found.total, found.media_hour) == ("4.98", "0.498")
    assert (found.gpu_hour, found.currency) == ("2.49", "EUR")


def test_an_amount_is_the_hours_at_the_price_of_one() -> None:
    assert amount("2.49", 5400.0) == pytest.approx(3.735)
    assert amount("2.49", 0.0) == 0.0


def test_what_failed_costs_too_and_without_media_there_is_no_price_of_an_hour() -> None:
    found = cost_of(PRICE, Totals(gpu_seconds=360.0))
    assert found is not None
    assert (found.total, found.media_hour) == ("0.249", None)


def test_no_price_and_no_gpu_are_no_cost() -> None:
    assert cost_of(None, Totals(gpu_seconds=7200.0)) is None
    assert cost_of(PRICE, Totals(media_seconds=3600.0)) is None


def test_a_status_has_it_by_the_price_that_the_profile_has_now_and_people_see_it() -> None:
    ledger = Ledger(totals=Totals(gpu_seconds=3600.0, media_seconds=7200.0))
    batch = a_planned_batch(1)
    assert rendered(batch, ledger, None, NOW).cost is None
    status = rendered(replace(batch, price=PRICE), ledger, None, NOW)
    assert status.cost is not None
    assert status.cost.media_hour == "1.245"
    assert "1.245 EUR per media hour" in summary(status)
    dearer = rendered(replace(batch, price=GpuPrice(gpu_hour="5", currency="USD")), ledger, status, NOW)
    assert dearer.cost is not None
    assert (dearer.cost.total, dearer.cost.currency) == ("5", "USD")


def test_each_run_is_counted_once_in_its_currency() -> None:
    ledger = Ledger(totals=Totals(gpu_seconds=3600.0))
    status = rendered(replace(a_planned_batch(1), price=PRICE), ledger, None, NOW)
    metrics = Metrics()
    metrics.paid(status, replace(over(a_run(0)), gpu_seconds=1800.0))
    metrics.paid(rendered(a_planned_batch(1), ledger, None, NOW), replace(over(a_run(0)), gpu_seconds=9.0))
    assert 'video_ingest_cost_total{currency="EUR"} 1.245' in metrics.exposition().decode()


@pytest.mark.parametrize("wrong", ["-1", "2,49", "1e3", "", "2.1234567", "1234567890"])
def test_an_amount_is_a_decimal_that_is_not_negative(wrong: str) -> None:
    with pytest.raises(ValidationError):
        GpuPrice(gpu_hour=wrong, currency="EUR")


@pytest.mark.parametrize("wrong", ["eur", "EURO", "€", ""])
def test_a_currency_is_its_code_of_three_letters(wrong: str) -> None:
    with pytest.raises(ValidationError):
        GpuPrice(gpu_hour="1", currency=wrong)
