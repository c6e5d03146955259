"""Look at what a guided encoder knows of a task before it is fine-tuned on it: [CLS] by t-SNE, and linear probes.

Run in the project's root: python -m benchmarks.studies.uegp_states   (after python -m benchmarks.studies.uegp)
A linear probe is a logistic or ridge regression on the [CLS] of training pairs, measured on the dev pairs; the
silhouette is that of the dev pairs' labels, by cosine. UEGP's Figure 4, with a number beside the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.pictures import save_svg
from benchmarks.results import FOLDER, STUDIES, Folder, Row, run, study
from benchmarks.studies.uegp import guided_folder, load_task
from rankdistill.arrays import F32
from rankdistill.data import Candidates
from rankdistill.evaluation.pair_metrics import PAIR_METRICS
from rankdistill.models import CrossEncoder
from rankdistill.tasks import Task

TRAINING_PAIRS, BATCH = 2000, 64
GENERAL = "general"


def states(model: CrossEncoder, task: Task, pairs: Candidates) -> F32:
    """The last hidden state of [CLS] of each pair, float32 (N, hidden)."""
    queries = task.collection.queries.take(pairs.query_ids.take(pairs.query_of_row))
    documents = task.collection.documents.take(pairs.doc_ids)
    encoder: Any = model.model.base_model
    encoder.eval()
    parts = []
    for start in range(0, len(pairs), BATCH):
        texts = [queries[start : start + BATCH], documents[start : start + BATCH]][: model.n_texts]
        encoded = model.tokenizer(*texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            parts.append(encoder(**encoded).last_hidden_state[:, 0].float().numpy())
    return np.concatenate(parts)


def probe(task: Task, train: tuple[F32, F32], dev: tuple[F32, F32]) -> float:
    """The task's measure on the dev pairs, in points, of a linear model of the training pairs' states."""
    measure = task.measures[0]
    chosen = np.logspace(-3, 1, 5)
    model: Any = RidgeCV(1 / chosen) if task.kind == "similarity" else LogisticRegressionCV(Cs=chosen, max_iter=1000)
    fitted = make_pipeline(StandardScaler(), model).fit(*train)
    return 100 * float(PAIR_METRICS[measure](fitted.predict(dev[0]).astype(np.float64), dev[1].astype(np.float64)))


def classes(task: Task, labels: F32) -> F32:
    """Labels as classes: a similarity is low or high."""
    if task.kind != "similarity":
        return labels
    scored = task.collection.scored_pairs
    assert scored is not None
    return (labels > (scored.lowest + scored.highest) / 2).astype(np.float32)


def rows(
    folder: Path, size: str, names: Sequence[str], encoders: Sequence[str], points: dict[tuple[str, str], Any]
) -> Iterator[Row]:
    """An encoder on one task each; ``points`` is filled with the dev pairs' places on the plane, and their classes."""
    for name in names:
        task = load_task(name)
        training, dev = task.training.labelled()[0], task.held_out.labelled()[0]
        order = np.random.default_rng(0).permutation(training.n_queries)[:TRAINING_PAIRS]
        training = training.take_queries(np.sort(order))
        for encoder in encoders:
            place = folder / size / "base"
            if encoder != GENERAL:
                place = guided_folder(folder, size, encoder, task) / "guided" / "model"
            if not place.is_dir():
                raise SystemExit(f"no {place}: run python -m benchmarks.studies.uegp first")
            model = CrossEncoder.from_base(place, n_texts=task.collection.scored_pairs.n_texts)
            train, known = states(model, task, training), states(model, task, dev)
            kinds = classes(task, dev["label"])
            points[name, encoder] = TSNE(random_state=0, init="pca").fit_transform(known), kinds
            yield {
                "encoder": encoder,
                "task": name,
                "measure": task.measures[0],
                "linear probe": round(probe(task, (train, training["label"]), (known, dev["label"])), 2),
                "silhouette": round(float(silhouette_score(known, kinds, metric="cosine")), 4),
            }


def draw(points: dict[tuple[str, str], Any], path: Path) -> None:
    """Draw the dev pairs' [CLS] on a plane, a row of axes per encoder and a column per task, coloured by class."""
    names, encoders = (list(dict.fromkeys(key[place] for key in points)) for place in (0, 1))
    figure = Figure(figsize=(2.6 * len(names), 2.6 * len(encoders)), layout="constrained")
    axes = figure.subplots(len(encoders), len(names), squeeze=False)
    for row, encoder in zip(axes, encoders, strict=True):
        for ax, name in zip(row, names, strict=True):
            places, kinds = points[name, encoder]
            ax.scatter(*places.T, c=kinds, s=4, cmap="coolwarm", rasterized=True)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_title(f"{name}, {encoder}", fontsize=9)
    save_svg(figure, path)


def main(
    *,
    folder: Folder = STUDIES / "uegp",
    size: Annotated[str, Parameter(help="Base.")] = "six layers",
    tasks: Annotated[tuple[str, ...], Parameter(help="Only these.")] = ("rte", "mrpc", "stsb", "cola"),
    encoders: Annotated[tuple[str, ...], Parameter(help="Only these.")] = (GENERAL, "UEGP"),
    name: Annotated[str, Parameter(help="The result's.")] = "study_uegp_states",
) -> None:
    """Measure every encoder on every task, write the table and the picture."""
    points: dict[tuple[str, str], Any] = {}
    study(name, rows(folder, size, tasks, encoders, points), [0])
    draw(points, FOLDER / f"{name}.svg")


if __name__ == "__main__":
    run(main)
