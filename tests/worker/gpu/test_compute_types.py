"""In which number format Whisper runs where the profile leaves it to the device."""

import sys
from types import SimpleNamespace
from typing import Literal

import pytest

from ingest_contract.failures import Reason
from ingest_contract.profile import ComputeType
from ingest_worker.engines.compute_types import best_of, resolved
from ingest_worker.errors import StageError

# `get_supported_compute_types("cuda")` of CTranslate2 4.8, by what `src/types.cc` asks of a device.
AMPERE = {"float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16", "int8_bfloat16"}
PASCAL_GTX = {"float32", "int8", "int8_float32"}
MAXWELL = {"float32"}


@pytest.mark.parametrize(
    ("supported", "device", "chosen"),
    [
        (AMPERE, "cuda", ComputeType.INT8_FLOAT16),
        (AMPERE - {"int8_float16"}, "cuda", ComputeType.FLOAT16),
        (PASCAL_GTX, "cuda", ComputeType.FLOAT32),
        (MAXWELL, "cuda", ComputeType.FLOAT32),
        ({"float32", "int8", "int8_float32"}, "cpu", ComputeType.INT8),
        ({"float32"}, "cpu", ComputeType.FLOAT32),
    ],
)
def test_the_best_format_that_the_device_has_is_chosen(
    supported: set[str], device: Literal["cuda", "cpu"], chosen: ComputeType
) -> None:
    assert best_of(supported, device) is chosen


def test_a_device_that_has_none_of_ours_is_named_with_what_it_has() -> None:
    with pytest.raises(StageError, match="int8_bfloat16") as caught:
        best_of({"int8_bfloat16"}, "cuda")
    assert caught.value.reason is Reason.COMPUTE_TYPE_UNSUPPORTED


def test_what_a_profile_orders_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    assert resolved(ComputeType.FLOAT32, "cuda") is ComputeType.FLOAT32


def test_this_processor_has_a_format_for_auto() -> None:
    assert resolved(ComputeType.AUTO, "cpu") in {ComputeType.INT8, ComputeType.FLOAT32}


def test_a_format_that_is_not_the_best_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    played = SimpleNamespace(get_supported_compute_types=lambda _: AMPERE - {"int8_float16"})
    monkeypatch.setitem(sys.modules, "ctranslate2", played)
    assert resolved(ComputeType.AUTO, "cuda") is ComputeType.FLOAT16
    assert "float16 and not in int8_float16" in caplog.text


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"),
         Reason.GPU_UNAVAILABLE),
        (RuntimeError("CUDA failed with error the provided PTX was compiled with an unsupported toolchain."),
         Reason.GPU_UNAVAILABLE),
        (ValueError("This CTranslate2 package was not compiled with CUDA support"), Reason.GPU_UNAVAILABLE),
        (ValueError("something else"), Reason.UNKNOWN),
    ],
)  # fmt: skip
def test_cuda_that_does_not_start_is_an_error_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: Reason
) -> None:
    def fails(_: str) -> set[str]:
        raise error

    monkeypatch.setitem(sys.modules, "ctranslate2", SimpleNamespace(get_supported_compute_types=fails))
    with pytest.raises(StageError) as caught:
        resolved(ComputeType.AUTO, "cuda")
    assert caught.value.reason is reason
