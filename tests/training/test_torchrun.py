"""Two processes learn what one learns: the same loss curve, weights and resumption, whatever the batches' sizes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import torch
torch.set_num_threads(1)
tests, out, *wanted = sys.argv[1:]
sys.path.insert(0, tests)
from tiny import make_candidates, make_collection, make_model, make_tokenizer
from rankdistill.models import CrossEncoder, keep_layers
from rankdistill.recipes import distill
from rankdistill.training import TrainingSettings, batches, fit, imitate
from rankdistill.tasks import Task

batches.PART_TOKENS = 1  # so that processes split their shares into different numbers of parts
collection = make_collection(13)
candidates = make_candidates(collection, 10)
labels = np.where(np.arange(len(candidates)) % 5 == 4, np.nan, np.arange(len(candidates)) % 3)
candidates = candidates.with_columns(label=labels)
dev = Task(collection, candidates, measures=("nDCG@10",), qrels=candidates.take_rows(~np.isnan(labels)))
collection.name, collection.qrels = "made", dev.qrels
settings = TrainingSettings(
    epochs=3, list_size=4, lists_per_batch=6, learning_rate=1e-3, logging_steps=1, dtype="float32", eval_steps=3
)


def model():
    return CrossEncoder(make_model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), make_tokenizer())


def labels_alone(out):
    fit(model(), candidates, collection, "hinge(label) + list_cross_entropy(label)", settings, dev=dev, out=out)


def resumed(out):
    original, steps = torch.optim.AdamW.step, []

    def step(self, *args, **kwargs):
        steps.append(0)
        if len(steps) > 4:
            raise KeyboardInterrupt
        return original(self, *args, **kwargs)

    torch.optim.AdamW.step = step
    try:
        labels_alone(out)
    except KeyboardInterrupt:
        torch.optim.AdamW.step = original
    labels_alone(out)


def beside(out):
    teacher = model()
    student = teacher.with_model(keep_layers(teacher.model, [0, 2]))
    objective = "pointwise_mse(teacher) + hidden_mse(teacher)"
    fit(student, candidates, collection, objective, settings, out=out, teacher=teacher)


def distilled(out):
    teacher = model()
    with torch.no_grad():
        teacher.model.classifier.weight.mul_(50)
    distill(collection, candidates, {"t1": teacher}, model(), settings, out=out)


def shrunk(out):
    imitate(model(), [0, 3], candidates, collection, settings, out=out)


for name in wanted:
    globals()[name](Path(out) / name)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders one/, two/ and four/, by the number of processes."""
    folder = tmp_path_factory.mktemp("torchrun")
    (folder / "script.py").write_text(SCRIPT)
    same = ["labels_alone", "beside", "distilled", "shrunk"]
    for name, processes, wanted in (("one", 1, same), ("two", 2, [*same, "resumed"]), ("four", 4, ["labels_alone"])):
        command = [sys.executable]
        if processes > 1:
            command += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        done = subprocess.run(
            [*command, str(folder / "script.py"), str(Path(__file__).parents[1]), str(folder / name), *wanted],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return folder


def losses(folder: Path) -> torch.Tensor:
    log = json.loads((folder / "log.json").read_text())
    return torch.tensor([entry["loss"] for entry in log if "loss" in entry])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


@pytest.mark.parametrize("what", ["labels_alone", "distilled"])
def test_two_processes_have_the_loss_curve_of_one(trained: Path, what: str) -> None:
    alone = losses(trained / "one" / what)
    assert len(alone) == 7, "13 queries three times, 6 lists an update: the last has 3"
    assert alone.max() > 1.01 * alone.min()
    torch.testing.assert_close(losses(trained / "two" / what), alone, rtol=1e-4, atol=1e-5)
    both = weights(trained / "two" / what)
    for name, weight in weights(trained / "one" / what).items():
        if what == "labels_alone" and name == "classifier.bias":
            continue  # ranking losses have no gradient there, and AdamW makes steps of its noise
        torch.testing.assert_close(both[name], weight, rtol=0, atol=1e-4)


def test_more_processes_than_lists_learn_the_same(trained: Path) -> None:
    folders = trained / "four" / "labels_alone", trained / "one" / "labels_alone"
    torch.testing.assert_close(*map(losses, folders), rtol=1e-4, atol=1e-5)


def test_two_processes_go_on_from_a_checkpoint(trained: Path) -> None:
    resumed = weights(trained / "two" / "resumed")
    assert all(torch.equal(resumed[name], weight) for name, weight in weights(trained / "two" / "labels_alone").items())


@pytest.mark.parametrize("what", ["beside", "shrunk"])
def test_what_is_inside_a_teacher_is_compared_in_each_process(trained: Path, what: str) -> None:
    folders = trained / "two" / what, trained / "one" / what
    torch.testing.assert_close(*map(losses, folders), rtol=0.05, atol=0.01)
