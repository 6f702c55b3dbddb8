import pytest
import torch

from training import precision


@pytest.mark.parametrize("faster", [torch.float32, torch.bfloat16])
def test_takes_the_type_that_took_less_time(faster: torch.dtype, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "_seconds", lambda dtype, _: 1.0 if dtype is faster else 2.0)
    assert precision.fastest_float("cpu") is faster


@pytest.mark.skipif(
    any(has for unit, has in torch.cpu.get_capabilities().items() if unit.endswith("bf16")),
    reason="this processor computes in bf16 itself",
)
def test_a_processor_without_bf16_is_not_made_to_imitate_it():
    assert precision.fastest_float("cpu") is torch.float32
