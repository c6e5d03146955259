"""Guided pre-training, UEGP and MoEGP: learn from experts' scores of unlabelled pairs and lists, keep the language."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from rankdistill.data import Candidates, Collection
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.inputs.masking import TokenMasker
from rankdistill.losses.limits import Check, number, one_of, whole
from rankdistill.models import CrossEncoder, resolve_base
from rankdistill.models.class_names import class_places
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.models.expert import Expert
from rankdistill.models.masked_lm import FILE, MaskedLMHead, load_masked_lm_head, new_masked_lm_head, parts_of
from rankdistill.models.recurrent.texts_read import with_texts
from rankdistill.progress import say
from rankdistill.scoring.among import refuse_asking
from rankdistill.scoring.expert_kinds import over_lists
from rankdistill.scoring.experts import check_passages, score_experts
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.training import Objective, TrainingSettings, fit
from rankdistill.training.distributed import first_process_first, join_processes, processes, wait_for_all
from rankdistill.training.loop import LOG
from rankdistill.training.terms import WEIGHTS

Terms = Literal["kd+mlm", "kd", "mlm"]
KDReads = Literal["plain", "masked"]
GUIDED = TrainingSettings(
    learning_rate=5e-5,
    lists_per_batch=200,
    max_steps=2000,
    epochs=1,
    lr_scheduler_type="polynomial",
    weight_decay=0.0,
    save_steps=500,
)
"""UEGP's settings, appendix B: 5e-5, batch 200, linear warm-up, polynomial decay. Its 1,000 warm-up steps are a share
of the updates here, so that they scale with the length of a training, which the paper does not state."""
HEAD_STEPS, HEAD_LEARNING_RATE = 500, 1e-3


@dataclass(frozen=True)
class GuidedSettings:
    """How a model is guided by experts; raises `UsageError` for a setting that has no effect on the terms."""

    guided_steps: int = GUIDED.max_steps
    """Updates of the guided pre-training, which passes over the pairs as often as they need."""
    guided_learning_rate: float = GUIDED.learning_rate
    """Highest learning rate of the guided pre-training."""
    guided_warmup_ratio: float = GUIDED.warmup_ratio
    """Share of the updates in which its learning rate rises; then it decays, by a polynomial of degree 1, to 0."""
    guided_batch: int = GUIDED.lists_per_batch
    """Pairs between two updates of it; of lists, as many lists as hold no more pairs, or one."""
    guided_list_size: int = 0
    """Candidates of a list that are read together, drawn anew in every pass; 0 for whole lists. guided_batch at
    most."""
    guided_save_steps: int = GUIDED.save_steps
    """Updates between two checkpoints of it, from which a killed training resumes; 0 for none."""
    terms: Terms = "kd+mlm"
    """What is learned: the experts' scores (kd), the language (mlm), or both."""
    expert_weights: tuple[float, ...] = ()
    """Weight of each expert's term, in the order of the experts. Empty: 1 for all."""
    mlm_weight: float = 1.0
    """Weight of the masked language model's term."""
    kd_reads: KDReads = "plain"
    """What the student reads while it learns the experts' scores: the pair as it is, or the one with tokens masked,
    which saves a forward pass."""
    head_steps: int = HEAD_STEPS
    """Updates of the masked language model's head alone, where the base has none."""
    keep_steps: tuple[int, ...] = ()
    """Updates after which the guided model is kept, as guided/steps/UPDATES: models to fine-tune, for a curve over the
    length of the training."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep_steps", tuple(sorted(set(self.keep_steps or ()))))
        object.__setattr__(self, "expert_weights", tuple(self.expert_weights or ()))
        for name, check in LIMITS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        for weight in self.expert_weights:
            WEIGHTS("an expert's weight", weight)
        if given := [name for name in UNUSED[self.terms] if getattr(self, name) != getattr(GuidedSettings, name)]:
            learned = "the experts' scores" if self.terms == "kd" else "the language"
            raise UsageError(
                f"terms {self.terms!r} are {learned} alone, which {', '.join(given)} would not change: leave "
                f"{'it' if len(given) == 1 else 'them'} out, or take terms 'kd+mlm'"
            )
        if self.keep_steps and not 1 <= self.keep_steps[0] <= self.keep_steps[-1] <= self.guided_steps:
            raise UsageError(
                f"keep_steps must be from 1 to the {self.guided_steps:,} guided_steps, got "
                f"{', '.join(map(str, self.keep_steps))}"
            )

    def with_terms(self, terms: Terms) -> GuidedSettings:
        """The same settings for other terms; what these have no use for is as it is by default."""
        unused = {name: getattr(GuidedSettings, name) for name in UNUSED.get(terms, ())}
        return replace(self, terms=terms, **unused)

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
            warmup_ratio=self.guided_warmup_ratio,
            learning_rate=self.guided_learning_rate,
            lists_per_batch=lists_per_batch,
            list_size=max(2, size),
            seed=settings.seed,
            dtype=settings.dtype,
            save_steps=self.guided_save_steps,
            logging_steps=settings.logging_steps,
        )


LIMITS: dict[str, Check] = {
    "guided_steps": whole(1, 1_000_000_000),
    "guided_learning_rate": number(0, 1, above=True),
    "guided_warmup_ratio": number(0, 1),
    "guided_batch": whole(1, 1_000_000),
    "guided_list_size": whole(2, 1_000_000, also=(0,)),
    "guided_save_steps": whole(0, 1_000_000_000),
    "terms": one_of("terms of guided pre-training", get_args(Terms)),
    "mlm_weight": WEIGHTS,
    "kd_reads": one_of("text that the student reads", get_args(KDReads)),
    "head_steps": whole(0, 1_000_000_000),
}
"""Every setting that is a number or one of some names -> the values that it may have."""
UNUSED: dict[Terms, tuple[str, ...]] = {
    "kd+mlm": (),
    "kd": ("mlm_weight", "kd_reads", "head_steps"),
    "mlm": ("expert_weights", "kd_reads"),
}
"""Terms -> the settings that they have no use for."""


def expert_columns(
    experts: Mapping[str, CrossEncoder | Expert],
    pairs: Collection,
    scoring: ScoringSettings | None = None,
) -> Candidates:
    """Score all pairs by every expert: columns ``NAME.0``, ``NAME.1`` ... of a classifier's logits, else ``NAME``.

    experts: models; or descriptions of those whose scores the pairs hold, see `stored_experts`. scoring: its store
    keeps the scores, so that a killed call resumes. Raises what `score_experts` raises, and `DataError` where the pairs
    lack scores that they should hold.
    """
    lists = _lists_of(pairs)
    check_stored(experts, pairs)
    models = {name: each for name, each in experts.items() if isinstance(each, CrossEncoder)}
    columns, reports = score_experts(models, lists, pairs, scoring)
    for name, report in reports.items():
        say(f"scoring by {name}: {report}")
    return lists.with_columns(columns)


def check_guiding(
    experts: Mapping[str, CrossEncoder | Expert],
    pairs: Collection,
    settings: GuidedSettings,
    training: TrainingSettings,
    scoring: ScoringSettings | None = None,
    *,
    own: ScoreContract | None = None,
) -> None:
    """Raise, before any work, where a base cannot be guided by experts on these pairs.

    own: of the one expert that is still to be trained, where there are no others. Raises `UsageError` for another
    number of weights than of experts, for names that no objective can hold, and where a classifier would combine
    windows of long texts; `DataError` where pairs lack candidates, or the scores of an expert that is described.
    """
    check_weights(settings, len(experts) or 1)
    settings.training(training, _lists_of(pairs))
    if experts:
        guided_objective(experts, settings)
    if settings.terms == "mlm":
        return
    check_stored(experts, pairs)
    scored = [own] if own else [each.contract for each in experts.values() if isinstance(each, CrossEncoder)]
    if any(contract.form == CLASSES for contract in scored):
        check_passages(scoring or ScoringSettings())


def check_stored(experts: Mapping[str, CrossEncoder | Expert], pairs: Collection) -> None:
    """Raise `DataError` where pairs lack a score of an expert that is described, and not there to score them."""
    lists = _lists_of(pairs)
    stored = [column for name, each in experts.items() if isinstance(each, Expert) for column in each.columns(name)]
    for column in stored:
        if column not in lists.columns or np.isnan(lists[column]).any():
            raise DataError(f"{pairs.name} lacks scores in the column {column!r}: score its parts again")


def _lists_of(pairs: Collection) -> Candidates:
    """The candidates of a collection; `DataError` where it has none."""
    if pairs.candidates is None or not len(pairs.candidates):
        raise DataError(
            f"{pairs.name} has no pairs: expected pairs:FOLDER, such as `rankdistill corpus` writes, or "
            "lists:FOLDER, such as `rankdistill retrieve --lists` writes"
        )
    return pairs.candidates


def guided_objective(
    experts: Mapping[str, CrossEncoder | Expert],
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
    experts: Mapping[str, CrossEncoder | Expert],
    pairs: Collection,
    settings: GuidedSettings | None = None,
    training: TrainingSettings | None = None,
    *,
    scoring: ScoringSettings | None = None,
    student: CrossEncoder | None = None,
    out: str | Path,
) -> CrossEncoder:
    """Train a base on experts' scores of unlabelled pairs, or lists, and on their language; return the guided model.

    base: what the experts were trained from, or a larger encoder. experts: name -> model, see `expert_columns`; of
    one expert the guided model has the head, of several a new head like the first one's. pairs: a collection whose
    candidates are the pairs, or the lists that a first stage retrieved, over which ranking experts are learned with
    the differences in a list, and a sigmoid from 0 to 1 is a ranker's, see `over_lists`. student: what training starts
    from, made of the base (None: the base and a head like the first expert's); one of another head than the expert's
    keeps its own, and learns by a head beside it. training: seed, dtype and logging of the guided training. out: folder
    for ``head/``, where the base has no head of a masked language model, and for ``guided/``, each as `fit` leaves it;
    the head is also beside the guided model's weights, so that it may be the base of another call. A killed call
    resumes. Pairs that the updates do not reach are not scored.
    Raises `UsageError` without experts, and as `refuse_asking`; `DataError` for a base that cannot be a masked language
    model; and what `check_guiding` raises. Source: UEGP §3.2 to §3.5, appendix D (docs/papers.md).
    """
    if not experts:
        raise UsageError("no experts given: expected at least one trained model")
    refuse_asking(scoring or ScoringSettings())
    settings, training, out = settings or GuidedSettings(), training or TrainingSettings(), Path(out)
    check_guiding(experts, pairs, settings, training, scoring)
    in_lists = bool((np.diff(_lists_of(pairs).offsets) > 1).any())
    if in_lists:
        experts = _over_lists(experts, student)
    first = next(iter(experts.values()))
    own_head = len(experts) == 1 and (student is None or _same_head(student, first))
    objective = guided_objective(experts, settings, lists=in_lists, own_head=own_head)
    pairs = pairs_read(pairs, settings, training, compared=objective.compares)
    join_processes()
    with first_process_first():  # others find its scores in the store
        lists = expert_columns(experts, pairs, scoring) if settings.terms != "mlm" else _lists_of(pairs)
    if student is None:
        student = like(first, base, seed=training.seed, n_texts=texts_of(experts))
    student = reading(student, texts_of(experts))
    head = None
    if settings.terms != "kd":
        head = masked_lm_head(student, base, lists, pairs, settings, training, out / "head")
    guided, keep = settings.training(training, lists, compared=objective.compares), settings.keep_steps
    model = fit(student, lists, pairs, objective, guided, out=out / "guided", masked_lm=head, keep_steps=keep)
    if head is not None and processes()[0] == 0:  # beside the weights, so that the model can be guided again
        with atomic_path(out / "guided" / "model" / FILE) as path:
            shutil.copyfile(out / "guided" / FILE, path)
    wait_for_all()
    return model


def pairs_read(
    pairs: Collection, settings: GuidedSettings, training: TrainingSettings, *, compared: bool = False
) -> Collection:
    """The collection with the candidates that the guided pre-training reads, drawn by the seed where it reads not all.

    Experts need to score no others. compared: see `GuidedSettings.training`.
    """
    lists = _lists_of(pairs)
    guided = settings.training(training, lists, compared=compared)
    n_read = guided.max_steps * guided.lists_per_batch
    usable = np.flatnonzero(np.diff(lists.offsets) >= (2 if compared else 1))
    if n_read >= len(usable):
        return pairs
    drawn = np.random.default_rng(training.seed).permutation(usable)[:n_read]
    say(f"the guided training reads {n_read:,} of {lists.n_queries:,} pairs or lists, drawn by the seed")
    return replace(pairs, candidates=lists.take_queries(np.sort(drawn)))


def check_language(student: CrossEncoder, settings: GuidedSettings) -> None:
    """Raise `DataError` where a student cannot learn the masked language model that the settings ask for."""
    if settings.terms != "kd":
        parts_of(student.model)
        TokenMasker(student.tokenizer)


def like(expert: CrossEncoder | Expert, base: str | Path, *, seed: int, n_texts: int = 0) -> CrossEncoder:
    """Start a model from a base with the head, labels, texts and length that an expert has; rankings have one logit."""
    expert = Expert.of(expert)
    contract = student_contract(expert.contract)
    return CrossEncoder.from_base(
        base,
        contract.n_logits,
        contract=contract,
        labels=expert.labels,
        n_texts=n_texts or expert.n_texts,
        max_length=expert.max_length,
        seed=seed,
    )


def student_contract(contract: ScoreContract) -> ScoreContract:
    """How a student scores that learns from an expert: as the expert does, but one plain logit for all rankings."""
    return contract if contract.form in (CLASSES, "sigmoid") else ScoreContract("logit")


def reading(student: CrossEncoder, n_texts: int) -> CrossEncoder:
    """The student reading so many texts of a pair, which may be others than its own task has; see `with_texts`."""
    if student.n_texts == n_texts:
        return student
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network, tokenizer, new = with_texts(student.model, student.tokenizer, n_texts)
    return CrossEncoder(
        network,
        tokenizer,
        student.contract,
        max_length=student.max_length,
        prompt=student.prompt,
        n_texts=n_texts,
        asked=student.asked,
        untrained=student.untrained | set(new),
    )


def _over_lists(
    experts: Mapping[str, CrossEncoder | Expert], student: CrossEncoder | None
) -> dict[str, CrossEncoder | Expert]:
    """Experts as they are learned over lists, see `over_lists`; one that scores as the student does, as it is."""
    own = student.contract if student is not None else None
    return {
        name: over_lists(each) if isinstance(each, CrossEncoder) and each.contract != own else each
        for name, each in experts.items()
    }


def _same_head(student: CrossEncoder, expert: CrossEncoder | Expert) -> bool:
    """Whether the student's own head says what the expert's says."""
    if student.contract != student_contract(expert.contract):
        return False
    own, labels = Expert.of(student).labels, Expert.of(expert).labels
    found = class_places(labels, own)
    return found is not None and found.by_name and list(found.places) == list(range(len(own)))


def texts_of(experts: Mapping[str, CrossEncoder | Expert]) -> int:
    """How many texts a student of these experts reads: one only where all of them read one."""
    return max(expert.n_texts for expert in experts.values())


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

    out: folder where a new one is kept. Its last loss is reported.
    """
    head = load_masked_lm_head(student.model, resolve_base(base))
    if head is not None or not settings.head_steps:
        return head or new_masked_lm_head(student.model, training.seed)
    head = new_masked_lm_head(student.model, training.seed)  # the same in a call that goes on after a kill
    steps = replace(settings.training(training, lists, settings.head_steps), learning_rate=HEAD_LEARNING_RATE)
    say(f"{base} has no head of a masked language model: one is trained first, for {settings.head_steps:,} updates")
    kept = student.with_model(student.model)
    fit(kept, lists.only_columns(), pairs, "mlm()", steps, out=out, masked_lm=head, only_companions=True)
    if (out / FILE).is_file():  # a training that an earlier call finished leaves the head there
        head = load_masked_lm_head(student.model, out) or head
    losses = [entry["loss"] for entry in json.loads((out / LOG).read_text(encoding="utf-8")) if "loss" in entry]
    if losses:
        say(f"the new head's loss is {losses[-1]:.2f} nats a masked token after {settings.head_steps:,} updates")
    return head
