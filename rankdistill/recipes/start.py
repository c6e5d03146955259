"""start_model: the cross-encoder that training starts from, by default one that keeps what its base encoder knows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from rankdistill.data import Candidates, Collection
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.files.facts import claim
from rankdistill.inputs.texts import PairTexts
from rankdistill.models import DEFAULT_BASE, CrossEncoder, ScoreContract, cosine_start, is_sentence_encoder
from rankdistill.models.cosines.suited import beyond_cosine
from rankdistill.models.untrained import to_train_on
from rankdistill.progress import say
from rankdistill.training import TrainingSettings, imitate

CALIBRATION_TEXTS = 4096
IMITATION = TrainingSettings(learning_rate=3e-4, list_size=8, lists_per_batch=8)
"""Settings under which a few layers imitate all; the learning rate is far above that of training on labels."""
Start = Literal["auto", "cosine", "plain"]


@dataclass(frozen=True)
class StartSettings:
    """How training starts from a base model."""

    start: Start = "auto"
    """cosine: add one layer, set so that the untrained model already ranks by the base's cosine; plain: the base's own
    head, or a new one; auto: cosine for a BERT-like sentence encoder of mean vectors, plain for all others."""
    layers: tuple[int, ...] = ()
    """Layers of the base to keep, from 0: 0 4 5. A start from the cosine adds a layer of its own on top. Empty: all."""
    imitate: bool = True
    """First train the kept layers, without labels, to reproduce the last hidden states of the full model.
    --imitate=false: they start as they are."""
    imitation_epochs: int = IMITATION.epochs
    """Passes of that imitation over the training queries."""
    imitation_learning_rate: float = IMITATION.learning_rate
    """Highest learning rate of that imitation."""
    max_length: int = 128
    """Tokens of a (query, document) pair; longer pairs are cut."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers or ()))
        if self.start not in get_args(Start):
            raise UnknownNameError("start", self.start, get_args(Start))
        if self.max_length < 8:
            raise UsageError(f"max_length must be at least 8, got {self.max_length}")
        if self.imitation_epochs < 1:
            raise UsageError(f"imitation_epochs must be at least 1, got {self.imitation_epochs}")
        if not self.imitation_learning_rate > 0:
            raise UsageError(f"imitation_learning_rate must be above 0, got {self.imitation_learning_rate}")

    def imitation(self, training: TrainingSettings, seed: int) -> TrainingSettings:
        """Settings of the imitation; dtype and steps between checkpoints and logs are those of the training to come."""
        return replace(
            IMITATION,
            epochs=self.imitation_epochs,
            learning_rate=self.imitation_learning_rate,
            dtype=training.dtype,
            save_steps=training.save_steps,
            logging_steps=training.logging_steps,
            seed=seed,
        )


def start_model(
    collection: Collection,
    base: str | Path = DEFAULT_BASE,
    settings: StartSettings | None = None,
    *,
    candidates: Candidates | None = None,
    training: TrainingSettings | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    **options: Any,
) -> CrossEncoder:
    """Make the cross-encoder that a training starts from, of a base encoder or of a trained cross-encoder.

    It has one logit, or the head that the collection's scored pairs ask for, which starts plain.

    A start from the cosine ranks by the base's cosine and shared words, with one layer more (see `cosine_start`, which
    is calibrated on the collection's documents); a plain start takes the base's head, or a new one where it has none,
    which needs tens of thousands of pairs to train.

    settings: see `StartSettings`; options: its fields by name, instead of or on top of ``settings``. candidates: lists
    on whose pairs, without labels, a model of fewer layers imitates all (see `imitate`); needed where ``layers`` are
    chosen and ``imitate`` is not false. An imitation from the cosine needs the base's last layer to end ``layers``.
    training: settings of the training to come, which the imitation follows as `StartSettings.imitation` says. out:
    folder where an imitation is kept, and where the next call reads it. The same seed gives the same weights. Raises
    `UsageError` for layers that do not suit, where an imitation has no candidates, and where ``out`` holds a start that
    was made with other settings.
    """
    settings = replace(settings or StartSettings(), **options)
    imitates = bool(settings.layers) and settings.imitate
    if imitates and candidates is None:
        raise UsageError(
            f"layers {list(settings.layers)} first imitate all layers on the pairs of candidate lists, got none: give "
            "candidates, or imitate=False to start from the layers as they are"
        )
    scored = collection.scored_pairs
    if scored and settings.start == "cosine":
        raise UsageError(f"a start from the cosine is for rankings, {collection.name} is a {scored.kind}: start plain")
    from_cosine = scored is None and (settings.start == "cosine" or (settings.start == "auto" and _suits_cosine(base)))
    kept = settings.layers if settings.layers and not imitates else None
    if from_cosine:
        say(f"starting from the cosine of {base}, with one layer more")
        texts = _some_texts(collection, seed)
        model = cosine_start(base, texts, layers=kept, max_length=settings.max_length, seed=seed)
    else:
        head = pair_head(scored) if scored else {}
        model = CrossEncoder.from_base(base, layers=kept, max_length=settings.max_length, seed=seed, **head)
    if not imitates or candidates is None:
        return model
    layers = list(settings.layers)
    if from_cosine:
        layers = _with_own_layer(layers, model.model.config.num_hidden_layers)
    imitation = settings.imitation(training or TrainingSettings(), seed)
    if not out:
        return imitate(model, layers, candidates, collection, imitation)
    facts = {
        "model": model.fingerprint(),
        "layers": layers,
        "candidates' texts": PairTexts(candidates, collection).digest(),
        "settings": asdict(imitation),
    }
    claim(out, "a start", facts)
    imitate(model, layers, candidates, collection, imitation, out=out)
    with to_train_on():  # as the next call has it, to the config's last entry
        return CrossEncoder.from_pretrained(Path(out) / "model")


def _suits_cosine(base: str | Path) -> bool:
    """Whether training starts from the base's cosine unless told; says what a sentence encoder states against it."""
    if not is_sentence_encoder(base):
        return False
    more = beyond_cosine(base)
    if more:
        say(f"starting plain: {base} states {', '.join(more)}, which a start from its cosine would not keep")
    return not more


def pair_head(scored: ScoredPairs) -> dict[str, Any]:
    """What `CrossEncoder.from_base` is told of a task's head."""
    contract = ScoreContract.for_pairs(scored)
    return {
        "n_logits": contract.n_logits,
        "contract": contract,
        "labels": scored.classes,
        "n_texts": scored.n_texts,
    }


def _with_own_layer(layers: list[int], n_layers: int) -> list[int]:
    """The layers of a start from the cosine of ``n_layers``, its own, the last one, among them."""
    if layers[-1] != n_layers - 2:
        raise UsageError(
            f"got layers {layers}, expected the last to be {n_layers - 2}: a start from the cosine is built on the "
            "base's last layer. End with it, or start plain"
        )
    return [*layers, n_layers - 1]


def _some_texts(collection: Collection, seed: int) -> list[str]:
    documents = collection.documents.texts
    rows = np.random.default_rng(seed).permutation(len(documents))[:CALIBRATION_TEXTS]
    return documents.take(np.sort(rows)).to_pylist()
