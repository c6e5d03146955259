"""Every loss against the same loss as plain float64 loops over Python lists, written to be obviously right."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from rankdistill.errors import UsageError
from rankdistill.losses import LOSSES, pairwise_mse

List = list[float]


def rows(scores, targets, mask, labels=None) -> Iterator[tuple[List, List, List]]:
    """A query's scores, targets and labels, only of candidates that stand and of which everything given is known."""
    for q in range(len(scores)):
        kept = [
            i
            for i in range(len(scores[q]))
            if mask[q][i] and not math.isnan(targets[q][i]) and (labels is None or not math.isnan(labels[q][i]))
        ]
        yield (
            [scores[q][i] for i in kept],
            [targets[q][i] for i in kept],
            [labels[q][i] for i in kept] if labels is not None else [],
        )


def average(values: List) -> float:
    return sum(values) / len(values) if values else 0.0


def softmax(values: List) -> List:
    total = sum(math.exp(v) for v in values)
    return [math.exp(v) / total for v in values]


def hinge(scores, targets, mask, margin=1.0):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        for i in range(len(s)):
            for j in range(len(s)):
                if y[i] > y[j]:
                    terms.append(max(0.0, margin - (s[i] - s[j])))
    return average(terms)


def ranknet(scores, targets, mask, sigma=1.0):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        for i in range(len(s)):
            for j in range(len(s)):
                if y[i] > y[j]:
                    terms.append(math.log(1 + math.exp(-sigma * (s[i] - s[j]))))
    return average(terms)


def pointwise_mse(scores, targets, mask):
    return average([(a - b) ** 2 for s, t, _ in rows(scores, targets, mask) for a, b in zip(s, t, strict=True)])


def loop_pairwise_mse(scores, targets, mask):
    terms = []
    for s, t, _ in rows(scores, targets, mask):
        for i in range(len(s)):
            for j in range(len(s)):
                if i != j:
                    terms.append(((s[i] - s[j]) - (t[i] - t[j])) ** 2)
    return average(terms)


def margin_mse(scores, targets, mask, labels):
    terms = []
    for s, t, y in rows(scores, targets, mask, labels):
        for i in range(len(s)):
            for j in range(len(s)):
                if y[i] > y[j]:
                    terms.append(((s[i] - s[j]) - (t[i] - t[j])) ** 2)
    return average(terms)


def bce(scores, targets, mask, relevant_from=1.0):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        for a, b in zip(s, y, strict=True):
            p = 1 / (1 + math.exp(-a))
            relevant = b if relevant_from is None else float(b >= relevant_from)
            terms.append(-relevant * math.log(p) - (1 - relevant) * math.log(1 - p))
    return average(terms)


def soft_cross_entropy(scores, targets, mask, temperature=1.0):
    terms = []
    for q in range(len(scores)):
        for i in range(len(scores[q])):
            if mask[q][i] and not any(math.isnan(t) for t in targets[q][i]):
                student = softmax([z / temperature for z in scores[q][i]])
                teacher = softmax([z / temperature for z in targets[q][i]])
                terms.append(
                    -sum(b * math.log(a) for a, b in zip(student, teacher, strict=True)) * temperature * temperature
                )
    return average(terms)


def cross_entropy(scores, targets, mask, relevant_from=1.0):
    terms = []
    for q in range(len(scores)):
        for i in range(len(scores[q])):
            if mask[q][i] and not math.isnan(targets[q][i]):
                terms.append(-math.log(softmax(scores[q][i])[int(targets[q][i] >= relevant_from)]))
    return average(terms)


def known_logits(scores, targets, mask):
    for q in range(len(scores)):
        for i in range(len(scores[q])):
            if mask[q][i] and not any(math.isnan(t) for t in targets[q][i]):
                yield scores[q][i], targets[q][i]


def kl(scores, targets, mask, temperature=1.0):
    terms = []
    for z, t in known_logits(scores, targets, mask):
        student, teacher = (softmax([v / temperature for v in values]) for values in (z, t))
        terms.append(sum(b * math.log(b / a) for a, b in zip(student, teacher, strict=True)) * temperature**2)
    return average(terms)


def logit_mse(scores, targets, mask):
    pairs = known_logits(scores, targets, mask)
    return average([sum((a - b) ** 2 for a, b in zip(z, t, strict=True)) / len(z) for z, t in pairs])


def similarity_mse(scores, targets, mask, lowest=0.0, highest=1.0):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        for a, b in zip(s, y, strict=True):
            terms.append((lowest + (highest - lowest) / (1 + math.exp(-a)) - b) ** 2)
    return average(terms)


def soft_bce(scores, targets, mask, temperature=1.0):
    two = [[[[0.0, z] for z in zs] for zs in values] for values in (scores, targets)]
    return soft_cross_entropy(*two, mask, temperature)


def listnet(scores, targets, mask, temperature=1.0):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        if len(s) >= 2:
            shares = softmax([v / temperature for v in y])
            terms.append(-sum(b * math.log(a) for a, b in zip(softmax(s), shares, strict=True)))
    return average(terms)


def list_cross_entropy(scores, targets, mask):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        gains = [max(v, 0.0) for v in y]
        if len(s) >= 2 and sum(gains) > 0:
            terms.append(-sum(g / sum(gains) * math.log(a) for a, g in zip(softmax(s), gains, strict=True)))
    return average(terms)


def kl_list(scores, targets, mask, temperature=1.0, teacher_temperature=None):
    terms = []
    for s, t, _ in rows(scores, targets, mask):
        if len(s) >= 2:
            student = softmax([v / temperature for v in s])
            teacher = softmax([v / (teacher_temperature or temperature) for v in t])
            terms.append(
                sum(b * math.log(b / a) for a, b in zip(student, teacher, strict=True)) * temperature * temperature
            )
    return average(terms)


def infonce(scores, targets, mask, relevant_from=1.0, temperature=1.0):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        others = [math.exp(a / temperature) for a, b in zip(s, y, strict=True) if b < relevant_from]
        for a, b in zip(s, y, strict=True):
            if b >= relevant_from and others:
                mine = math.exp(a / temperature)
                terms.append(-math.log(mine / (mine + sum(others))))
    return average(terms)


def adr_mse(scores, targets, mask, alpha=1.0):
    terms = []
    for s, t, _ in rows(scores, targets, mask):
        n = len(s)
        for i in range(n if n >= 2 else 0):
            soft = 1.0
            places = [place for place, value in enumerate(sorted(t, reverse=True), start=1) if value == t[i]]
            for j in range(n):
                if j != i:
                    soft += 1 / (1 + math.exp(-alpha * (s[j] - s[i])))
            rank = average(places)
            terms.append((rank - soft) ** 2 / math.log2(rank + 1))
    return average(terms)


def gbce(scores, targets, mask, relevant_from=1.0, calibration=0.75, pool=1000):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        drawn = min(sum(b < relevant_from for b in y), pool)
        for a, b in zip(s, y, strict=True):
            p = 1 / (1 + math.exp(-a))
            if b < relevant_from:
                terms.append(-math.log(1 - p))
            elif drawn:
                share = drawn / pool
                terms.append(-share * (calibration * (1 - 1 / share) + 1 / share) * math.log(p))
            else:
                terms.append(-(1 - calibration) * math.log(p))  # the limit of the same
    return average(terms)


def listmle(scores, targets, mask):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        for i in range(len(s)):
            lesser = [math.exp(s[j]) for j in range(len(s)) if y[j] < y[i]]
            if lesser:
                terms.append(-math.log(math.exp(s[i]) / (math.exp(s[i]) + sum(lesser))))
    return average(terms)


def discount(rank: int, k: int | None) -> float:
    return 0.0 if k is not None and rank > k else 1 / math.log2(rank + 1)


def lambda_loss(scores, targets, mask, weighting="lambdarank", gain="exponential", k=None, sigma=1.0, mu=10.0):
    terms = []
    for s, y, _ in rows(scores, targets, mask):
        n = len(s)
        gains = [2**v - 1 if gain == "exponential" else v for v in y]
        best = sum(g * discount(r, k) for r, g in enumerate(sorted(gains, reverse=True), start=1))
        order = sorted(range(n), key=lambda i: (-s[i], y[i], i))
        rank = {i: r for r, i in enumerate(order, start=1)}
        for i in range(n):
            for j in range(n):
                if y[i] > y[j]:
                    exchange = abs(discount(rank[i], k) - discount(rank[j], k))
                    apart = abs(rank[i] - rank[j])
                    bound = discount(apart, None) - discount(apart + 1, None)
                    if k is not None and min(rank[i], rank[j]) > k:
                        bound = 0.0
                    delta = {"lambdarank": exchange, "ndcg2": bound, "ndcg2++": exchange + mu * bound}[weighting]
                    weight = delta * abs(gains[i] - gains[j]) / (best if best > 0 else 1)
                    terms.append(weight * math.log(1 + math.exp(-sigma * (s[i] - s[j]))))
    return average(terms)


NAIVE = {
    "hinge": hinge,
    "ranknet": ranknet,
    "ranknet_order": ranknet,
    "infonce": infonce,
    "adr_mse": adr_mse,
    "gbce": gbce,
    "lambda": lambda_loss,
    "listnet": listnet,
    "list_cross_entropy": list_cross_entropy,
    "listmle": listmle,
    "bce": bce,
    "pointwise_mse": pointwise_mse,
    "pairwise_mse": loop_pairwise_mse,
    "margin_mse": margin_mse,
    "kl_list": kl_list,
    "soft_cross_entropy": soft_cross_entropy,
    "cross_entropy": cross_entropy,
    "soft_bce": soft_bce,
    "kl": kl,
    "logit_mse": logit_mse,
    "similarity_mse": similarity_mse,
}


def naive(name, settings, batch) -> float:
    loss = LOSSES[name]
    scores, targets, labels, mask = (x.tolist() for x in (batch.scores, batch.targets, batch.labels, batch.mask))
    if loss.needs_targets and loss.needs_labels:
        return NAIVE[name](scores, targets, mask, labels, **settings)
    return NAIVE[name](scores, targets if loss.needs_targets else labels, mask, **settings)


def test_every_loss_of_the_table_has_a_loop():
    assert NAIVE.keys() == {name for name, loss in LOSSES.items() if loss.sees in ("scores", "logits")}


@pytest.mark.parametrize("seed", range(6))
def test_loss_equals_the_plain_loop(case, make_batch, seed):
    name, settings = case
    batch = make_batch(seed, LOSSES[name].n_logits)
    expected = naive(name, settings, batch)
    assert expected != 0
    assert batch.loss(name, settings).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_loss_equals_the_plain_loop_on_tied_scores(case, make_batch, seed):
    name, settings = case
    batch = make_batch(seed, LOSSES[name].n_logits)
    batch.scores = batch.scores.round() / 4
    assert batch.loss(name, settings).item() == pytest.approx(naive(name, settings, batch), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["kl", "logit_mse", "soft_cross_entropy"])
def test_losses_of_classes_take_more_than_two(make_batch, name, seed):
    batch = make_batch(seed, n_logits=4)
    assert batch.loss(name).item() == pytest.approx(naive(name, {}, batch), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_cross_entropy_of_more_than_two_classes_takes_labels_as_classes(make_batch, seed):
    batch = make_batch(seed, n_logits=4)
    scores, labels, mask = (x.tolist() for x in (batch.scores, batch.labels, batch.mask))
    terms = [
        -math.log(softmax(scores[q][i])[int(labels[q][i])])
        for q in range(len(scores))
        for i in range(len(scores[q]))
        if mask[q][i] and not math.isnan(labels[q][i])
    ]
    assert batch.loss("cross_entropy").item() == pytest.approx(average(terms), rel=1e-12)


@pytest.mark.parametrize("label", [3.0, -1.0, 0.5])
def test_cross_entropy_refuses_a_label_that_is_no_class(make_batch, label):
    batch = make_batch(0, n_logits=3)
    batch.labels = torch.where(batch.mask, label, torch.nan)
    with pytest.raises(UsageError, match="a label that is none of the 3 classes, from 0"):
        batch.loss("cross_entropy")


def test_bce_takes_probabilities_where_asked(make_batch):
    batch = make_batch(0)
    batch.labels = torch.where(batch.mask, batch.labels / 3, batch.labels)
    settings = {"relevant_from": None}
    assert batch.loss("bce", settings).item() == pytest.approx(naive("bce", settings, batch), rel=1e-12)


def test_pairwise_mse_survives_a_large_offset_between_student_and_teacher(make_batch):
    batch = make_batch(0)
    near = pairwise_mse(batch.scores.float(), batch.targets.float(), batch.mask)
    far = pairwise_mse(batch.scores.float(), batch.targets.float() + 1000, batch.mask)
    assert far.item() == pytest.approx(near.item(), rel=1e-3)
