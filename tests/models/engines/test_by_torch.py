"""The torch engine computes in the asked dtype, sees weights change, and leaves the model's mode alone."""

from __future__ import annotations

import numpy as np
import torch

from rankdistill.models import CrossEncoder


def test_bfloat16_stays_near_float32_and_does_not_tie_logits(tiny: CrossEncoder) -> None:
    pairs = [("what is a dog", f"the {'dog ' * n} book") for n in range(40)]
    with torch.no_grad():
        tiny.model.classifier.weight.mul_(20)
        tiny.model.classifier.bias.fill_(100.0)
    exact, low = tiny.predict(pairs), tiny.with_dtype("bfloat16").predict(pairs)
    np.testing.assert_allclose(low, exact, atol=0.05 * np.ptp(exact) + 0.05)
    rounded = torch.from_numpy(low).bfloat16().float().numpy()
    assert len(np.unique(low)) > 3 * len(np.unique(rounded))


def test_engine_sees_weights_that_changed(tiny: CrossEncoder) -> None:
    pairs = [("what is a dog", "a dog")]
    before = tiny.predict(pairs)
    with torch.no_grad():
        tiny.model.classifier.bias += 1
    np.testing.assert_allclose(tiny.predict(pairs), before + 1, atol=1e-6)


def test_model_in_training_scores_without_dropout_and_goes_on_training(tiny: CrossEncoder) -> None:
    pairs = [("what is a dog", "a dog")]
    expected = tiny.predict(pairs)
    tiny.model.train()
    np.testing.assert_array_equal(tiny.predict(pairs), expected)
    assert tiny.model.training


def test_bfloat16_leaves_no_hook_behind(tiny: CrossEncoder) -> None:
    tiny.with_dtype("bfloat16").predict([("a", "b")])
    assert not tiny.model.classifier._forward_hooks


def test_auto_is_one_of_the_two_dtypes_and_part_of_the_identity(tiny: CrossEncoder) -> None:
    engine = tiny.with_dtype("auto").engine
    assert engine.identity.endswith(("float32", "bfloat16 weights"))
    assert tiny.engine.identity.endswith("float32")
