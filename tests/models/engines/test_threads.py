"""Batches computed by several threads at once give the bytes that one thread gives, in the order of the batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import lively, make_model, make_tokenizer

from rankdistill.errors import DataError
from rankdistill.inputs.batches import length_sorted_batches
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.engines import threads as threads_module
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.export import FORMATS, export_model
from rankdistill.models.engines.table import make_engine
from rankdistill.models.engines.threads import LEAST_TOKENS, PARTS, batch_budget, computed
from rankdistill.models.engines.trace import random_batch

LARGE = {"hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 8, "initializer_range": 0.1}
"""So large that torch sums its products in another order by two threads than by one."""
Batches = list[tuple[np.ndarray, dict[str, np.ndarray]]]


def batches_of(model: Any, n: int = 7) -> Batches:
    random = np.random.default_rng(1)
    return [(np.array([nth]), random_batch(model, 12 + nth, 40, random)) for nth in range(n)]


def bytes_of(engine: Any, batches: Batches, n_threads: int | None = None) -> list[bytes]:
    return [logits.tobytes() for _, _, logits in computed(engine, batches, n_threads)]


class Watched:
    """An engine whose logits are the batch's number, and that fails for one number."""

    n_threads, least_tokens, identity = 2, LEAST_TOKENS, "watched"

    def __init__(self, fails: int = -1) -> None:
        self.fails, self.inside, self.together, self.open = fails, 0, 0, False
        self.lock = threading.Lock()

    @contextmanager
    def shared(self) -> Iterator[None]:
        self.open = True
        yield
        self.open = False
        assert not self.inside, "threads compute where the model may be changed"

    def logits(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        assert self.open
        with self.lock:
            self.inside += 1
            self.together = max(self.together, self.inside)
        threading.Event().wait(0.01)
        with self.lock:
            self.inside -= 1
        if batch["n"][0] == self.fails:
            raise DataError("this batch fails")
        return batch["n"]


@pytest.mark.parametrize(
    ("engine", "dtype"), [("torch", "float32"), pytest.param("torch", "bfloat16", marks=pytest.mark.slow), *FORMATS]
)
def test_the_number_of_threads_changes_no_bit_of_any_engine(engine: str, dtype: str, tmp_path: Path) -> None:
    for package in {"onnx": ["onnxruntime", "onnx"], "openvino": ["openvino", "onnx"]}.get(engine, []):
        pytest.importorskip(package, reason=f"the extra {engine!r} is not installed")
    model = make_model(**LARGE)
    batches = batches_of(model)
    if (engine, dtype) == ("openvino", "int8"):
        pytest.importorskip("nncf", reason="the extra 'openvino-int8' is not installed")
        export_model(model, "weights", tmp_path, engine, dtype, [batch for _, batch in batches])
    made = make_engine(engine, model, dtype, tmp_path, "weights", 40)
    expected = bytes_of(made, batches, 1)
    assert len(set(expected)) == len(batches)
    for n_threads in (2, 3, None):
        assert bytes_of(made, batches, n_threads) == expected


@pytest.mark.parametrize("before", [1, 2])
def test_torchs_own_number_of_threads_changes_no_bit_and_is_left_as_it_is(before: int) -> None:
    model = make_model(**LARGE)
    batches = batches_of(model)
    expected = bytes_of(TorchEngine(model), batches, 1)
    was = torch.get_num_threads()
    torch.set_num_threads(before)
    threads_module._pool.cache_clear()
    seen: list[int] = []
    try:
        assert bytes_of(TorchEngine(model), batches) == expected
        assert torch.get_num_threads() == before
        later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert seen == [before]
    finally:
        torch.set_num_threads(was)


@pytest.mark.parametrize("family", ["bert", "modernbert", "qwen3"])
def test_a_model_in_training_is_afterwards_as_it_was(family: str) -> None:
    model = lively(family)
    batches = batches_of(model)
    expected = bytes_of(TorchEngine(model, "bfloat16"), batches, 1)
    model.train()
    before = {name: sorted(module.__dict__) for name, module in model.named_modules()}
    assert bytes_of(TorchEngine(model, "bfloat16"), batches, 3) == expected
    assert all(module.training for module in model.modules())
    assert {name: sorted(module.__dict__) for name, module in model.named_modules()} == before
    assert not any(module._forward_hooks for module in model.modules())


def test_batches_come_in_their_order_computed_at_once_and_taken_a_few_ahead() -> None:
    engine, taken = Watched(), []

    def numbered() -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        for nth in range(20):
            taken.append(nth)
            yield np.array([nth]), {"n": np.array([nth])}

    for nth, (items, batch, logits) in enumerate(computed(engine, numbered())):
        assert (items[0], batch["n"][0], logits[0]) == (nth, nth, nth)
        assert len(taken) <= nth + 4
    assert engine.together == 2


def test_an_error_is_raised_at_its_batch_when_no_thread_computes_any_more() -> None:
    engine = Watched(fails=2)
    given = computed(engine, [(np.array([n]), {"n": np.array([n])}) for n in range(9)], 3)
    assert [int(next(given)[0][0]) for _ in range(2)] == [0, 1]
    with pytest.raises(DataError, match="this batch fails"):
        next(given)
    assert not engine.inside


def test_a_list_gives_every_thread_some_batches_of_a_useful_size() -> None:
    engine, lengths = Watched(), np.full(100, 64)
    sizes = [len(items) for items in length_sorted_batches(lengths, batch_budget(engine, lengths, 4096))]
    assert sizes == [13] * (PARTS - 1) + [9], "none are left for a part more, for which one thread would wait"
    mixed = np.array([512, *[30] * 99])
    batches = length_sorted_batches(mixed, batch_budget(engine, mixed, 4096))
    assert max(len(items) * mixed[items].max() for items in batches) == LEAST_TOKENS, (
        "a long pair makes no long batches"
    )
    assert batch_budget(engine, np.full(5, 20), 4096) == LEAST_TOKENS
    assert batch_budget(engine, np.full(20_000, 50), 4096) == 4096
    engine.n_threads = 0
    assert batch_budget(engine, lengths, 4096) == 4096, "a GPU computes all at once"


def test_scores_of_pairs_do_not_depend_on_threads() -> None:
    model = CrossEncoder(make_model(**LARGE), make_tokenizer())
    pairs = [("a dog", "the dog wrote a book " * (1 + n % 9)) for n in range(80)]
    was = torch.get_num_threads()
    scores = []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        scores.append(model.predict(pairs).tobytes())
    torch.set_num_threads(was)
    assert scores[0] == scores[1]
