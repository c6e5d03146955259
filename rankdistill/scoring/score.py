"""score: a cross-encoder over candidate lists, texts tokenised once, length-sorted batches, resumable after a kill."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rankdistill.arrays import F32
from rankdistill.errors import UsageError
from rankdistill.inputs.own_masks import read_by
from rankdistill.inputs.texts import PairTexts, TextCollection
from rankdistill.progress import progress, say
from rankdistill.scoring.among import refuse_asking
from rankdistill.scoring.chunks import ChunkScorer
from rankdistill.scoring.doubts import warn_of_doubts
from rankdistill.scoring.fits import gives_range, read_for
from rankdistill.scoring.report import ScoreReport
from rankdistill.scoring.settings import ModelSettings, ScoringSettings
from rankdistill.scoring.shared_tokens import SharedTokens
from rankdistill.scoring.store import ScoreStore

if TYPE_CHECKING:  # imported with the first model: commands that only read the settings start without torch and Arrow
    from rankdistill.data.candidates import Candidates
    from rankdistill.data.trec.plain import PlainLists
    from rankdistill.models.cross_encoder import CrossEncoder
    from rankdistill.models.ready import ReadyModel

CHUNK_PAIRS = 1024


def score(
    model: CrossEncoder | ReadyModel | str | Path,
    candidates: Candidates | PlainLists,
    collection: TextCollection,
    settings: ScoringSettings | None = None,
    *,
    description: str = "scoring",
    **overrides: Any,
) -> F32:
    """Score every candidate with a cross-encoder, float32 (N,), row for row, and print the `ScoreReport`.

    model: a `CrossEncoder`, its folder or its hub id. settings: `ScoringSettings` (None: the defaults); single fields
    can be given by name instead. See `score_with_report` for the errors.

        scores = rd.score("runs/student/model", run, collection, dtype="auto", store="runs/scores")
    """
    scores, report = score_with_report(model, candidates, collection, settings, description=description, **overrides)
    say(f"{description}: {report}")
    return scores


def score_with_report(
    model: CrossEncoder | ReadyModel | str | Path,
    candidates: Candidates | PlainLists,
    collection: TextCollection,
    settings: ScoringSettings | None = None,
    *,
    description: str = "scoring",
    chunk_pairs: int = CHUNK_PAIRS,
    shared: SharedTokens | None = None,
    **overrides: Any,
) -> tuple[F32, ScoreReport]:
    """Score every candidate with a cross-encoder: float32 (N,), row for row; and report what that took.

    model: a `CrossEncoder`, whose engine and dtype hold where the settings say None, and which keeps how it is asked,
    or a folder or hub id. settings, overrides: see `score`. With a store the same call after a kill resumes and ends
    with the same bytes. chunk_pairs: pairs between two writes to the store; batches never span chunks, so they do not
    depend on kills. shared: tokens of the candidates' texts that several models read (None: they are tokenised for this
    call).
    Windows of long documents hold three quarters of the tokens that a pair has room for and begin half of that apart;
    the pairs then reported as truncated have a query longer than the rest. Where the collection has judgments that the
    scores contradict, and where scores are rounded to one number, a warning says so.
    The model is read as the collection asks, see `read_for`.
    Raises `DataError` for an id without a text, an empty query and a head that does not fit the collection;
    `UnknownNameError` for a name that is no setting; and as `load_model`. In float32 scores depend on batch_tokens and
    chunk_pairs by less than 1e-5.
    """
    settings = ScoringSettings.of(settings, overrides)
    named = str(model if isinstance(model, str | Path) else getattr(model, "folder", None) or "the model")
    model = read_for(load_scorer(model, settings, collection), candidates, collection, named)
    numbers, report = _run(model, candidates, collection, settings, description, chunk_pairs, False, shared)
    warn_of_doubts(numbers[:, 0], model.contract, candidates, collection)
    return numbers[:, 0], report


def score_logits(
    model: CrossEncoder | str | Path,
    candidates: Candidates,
    collection: TextCollection,
    settings: ScoringSettings | None = None,
    *,
    description: str = "scoring",
    chunk_pairs: int = CHUNK_PAIRS,
    shared: SharedTokens | None = None,
    **overrides: Any,
) -> tuple[F32, ScoreReport]:
    """Compute all logits of the model's head for every candidate: float32 (N, n_logits), row for row.

    Everything else is as in `score_with_report`: they are kept in the same kind of store and a killed call resumes.
    Raises `UsageError` for passages other than "first", as windows are combined by their scores.
    """
    settings = ScoringSettings.of(settings, overrides)
    if settings.passages != "first":
        raise UsageError(
            f"logits are those of a document's first tokens: passages must be 'first', got {settings.passages!r}"
        )
    model = load_model(model, settings)
    return _run(model, candidates, collection, settings, description, chunk_pairs, True, shared)


def load_scorer(
    model: CrossEncoder | ReadyModel | str | Path, settings: ModelSettings, collection: Any = None
) -> CrossEncoder | ReadyModel:
    """Load what scores: the model as an earlier command left it, without torch, or as `load_model` does.

    A model that an exported file computes is kept for the next command. One at hand that was ready stays as it is.
    collection: whose candidates it will score; the logits of a model of a task of scored pairs are classes, or a
    number, and what was left ready is taken only where its scores are the task's own. Raises as `load_model` does.
    """
    from rankdistill.models.ready import ENGINES, ReadyModel, keep_ready, ready_model

    if isinstance(model, ReadyModel):
        refuse_asking(settings)
        return model
    scored = getattr(collection, "scored_pairs", None)
    if not isinstance(model, str | Path) or settings.engine not in ENGINES:
        return load_model(model, settings, as_classifier=scored is not None)
    ready = ready_model(model, settings.model_facts)
    if ready is not None and (scored is None or gives_range(ready.contract, scored)):
        return ready
    loaded = load_model(model, settings, as_classifier=scored is not None)
    if ready is None:
        keep_ready(loaded, model, settings.model_facts)
    return loaded


def load_model(
    model: CrossEncoder | str | Path, settings: ModelSettings, *, as_classifier: bool = False
) -> CrossEncoder:
    """Load a cross-encoder for these settings; of one at hand keep what they leave open, and how it is asked.

    as_classifier: of a folder, see `CrossEncoder.from_pretrained`. Raises `UsageError` for settings that say how a
    model at hand is asked.
    """
    from rankdistill.models.cross_encoder import CrossEncoder

    if not isinstance(model, CrossEncoder):
        return CrossEncoder.from_pretrained(
            model,
            settings.engine or "torch",
            settings.dtype,
            relevant_label=settings.relevant_label,
            as_classifier=as_classifier,
            **settings.asking,
        )
    refuse_asking(settings)
    model = model.with_relevant(settings.relevant_label)
    engine, dtype = settings.engine or model.engine_name, settings.dtype or model.dtype
    return model if (engine, dtype) == (model.engine_name, model.dtype) else model.with_engine(engine, dtype)


def _run(
    model: CrossEncoder | ReadyModel,
    candidates: Candidates | PlainLists,
    collection: TextCollection,
    settings: ScoringSettings,
    description: str,
    chunk_pairs: int,
    keep_logits: bool,
    shared: SharedTokens | None,
) -> tuple[F32, ScoreReport]:
    """Compute the scores of all candidates, float32 (N, 1), or the logits, (N, n_logits), by chunks."""
    if chunk_pairs < 1:
        raise UsageError(f"chunk_pairs must be at least 1, got {chunk_pairs}")
    batch_tokens = model.batch_tokens if settings.batch_tokens is None else settings.batch_tokens
    if shared is None:
        collection = read_by(model.tokenizer, collection)
    texts = shared.texts if shared is not None else PairTexts(candidates, collection)
    scorer = ChunkScorer(model, texts, batch_tokens, settings.passages, description, shared, settings.threads)
    n_pairs, width = len(candidates), model.contract.n_logits if keep_logits else 1
    opened: ScoreStore | nullcontext[None] = nullcontext()
    if settings.store is not None:
        facts = {
            "model": model.fingerprint(),
            "engine": model.engine.identity,
            "batch_tokens": batch_tokens,
            "pairs": texts.digest(),
        }
        # Only what is not the default is added, so that scores which are kept on disk stay valid.
        facts |= {} if settings.passages == "first" else {"passages": settings.passages}
        facts |= {"numbers": "logits"} if keep_logits else {}
        opened = ScoreStore(settings.store, facts, n_pairs, chunk_pairs, width)
    numbers = np.empty((n_pairs, width), np.float32)
    n_resumed = n_truncated = 0
    with opened as store:
        if store is not None:
            n_resumed, n_truncated = store.n_done, store.n_truncated
            numbers[:n_resumed] = store.scores().reshape(n_resumed, width)
        chunks = [slice(start, min(start + chunk_pairs, n_pairs)) for start in range(n_resumed, n_pairs, chunk_pairs)]
        if chunks:
            scorer.tokenize(check=store is None)
        started = time.perf_counter()
        with progress(description, n_pairs) as advance:
            advance(n_resumed)
            for rows, inputs in zip(chunks, scorer.inputs_ahead(chunks), strict=True):
                if rows is chunks[0]:
                    started = time.perf_counter()
                logits = scorer.logits(inputs, advance)
                numbers[rows] = logits if keep_logits else scorer.scores(logits, inputs)[:, None]
                n_cut = scorer.n_truncated(inputs)
                n_truncated += n_cut
                if store is not None:
                    store.append(numbers[rows] if width > 1 else numbers[rows, 0], n_cut)
        seconds = time.perf_counter() - started
    return numbers, ScoreReport(n_pairs, n_truncated, n_resumed, texts.n_empty_documents, seconds, scorer.padding)
