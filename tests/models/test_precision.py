"""bfloat16 is computed in where the processor multiplies it, not where it is only possible."""

from __future__ import annotations

import pytest
import torch

from rankdistill.models.precision import has_bfloat16


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"architecture": "x86_64", "avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({"architecture": "x86_64", "avx512_f": True, "avx512_bf16": True}, True),
        ({"architecture": "x86_64", "amx_bf16": True}, True),
        ({"architecture": "aarch64"}, True),
        ({}, True),
    ],
)
def test_a_processor_has_bfloat16_where_it_has_an_instruction_for_it(
    told: dict[str, object], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        pytest.skip("oneDNN computes no bfloat16 here, whatever the processor says")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert has_bfloat16(torch.device("cpu")) == expected
