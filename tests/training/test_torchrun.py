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

import rankdistill

PATHS = [str(Path(__file__).parents[1]), str(Path(rankdistill.__file__).parents[1])]
pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("torchrun_script.py")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders one/, two/ and four/, by the number of processes."""
    folder = tmp_path_factory.mktemp("torchrun")
    same = ["labels_alone", "beside", "distilled", "imitated", "guided", "language", "several", "related", "relations"]
    for name, processes, wanted in (("one", 1, same), ("two", 2, [*same, "resumed"]), ("four", 4, ["labels_alone"])):
        command = [sys.executable]
        if processes > 1:
            command += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        done = subprocess.run(
            [*command, str(SCRIPT), str(folder / name), *wanted],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(PATHS)},
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


@pytest.mark.parametrize(
    "what", ["labels_alone", "beside", "distilled", "imitated", "guided", "language", "related", "relations"]
)
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


def test_two_processes_learn_several_tasks_as_one_does(trained: Path) -> None:
    torch.testing.assert_close(*(losses(trained / n / "several") for n in ("two", "one")), rtol=1e-4, atol=1e-5)
    for folder in ("model", "two/model"):
        one, two = (load_file(trained / n / "several" / folder / "model.safetensors") for n in ("one", "two"))
        for name, weight in one.items():
            torch.testing.assert_close(two[name], weight, rtol=0, atol=1e-4)


def test_more_processes_than_lists_learn_the_same(trained: Path) -> None:
    folders = trained / "four" / "labels_alone", trained / "one" / "labels_alone"
    torch.testing.assert_close(*map(losses, folders), rtol=1e-4, atol=1e-5)


def test_two_processes_go_on_from_a_checkpoint(trained: Path) -> None:
    resumed = weights(trained / "two" / "resumed")
    assert all(torch.equal(resumed[name], weight) for name, weight in weights(trained / "two" / "labels_alone").items())
