"""int8 leaves alone what it says, and a pair's score does not depend on the pairs beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import lively, make_model, make_tokenizer

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder
from rankdistill.models.engines.export import export_model, kept_in_float
from rankdistill.models.engines.int8_onnx import blockwise
from rankdistill.models.engines.int8_openvino import Int8
from rankdistill.models.engines.outside import load_openvino
from rankdistill.models.engines.trace import random_batch
from rankdistill.models.families import FAMILIES

PAIRS = [("a dog", "the dog wrote a book"), ("what", "sort the list"), ("first book", "a cat"), ("a", "b c d e f g")]


def multiplied_in_int8(engine: str, file: Path) -> tuple[set[str], set[str]]:
    """Names of the products of a file in int8, and of the other ones."""
    if engine == "onnx":
        import onnx

        nodes = onnx.load(file).graph.node
        whole = {node.name for node in nodes if node.op_type in ("MatMul", "Gemm")}
        return {node.name for node in nodes if node.op_type == "MatMulNBits"}, whole
    import openvino

    products = [op for op in openvino.Core().read_model(str(file)).get_ops() if op.get_type_name() == "MatMul"]
    quantized = {op.get_friendly_name() for op in products if any(map(_is_quantized, op.input_values()))}
    return quantized, {op.get_friendly_name() for op in products} - quantized


def _is_quantized(value: Any) -> bool:
    """Whether an input of a product comes from 8-bit weights or from rounded activations."""
    import openvino

    passing = ("Reshape", "Transpose", "Convert", "Multiply", "Subtract", "Unsqueeze", "Squeeze")
    node = value.get_node()
    while node.get_type_name() in passing:
        if node.input_value(0).get_element_type() in (openvino.Type.i8, openvino.Type.u8):
            return True
        node = node.input_value(0).get_node()
    return node.get_type_name() == "FakeQuantize"


CASES: list[tuple[str, str, Int8 | None]] = [("onnx", family, None) for family in FAMILIES]
CASES += [("openvino", family, Int8()) for family in ("bert", "distilbert", "modernbert", "qwen3")]
CASES += [("openvino", family, Int8(group)) for family, group in (("bert", 32), ("modernbert", 64), ("qwen3", 128))]
CASES += [("openvino", "bert", Int8(left=(1,))), ("openvino", "bert", Int8(64, left=(0,)))]


@pytest.mark.parametrize(("engine", "family", "how"), CASES, ids=str)
def test_int8_leaves_attention_the_last_layer_and_the_head_alone(
    engine: str, family: str, how: Int8 | None, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    if engine == "openvino":
        pytest.importorskip("openvino")
        pytest.importorskip("nncf")
    model = lively(family)
    batches = [random_batch(model, 4, 12)] if engine == "openvino" else []
    quantized, whole = multiplied_in_int8(engine, export_model(model, "f", tmp_path, engine, "int8", batches, how))
    row = FAMILIES[family]
    layers, attention = row.layers.rpartition(".")[2], row.attention.replace(".", "/")
    left = how.left if how else ()
    assert quantized
    assert all(re.search(rf"/{layers}\.[012]/", name) for name in quantized), "of all layers but the last"
    assert not [name for name in quantized if re.search(rf"/{attention}/MatMul(_\d+)?$", name)]
    for layer in range(3):
        if layer in left:
            assert not [name for name in quantized if f"/{layers}.{layer}/" in name]
            continue
        assert sum(f"/{layers}.{layer}/" in name for name in quantized) >= 4, "projections and the feed-forward part"
    assert any(re.search(rf"/{layers}\.0/{attention}/MatMul", name) for name in whole)
    assert any(f"/{layers}.3/" in name for name in whole)


@pytest.mark.parametrize("asked", ["f32", "bf16"])
def test_activations_are_quantized_while_running_by_as_many_numbers_as_are_asked_for(
    asked: str, tmp_path: Path
) -> None:
    """OpenVINO quantizes none of them in bfloat16, so that such a model is loaded in float32; nor without VNNI."""
    pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    model = lively("bert", hidden_size=64)
    batch, given = random_batch(model, 4, 12), {}
    for group in (32, 64):
        file = export_model(model, "f", tmp_path / str(group), "openvino", "int8", [batch], Int8(group))
        runner = load_openvino(file, 1, asked)
        assert runner.precision == "f32"
        given[group] = runner(batch)
    apart = np.abs(given[32] - given[64]).max()
    known = Path("/proc/cpuinfo")
    if known.is_file() and "vnni" not in known.read_text():
        assert apart == 0
    else:
        assert 0 < apart < 0.5 * np.abs(given[32]).max()


@pytest.mark.filterwarnings("ignore:model type")
def test_a_model_of_shared_layers_is_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from transformers import AlbertConfig, AlbertForSequenceClassification

    config = AlbertConfig(
        vocab_size=64, embedding_size=16, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_labels=1
    )
    with pytest.raises(DataError, match=r"Albert.* has no layer that can be computed in int8"):
        export_model(AlbertForSequenceClassification(config).eval(), "f", tmp_path, "onnx", "int8")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_score_does_not_depend_on_what_else_is_in_the_batch(dtype: str) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = CrossEncoder(lively("bert", initializer_range=0.2), make_tokenizer())
    exported = model.with_engine("onnx", dtype)
    many = [(query, f"{document} {'long ' * (i % 9)}") for i in range(8) for query, document in PAIRS]
    together = exported.predict(many)
    order = np.random.default_rng(0).permutation(len(many))
    alone = np.concatenate([exported.predict([pair]) for pair in many])
    permuted = exported.predict([many[i] for i in order])
    assert np.ptp(together) > 0.1
    np.testing.assert_allclose(alone, together, atol=1e-5)
    np.testing.assert_allclose(permuted, together[order], atol=1e-5)
    wild = [*many, ("book " * 9, "zzzz " * 40)]
    np.testing.assert_allclose(exported.predict(wild)[:-1], together, atol=1e-5)


def test_int8_of_onnx_is_near_float32() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = CrossEncoder(make_model(initializer_range=0.2), make_tokenizer())
    exact = model.predict(PAIRS)
    scores = model.with_engine("onnx", "int8").predict(PAIRS)
    np.testing.assert_allclose(scores, exact, atol=0.1 * float(np.abs(exact).max()))
    assert np.abs(scores - exact).max() > 1e-6, "it is another computation"


def test_rounded_weights_are_within_half_a_step() -> None:
    weights = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
    weights[:32, 2] = 0
    codes, scales = blockwise(weights, 32)
    assert codes.shape == (5, 2, 32)
    again = (codes.astype(np.float32) - 128) * scales.reshape(5, 2, 1)
    steps = np.repeat(scales.reshape(5, 2), 32, axis=1)
    assert (np.abs(again.reshape(5, 64) - weights.T) <= steps * 0.501).all()
    assert (again.reshape(5, 64)[2, :32] == 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_patterns_tell_layers_of_one_and_two_digits_apart(family: str) -> None:
    model = lively(family)
    patterns = kept_in_float(model)
    layers = FAMILIES[family].layers.rpartition(".")[2]
    names = {
        f"/model/x/{layers}.3/a/MatMul": True,
        f"/model/x/{layers}.13/a/MatMul": False,
        "/model/classifier/Gemm": True,
    }
    for name, kept in names.items():
        assert any(re.fullmatch(pattern, name) for pattern in patterns) == kept


APART = """
import sys
from pathlib import Path
import openvino  # its import sends a message of its own
from openvino_telemetry.utils.sender import TelemetrySender
from tiny import lively
from rankdistill.models.engines.export import export_model
from rankdistill.models.engines.trace import random_batch
sent = []
TelemetrySender.send = lambda *message: sent.append(message)
model, out = lively("bert"), Path(sys.argv[1])
export_model(model, "f", out, "openvino", "float32")
export_model(model, "f", out, "openvino", "int8", [random_batch(model, 4, 12)])
print(len(sent))
"""


@pytest.mark.slow
def test_an_export_to_openvino_sends_nothing(tmp_path: Path) -> None:
    """Its converter and its quantizer send what they do to their makers, by dozens of processes forked off this one."""
    pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    path = os.pathsep.join(place for place in sys.path if place)
    command = [sys.executable, "-c", APART, str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"
