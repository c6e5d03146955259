"""Guided pre-training, UEGP and MoEGP: learn from experts' scores of unlabelled pairs and lists, keep the language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data import Candidates, Collection
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.models import CrossEncoder, resolve_base
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.models.labels import labels_of
from rankdistill.models.masked_lm import FILE, MaskedLMHead, load_masked_lm_head
from rankdistill.progress import say
from rankdistill.scoring.score import score_logits, score_with_report
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.training import Objective, TrainingSettings, fit
from rankdistill.training.objective import WEIGHTS

Terms = Literal["kd+mlm", "kd", "mlm"]
GUIDED = TrainingSettings(
    learning_rate=5e-5,
    lists_per_batch=200,
    max_steps=2000,
    epochs=1,
    lr_scheduler_type="polynomial",
    weight_decay=0.0,
    save_steps=500,
)
"""UEGP's settings, appendix B, for a shorter training: 1,000 warm-up steps of theirs are a tenth of the steps here."""
HEAD_STEPS, HEAD_LEARNING_RATE = 500, 1e-3


@dataclass(frozen=True)
class GuidedSettings:
    """How a model is guided by experts."""

    guided_steps: int = GUIDED.max_steps
    """Updates of the guided pre-training, which passes over the pairs as often as they need."""
    guided_learning_rate: float = GUIDED.learning_rate
    """Highest learning rate of the guided pre-training."""
    guided_batch: int = GUIDED.lists_per_batch
    """Pairs between two updates of it; of lists, as many lists as hold no more pairs, or one."""
    guided_list_size: int = 0
    """Candidates of a list that are read together, drawn anew in every pass; 0 for whole lists. guided_batch at
    most."""
    terms: Terms = "kd+mlm"
    """What is learned: the experts' scores (kd), the language (mlm), or both."""
    expert_weights: tuple[float, ...] = ()
    """Weight of each expert's term, in the order of the experts. Empty: 1 for all."""
    mlm_weight: float = 1.0
    """Weight of the masked language model's term."""
    kd_reads: Literal["plain", "masked"] = "plain"
    """What the student reads while it learns the experts' scores: the pair as it is, or the one with tokens masked,
    which saves a forward pass."""
    head_steps: int = HEAD_STEPS
    """Updates of the masked language model's head alone, where the base has none."""

    def __post_init__(self) -> None:
        if self.terms not in get_args(Terms):
            raise UnknownNameError("terms of guided pre-training", self.terms, get_args(Terms))
        if self.kd_reads not in ("plain", "masked"):
            raise UnknownNameError("text that the student reads", self.kd_reads, ("plain", "masked"))
        if self.guided_steps < 1 or self.guided_batch < 1 or self.head_steps < 0:
            raise UsageError("guided_steps and guided_batch must be at least 1, and head_steps at least 0")
        if self.guided_list_size < 0 or self.guided_list_size == 1:
            raise UsageError(f"guided_list_size must be 0, for whole lists, or at least 2, got {self.guided_list_size}")
        object.__setattr__(self, "expert_weights", tuple(self.expert_weights or ()))
        for weight in (*self.expert_weights, self.mlm_weight):
            WEIGHTS("a weight of guided pre-training", weight)

    def training(
        self, settings: TrainingSettings, lists: Candidates, steps: int | None = None, *, compared: bool = False
    ) -> TrainingSettings:
        """The settings of the guided pre-training on these lists; seed, dtype and logs are those of ``settings``.

        steps: updates (None: ``guided_steps``). compared: whether a term compares the candidates of a list, so that
        lists of one are left out.
        """
        steps, sizes = steps or self.guided_steps, np.diff(lists.offsets)
        sizes = sizes[sizes >= (2 if compared else 1)]
        longest = int(sizes.max(initial=1))
        size = min(longest, self.guided_list_size or longest, max(self.guided_batch, 2))
        lists_per_batch = max(1, self.guided_batch // size)
        return replace(
            GUIDED,
            epochs=-(-steps * lists_per_batch // max(1, len(sizes))),
            max_steps=steps,
            warmup_ratio=GUIDED.warmup_ratio if steps > 1 else 0.0,  # transformers divides by the updates after it
            learning_rate=self.guided_learning_rate,
            lists_per_batch=lists_per_batch,
            list_size=max(2, size),
            seed=settings.seed,
            dtype=settings.dtype,
            logging_steps=settings.logging_steps,
        )


def expert_columns(
    experts: Mapping[str, CrossEncoder],
    pairs: Collection,
    scoring: ScoringSettings | None = None,
) -> Candidates:
    """Score all pairs by every expert: columns ``NAME.0``, ``NAME.1`` ... of a classifier's logits, else ``NAME``.

    A ranking's score is its logit, the margin of two: what one logit learns. scoring: its store keeps the scores, so
    that a killed call resumes. Raises what `score_logits` raises.
    """
    lists = pairs.candidates
    if lists is None:
        raise DataError(
            f"{pairs.name} has no pairs: expected pairs:FOLDER, such as `rankdistill corpus` writes, or "
            "lists:FOLDER, such as `rankdistill retrieve --lists` writes"
        )
    columns: dict[str, F32] = {}
    for name, expert in experts.items():
        what = f"scoring by {name}"
        if expert.contract.form == CLASSES:
            logits, report = score_logits(expert, lists, pairs, scoring, description=what)
            columns |= {f"{name}.{place}": logits[:, place] for place in range(logits.shape[1])}
        else:
            columns[name], report = score_with_report(_plain(expert), lists, pairs, scoring, description=what)
        say(f"{what}: {report}")
    return lists.with_columns(columns)


def _plain(expert: CrossEncoder) -> CrossEncoder:
    """A ranking expert whose score is its logit, or the margin of two, without a scale; others as they are."""
    form = {"probability": "margin"}.get(expert.contract.form, expert.contract.form)
    if form not in ("logit", "margin"):
        return expert
    contract = ScoreContract(form, relevant=expert.contract.relevant)
    return expert if contract == expert.contract else expert.with_model(expert.model, contract)


def guided_objective(
    experts: Mapping[str, CrossEncoder],
    settings: GuidedSettings,
    *,
    lists: bool = False,
    own_head: bool | None = None,
) -> Objective:
    """Build the objective: a weighted term for each expert, and ``mlm()``.

    KL to a classifier's distribution, MSE to a similarity of its range, MSE to a ranking score and, over ``lists``, to
    the differences of a list's scores. own_head: whether the student's own head learns them (None: where there is one
    expert), else each has a head beside it. Raises `UsageError` for another number of weights than of experts.
    Source: UEGP eq. 1, 2, 6, 8 and 9; MoEGP eq. 4 (docs/papers.md).
    """
    check_weights(settings, len(experts))
    weights = settings.expert_weights or (1.0,) * len(experts)
    own_head = len(experts) == 1 if own_head is None else own_head
    terms = []
    for (name, expert), weight in zip(experts.items(), weights, strict=True) if settings.terms != "mlm" else ():
        head = "" if own_head else f", head={name}"
        terms += [f"{weight!r}*{term}" for term in _terms(name, expert.contract, head, lists)]
    if settings.terms != "kd":
        terms.append(f"{settings.mlm_weight!r}*mlm(shared={settings.kd_reads == 'masked'})")
    return Objective.parse(" + ".join(terms))


def check_weights(settings: GuidedSettings, n_experts: int) -> None:
    """Raise `UsageError` for another number of weights than of experts."""
    if settings.expert_weights and len(settings.expert_weights) != n_experts:
        raise UsageError(
            f"got {len(settings.expert_weights)} expert weights for {n_experts} experts: give one for each, or none"
        )


def _terms(name: str, contract: ScoreContract, head: str, lists: bool) -> list[str]:
    """What a student learns of one expert."""
    if contract.form == CLASSES:
        return [f"kl({name}{head})"]
    if contract.form == "sigmoid":
        bounds = f"lowest={contract.lowest}, highest={contract.lowest + contract.scale}"
        return [f"similarity_mse({name}, {bounds}{head})"]
    return [f"pointwise_mse({name}{head})", *([f"pairwise_mse({name}{head})"] if lists else [])]


def guide(
    base: str | Path,
    experts: Mapping[str, CrossEncoder],
    pairs: Collection,
    settings: GuidedSettings | None = None,
    training: TrainingSettings | None = None,
    *,
    scoring: ScoringSettings | None = None,
    student: CrossEncoder | None = None,
    out: str | Path,
) -> CrossEncoder:
    """Train a base on experts' scores of unlabelled pairs, or lists, and on their language; return the guided model.

    base: what the experts were trained from, or a larger encoder. experts: name -> model; of one expert the guided
    model has the head, of several a new head like the first one's. pairs: a collection whose candidates are the pairs,
    or the lists that a first stage retrieved, over which ranking experts are learned with the differences in a list.
    student: what training starts from, made of the base (None: the base and a head like the first expert's); one of
    another head than the expert's keeps its own, and learns by a head beside it. training: seed, dtype and logging of
    the guided training. out: folder for ``head/``, where the base has no head of a masked language model, and for
    ``guided/``, each as `fit` leaves it. A killed call resumes.
    Raises `UsageError` without experts, and for another number of weights; `DataError` for a base that cannot be a
    masked language model. Source: UEGP §3.2 to §3.5, appendix D (docs/papers.md).
    """
    if not experts:
        raise UsageError("no experts given: expected at least one trained model")
    settings, training = settings or GuidedSettings(), training or TrainingSettings()
    first = next(iter(experts.values()))
    own_head = len(experts) == 1 and (student is None or _same_head(student, first))
    in_lists = pairs.candidates is not None and bool((np.diff(pairs.candidates.offsets) > 1).any())
    objective = guided_objective(experts, settings, lists=in_lists, own_head=own_head)
    lists = expert_columns(experts, pairs, scoring) if settings.terms != "mlm" else pairs.candidates
    assert lists is not None
    if student is None:
        student = like(first, base, seed=training.seed, n_texts=texts_of(experts))
    student = _reading(student, texts_of(experts))
    head = None
    if settings.terms != "kd":
        head = masked_lm_head(student, base, lists, pairs, settings, training, Path(out) / "head")
    guided = settings.training(training, lists, compared=objective.compares)
    return fit(student, lists, pairs, objective, guided, out=Path(out) / "guided", masked_lm=head)


def like(expert: CrossEncoder, base: str | Path, *, seed: int, n_texts: int = 0) -> CrossEncoder:
    """Start a model from a base with the head, labels, texts and length that an expert has; rankings have one logit."""
    contract = student_contract(expert.contract)
    return CrossEncoder.from_base(
        base,
        contract.n_logits,
        contract=contract,
        labels=labels_of(expert.model.config) if contract.form == CLASSES else (),
        n_texts=n_texts or expert.n_texts,
        max_length=expert.max_length,
        seed=seed,
    )


def student_contract(contract: ScoreContract) -> ScoreContract:
    """How a student scores that learns from an expert: as the expert does, but one plain logit for all rankings."""
    return contract if contract.form in (CLASSES, "sigmoid") else ScoreContract("logit")


def _reading(student: CrossEncoder, n_texts: int) -> CrossEncoder:
    """The student reading as many texts as the experts do, which may be more than its own task has."""
    if student.n_texts == n_texts:
        return student
    return CrossEncoder(
        student.model,
        student.tokenizer,
        student.contract,
        max_length=student.max_length,
        prompt=student.prompt,
        n_texts=n_texts,
    )


def _same_head(student: CrossEncoder, expert: CrossEncoder) -> bool:
    """Whether the student's own head says what the expert's says."""
    if student.contract != student_contract(expert.contract):
        return False
    return student.contract.form != CLASSES or labels_of(student.model.config) == labels_of(expert.model.config)


def texts_of(experts: Mapping[str, CrossEncoder] | Sequence[CrossEncoder]) -> int:
    """How many texts a student of these experts reads: one only where all of them read one."""
    models = experts.values() if isinstance(experts, Mapping) else experts
    return max(model.n_texts for model in models)


def masked_lm_head(
    student: CrossEncoder,
    base: str | Path,
    lists: Candidates,
    pairs: Collection,
    settings: GuidedSettings,
    training: TrainingSettings,
    out: Path,
) -> MaskedLMHead:
    """The head of the base's masked language model, or a new one that is trained first, the encoder as it is.

    out: folder where a new one is kept. Says what it was trained to.
    """
    head = load_masked_lm_head(student.model, resolve_base(base))
    if head is not None or not settings.head_steps:
        return head or MaskedLMHead(student.model)
    head = MaskedLMHead(student.model)
    steps = replace(settings.training(training, lists, settings.head_steps), learning_rate=HEAD_LEARNING_RATE)
    say(f"{base} has no head of a masked language model: one is trained first, for {settings.head_steps:,} updates")
    kept = student.with_model(student.model)
    fit(kept, lists.only_columns(), pairs, "mlm()", steps, out=out, masked_lm=head, only_companions=True)
    if (out / FILE).is_file():  # a training that an earlier call finished leaves the head there
        head = load_masked_lm_head(student.model, out) or head
    return head
