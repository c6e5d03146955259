"""make_student: a small student from scratch, recurrent or a transformer, for any kind of task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from rankdistill.arrays import F32
from rankdistill.data import Candidates, Collection
from rankdistill.errors import DataError, UsageError
from rankdistill.models import DEFAULT_BASE, CrossEncoder, ScoreContract, resolve_base
from rankdistill.models.labels import name_logits
from rankdistill.models.load import checked_config, load_classifier
from rankdistill.models.opened import Opened
from rankdistill.models.recurrent.config import LayerMeanConfig
from rankdistill.models.recurrent.layer_mean import LayerMeanForSequenceClassification
from rankdistill.models.recurrent.register import NETWORK_OF
from rankdistill.models.recurrent.start import copy_first_layers, embeddings_by_words, projected, set_embeddings
from rankdistill.models.recurrent.vectors import WordVectors
from rankdistill.models.shape import heads_for, random_model
from rankdistill.models.stored_embeddings import stored_embeddings
from rankdistill.models.tokenizer import check_ids
from rankdistill.models.untrained import head_weights
from rankdistill.progress import say
from rankdistill.recipes.student_settings import (
    OF_BASE,
    RANDOM,
    STUDENTS,
    TRANSFORMER,
    StudentSettings,
    student_kind,
    transformer_shape,
)
from rankdistill.recipes.student_words import tokens_and_vectors

SHAPE = {"layers": "num_hidden_layers", "width": "hidden_size", "heads": "num_attention_heads"}
"""What must fit where a transformer starts from a base's first layers."""
WIDEST = 300
"""Numbers of an embedding where none are given, at most."""


def make_student(
    name: str,
    collection: Collection,
    candidates: Candidates | None = None,
    settings: StudentSettings | None = None,
    *,
    base: str | Path = DEFAULT_BASE,
    max_length: int = 128,
    seed: int = 0,
    more: Sequence[tuple[Collection, Candidates]] = (),
    **options: Any,
) -> CrossEncoder:
    """Make a student for a collection, a ranking or a task of scored pairs, that has learned no more than embeddings.

    name: "bilstm", "biattentive" or "transformer:LxH", L layers of width H. candidates: those whose texts a student of
    words takes its words from (None: the collection's own). settings: see `StudentSettings`; options: its fields by
    name, instead of or on top of ``settings``. base: of the tokens, embeddings and layers, where ``student_base`` is
    empty. A transformer whose width is a BERT base's starts from that base's first layers, as its embeddings; others
    start at random. max_length: tokens of a pair. more: of further tasks whose texts a student of words takes its
    words from, as one that several tasks share does. The same seed gives the same weights.
    Raises `UsageError` for sizes that do not fit, `UnknownNameError` for an unknown student, `DataError` for a base
    that cannot be read, `FileFormatError` for a damaged file of vectors. Source: LSTM-KD (docs/papers.md).

    With ``student_network="plain"`` a transformer is a model of the base's family with the base's tokens and random
    weights, whatever its width.

        student = make_student("bilstm", collection, embeddings="glove.6B.300d.txt")
    """
    settings = replace(settings or StudentSettings(), **options)
    kind = student_kind(name)
    if kind is None:
        raise UsageError(f"{name!r} is no student that is made from scratch: bilstm, biattentive or transformer:LxH")
    settings.check(name)
    scored = collection.scored_pairs
    contract = ScoreContract.for_pairs(scored) if scored else ScoreContract.for_logits(1)
    n_texts = texts_read(collection)
    base = settings.student_base or base
    if kind == TRANSFORMER and settings.student_network == "plain":
        return _plain(name, settings, base, contract, n_texts, scored.classes if scored else (), max_length, seed)
    tokenizer, vectors = tokens_and_vectors(settings, [(collection, candidates), *more], base, max_length)
    shape: dict[str, Any] = {
        "vocab_size": max(tokenizer.get_vocab().values()) + 1,
        "pad_token_id": tokenizer.pad_token_id,
        "num_labels": contract.n_logits,
        "dense_size": settings.dense_size or STUDENTS[kind].dense_size,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == TRANSFORMER:
            model = _transformer(name, settings, base, shape, vectors, tokenizer, seed)
        else:
            model = _recurrent(kind, settings, base, shape, vectors, tokenizer, n_texts, seed)
    name_logits(model.config, list(scored.classes) if scored and scored.classes else ["LABEL_0"])
    new = head_weights(model)
    return CrossEncoder(model.eval(), tokenizer, contract, max_length=max_length, n_texts=n_texts, untrained=new)


def texts_read(collection: Collection) -> int:
    """How many texts of a pair a student of a collection reads: one of single texts, labelled or not, else two."""
    if collection.scored_pairs is not None:
        return collection.scored_pairs.n_texts
    own = collection.candidates
    if own is None or not len(own) or collection.documents.take(own.doc_ids[:1]) != [""]:
        return 2  # without a look at all documents, which may be millions in a store
    texts = collection.documents.texts
    return 1 if pc.all(pc.equal(texts, pa.scalar("", texts.type))).as_py() else 2


def _plain(
    name: str,
    settings: StudentSettings,
    base: str | Path,
    contract: ScoreContract,
    n_texts: int,
    classes: Sequence[str],
    max_length: int,
    seed: int,
) -> CrossEncoder:
    """Make a model of the base's family, of random weights."""
    layers, width = transformer_shape(name)
    opened = Opened.base(base, contract.n_logits, n_texts)
    config = checked_config(resolve_base(base))
    model = random_model(config, layers, width, settings.attention_heads, n_logits=contract.n_logits, seed=seed)
    name_logits(model.config, list(classes) or [f"LABEL_{place}" for place in range(contract.n_logits)])
    check_ids(opened.folder, opened.tokenizer, model)
    return CrossEncoder(
        model,
        opened.tokenizer,
        contract,
        max_length=max_length,
        prompt=opened.stated.prompt,
        n_texts=n_texts,
        asked=opened.asked,
        untrained=head_weights(model),
    )


def _recurrent(
    kind: str,
    settings: StudentSettings,
    base: str | Path,
    shape: dict[str, Any],
    vectors: WordVectors | None,
    tokenizer: Any,
    n_texts: int,
    seed: int,
) -> Any:
    """Make a BiLSTM or a bi-attentive LSTM with its embeddings."""
    matrix = _matrix(settings, base, vectors, tokenizer, shape["vocab_size"], settings.embedding_size, seed)
    width = settings.embedding_size or (WIDEST if matrix is None else matrix.shape[1])
    network = NETWORK_OF[STUDENTS[kind].model_type]
    config = network.config_class(
        embedding_size=width,
        channels=settings.channels or (2 if settings.is_file else 1),
        lstm_size=settings.lstm_size or STUDENTS[kind].lstm_size,
        dropout=settings.student_dropout,
        n_texts=n_texts,
        **shape,
    )
    model = network(config)
    if matrix is None:
        with torch.no_grad():
            model.embeddings.weight[tokenizer.pad_token_id] = 0
            matrix = model.embeddings.weight.numpy().copy()
    set_embeddings(model, matrix)
    return model


def _transformer(
    name: str,
    settings: StudentSettings,
    base: str | Path,
    shape: dict[str, Any],
    vectors: WordVectors | None,
    tokenizer: Any,
    seed: int,
) -> Any:
    """Make a transformer that is read at all its layers, of a BERT base's first ones where they fit."""
    layers, width = transformer_shape(name)
    rest: dict[str, Any] = {
        "hidden_dropout_prob": settings.student_dropout,
        "attention_probs_dropout_prob": settings.student_dropout,
    }
    if not settings.reads_words and settings.embeddings in ("", *OF_BASE):
        stated = checked_config(resolve_base(base)).to_dict()
        fits = stated["model_type"] == "bert" and stated.get("hidden_size") == width
        fits = fits and settings.attention_heads in (0, stated["num_attention_heads"])
        if fits and stated["num_hidden_layers"] >= layers:
            source, _ = load_classifier(resolve_base(base))
            stated = source.config.to_dict()
            for gone in ("architectures", "model_type", "id2label", "label2id", "auto_map", "rankdistill"):
                stated.pop(gone, None)
            shape["vocab_size"] = source.config.vocab_size
            model = LayerMeanForSequenceClassification(
                LayerMeanConfig(**{**stated, **shape, **rest, "num_hidden_layers": layers})
            )
            copy_first_layers(source.bert, model)
            return model
        has = ", ".join(f"{what} {stated.get(field, '?')}" for what, field in SHAPE.items())
        say(f"the layers of {name} start at random: {base} is a {stated['model_type']} ({has})")
    heads = settings.attention_heads or heads_for(width)
    if width % heads:
        raise UsageError(f"{heads} attention heads do not divide a width of {width}")
    sizes: dict[str, Any] = {"hidden_size": width, "num_attention_heads": heads, "intermediate_size": 4 * width}
    model = LayerMeanForSequenceClassification(LayerMeanConfig(**shape, **rest, **sizes, num_hidden_layers=layers))
    matrix = _matrix(settings, base, vectors, tokenizer, shape["vocab_size"], width, seed, optional=True)
    if matrix is not None:
        deviation = float(matrix.std()) or 1.0
        set_embeddings(model, (matrix * (model.config.initializer_range / deviation)).astype(np.float32))
    return model


def _matrix(
    settings: StudentSettings,
    base: str | Path,
    vectors: WordVectors | None,
    tokenizer: Any,
    n_tokens: int,
    width: int,
    seed: int,
    optional: bool = False,
) -> F32 | None:
    """Initial embeddings float32 (n_tokens, D), D the width unless that is 0; None where they are random.

    optional: random ones will do where nobody asks for the base's, and the base has too few numbers.
    """
    if vectors is not None:
        own = vectors.vectors.shape[1]
        if width not in (0, own):
            raise UsageError(
                f"{settings.embeddings} has vectors of {own} numbers, got a width of {width}: leave it out"
            )
        matrix, n_found = embeddings_by_words(tokenizer, vectors, seed)
        say(f"{n_found:,} of {n_tokens:,} tokens have a vector in {settings.embeddings}")
        if not n_found:
            raise DataError(f"{settings.embeddings} has a vector for none of the student's {n_tokens:,} tokens")
        return matrix
    if settings.reads_words or settings.embeddings == RANDOM:
        return None
    known = stored_embeddings(resolve_base(base))[:n_tokens]
    own = known.shape[1]
    if width > own:
        if optional and not settings.embeddings:
            return None
        raise UsageError(
            f"the embeddings of {base} have {own} numbers, which cannot become {width}: take {own} or fewer, a base of "
            "more, vectors of a file, or random ones (embeddings random)"
        )
    return projected(known, width or min(WIDEST, own))
