"""Guided pre-training, UEGP and MoEGP: learn from experts' scores of unlabelled pairs and lists, keep the language."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from rankdistill.data import Candidates, Collection
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.inputs.masking import TokenMasker
from rankdistill.models import CrossEncoder, resolve_base
from rankdistill.models.class_names import class_places
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.models.expert import Expert
from rankdistill.models.masked_lm import FILE, MaskedLMHead, load_masked_lm_head, new_masked_lm_head, parts_of
from rankdistill.models.recurrent.texts_read import with_texts
from rankdistill.progress import say
from rankdistill.recipes.guided_settings import GuidedSettings
from rankdistill.scoring.among import refuse_asking
from rankdistill.scoring.expert_kinds import over_lists
from rankdistill.scoring.experts import check_passages, score_experts
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.training import Objective, TrainingSettings, fit
from rankdistill.training.distributed import first_process_first, join_processes, processes, wait_for_all
from rankdistill.training.loop import LOG

HEAD_LEARNING_RATE = 1e-3


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
