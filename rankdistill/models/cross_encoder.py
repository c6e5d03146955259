"""CrossEncoder: a classification model, its tokenizer and its score contract; an ordinary transformers folder."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rankdistill.arrays import F32
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.inputs.asking import Asking
from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.prompted import PromptAssembler
from rankdistill.inputs.template import PairTemplate
from rankdistill.models.base import DEFAULT_BASE, quiet_loading
from rankdistill.models.causal.contract import ENTRY as PROMPT
from rankdistill.models.causal.contract import PromptContract
from rankdistill.models.causal.shared_prefix import can_share
from rankdistill.models.causal.written import spelled_out, state_prompt
from rankdistill.models.contract import CLASSES, ENTRY, ScoreContract, entry_of
from rankdistill.models.encoder_parts import in_encoder
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.table import make_engine
from rankdistill.models.engines.threads import Engine, batch_budget, computed, default_budget
from rankdistill.models.families import family_of, head_of
from rankdistill.models.fingerprint import fingerprint
from rankdistill.models.labels import chosen_logit, labels_of, name_logits
from rankdistill.models.layers import keep_layers
from rankdistill.models.length import checked_length
from rankdistill.models.opened import Opened
from rankdistill.models.precision import own_dtype, reads_float32_alone
from rankdistill.models.probe import reads_padding
from rankdistill.models.recurrent.bilstm import BiLSTMForSequenceClassification
from rankdistill.models.recurrent.network import is_recurrent
from rankdistill.models.recurrent.texts_read import with_texts
from rankdistill.models.sentence.classifier import ENTRY as CHAIN_ENTRY
from rankdistill.models.sentence.classifier import ChainForSequenceClassification
from rankdistill.models.stated import Stated, check_activation
from rankdistill.models.tokenizer import check_ids, save_tokenizer
from rankdistill.models.untrained import draw_anew, untrained_weights


class CrossEncoder:
    """Scores (query, document) pairs by reading both together.

    model: a transformers sequence classification model with one or two logits. tokenizer: its fast tokenizer, which is
    read and never changed. contract: how logits become scores (None: `ScoreContract.of_config`). max_length: tokens of
    a pair, special ones included (None: all that model and tokenizer can read); longer pairs are cut, the longer text
    first. engine, dtype: what computes, see `ENGINES` and `TorchEngine`; "auto" is torch over weights that are not
    float32, as exports need that. folder: where exported models of these weights
    may be, for engines that read one. prompt: text that is put before every query. n_texts: 1 where the model reads the
    query alone, as classifiers of single texts do. asked: the prompt that the two texts are put in, as causal language
    models need it; of prompt and asked one may be given. untrained: names of weights of the head that were drawn and
    that no loss has trained.

    Example, with a folder that `save` or transformers wrote::

        model = CrossEncoder.from_pretrained("runs/student/model")
        model.predict([("how to sort a list", "sorted(x) returns a new list")])  # float32 (1,)
        model.rank("how to sort a list", ["sorted(x) returns a new list", "a dog"], top_k=1)
        # [{"corpus_id": 0, "score": 2.7, "text": "sorted(x) returns a new list"}]
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        contract: ScoreContract | None = None,
        *,
        max_length: int | None = None,
        engine: str = "torch",
        dtype: str | None = None,
        folder: str | Path | None = None,
        prompt: str = "",
        n_texts: int = 2,
        asked: PromptContract | None = None,
        untrained: Iterable[str] = (),
    ) -> None:
        n_logits = model.config.num_labels
        self.model = model
        self.tokenizer = tokenizer
        self.contract = contract or ScoreContract.of_config(model.config)
        if self.contract.n_logits != n_logits:
            raise UsageError(
                f"contract {self.contract.form!r} needs {self.contract.n_logits} logits, the model has {n_logits}"
            )
        if prompt and asked is not None and asked.prompt:
            raise UsageError(
                f"got a text before every query (prompt={prompt!r}) and a prompt that both texts are put in (asked): "
                "write the text into that prompt before {query}, and give asked alone"
            )
        self.max_length = checked_length(model, tokenizer, max_length)
        self.engine_name = "torch" if engine == "auto" and own_dtype(model) != "float32" else engine
        self.dtype = dtype
        self.folder = None if folder is None else Path(folder)
        self.prompt, self.n_texts, self.asked = prompt, n_texts, asked
        self.untrained = frozenset(untrained)

    # -- loading and saving --------------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        engine: str = "torch",
        dtype: str | None = None,
        *,
        relevant_label: str | None = None,
        as_classifier: bool = False,
        **asking: Any,
    ) -> CrossEncoder:
        """Load a folder or hub id of any sequence classification model with one or two logits, or of a causal one.

        A model that states no score contract: one logit is the score, of two it is the margin of the one that means
        relevant, which their labels tell, else ``relevant_label``, a label or its number. as_classifier: whether two
        logits or more of such a model are those of classes instead. engine: a name of `ENGINES`, or "auto" for the
        fastest here. dtype: None (float32), "auto", or another that the engine computes in. The weights of decoders
        stay in the dtype that is asked for, or stored. asking: fields of `Asking`, by which a causal language model is
        asked where its folder does not say, or otherwise. The length is the one that `save` noted in the config, else
        what the folder states, else all that model and tokenizer can read. A sentence-transformers folder's prompt and
        other settings are done, see `Stated`.
        Raises `DataError` for a folder without weights or head, for one that is damaged, and for what is not done here.
        """
        opened = Opened.trained(path, Asking(**asking))
        folder, stated = opened.folder, opened.stated
        model, missing = opened.trained_model(engine, dtype)
        if missing:
            raise DataError(
                f"{folder} is no trained cross-encoder: its weights lack {', '.join(missing[:3])}; "
                "to start a new one from it use `CrossEncoder.from_base`"
            )
        check_activation(folder, model.config)
        entry = entry_of(model.config)
        check_ids(folder, opened.tokenizer, model)
        return cls(
            model,
            opened.tokenizer,
            ScoreContract.of_config(model.config, relevant_label, folder, as_classifier=as_classifier),
            max_length=opened.agreed("max_length", entry, stated.max_length),
            engine=engine,
            dtype=dtype,
            folder=folder,
            prompt=opened.agreed("prompt", entry, stated.prompt or None) or "",
            n_texts=entry.get("n_texts", 2),
            asked=opened.asked,
            untrained=untrained_weights(model),
        )

    @classmethod
    def from_base(
        cls,
        base: str | Path = DEFAULT_BASE,
        n_logits: int = 1,
        *,
        layers: Sequence[int] | None = None,
        max_length: int | None = None,
        seed: int = 0,
        contract: ScoreContract | None = None,
        dtype: str | None = None,
        labels: Sequence[str] = (),
        n_texts: int = 2,
    ) -> CrossEncoder:
        """Start a cross-encoder from a base encoder, or from a trained one whose head is kept if it has ``n_logits``.

        A head that the base's config marks as untrained is drawn anew, see `rankdistill.models.untrained`.

        layers: encoder layers to keep, in this order (None: all), see `keep_layers`. max_length: tokens of a pair
        (None: all the base can read). seed: of whatever the base lacks, usually the head; same seed, same weights. A
        new head has the contract `ScoreContract.for_logits` unless one is given. labels: names of the logits; a head
        whose logits have other names is a new one. n_texts: see the class; a recurrent network that read
        another number is made to read this one, see `with_texts`. Raises as `from_pretrained` does, but for a missing
        head.
        """
        opened = Opened.base(base, n_logits, n_texts)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model, missing = opened.base_model(n_logits)
            drawn = set(untrained_weights(model)) - set(missing)
            if not missing and labels and labels_of(model.config) != list(labels):
                head = family_of(model).head
                missing = [f"{head}.{name}" for name, _ in head_of(model).named_parameters()]
                drawn |= set(missing)
            draw_anew(model, drawn)
            lost = [key for key in missing if in_encoder(model, key) and "pooler" not in key]
            model, tokenizer, new = with_texts(model, opened.tokenizer, n_texts)
            missing = [*missing, *new]
        if lost:
            raise DataError(
                f"{opened.folder} lacks weights of its encoder, the first is {lost[0]}: is it a whole model?"
            )
        if missing:  # the labels of a head that is gone
            name_logits(model.config, labels or [f"LABEL_{place}" for place in range(n_logits)])
            contract = contract or ScoreContract.for_logits(n_logits)
        contract = contract or ScoreContract.of_config(model.config, None, opened.folder)
        if layers is not None:
            model = keep_layers(model, layers)
        check_ids(opened.folder, tokenizer, model)
        return cls(
            model,
            tokenizer,
            contract,
            max_length=max_length,
            dtype=dtype,
            prompt=opened.stated.prompt,
            n_texts=n_texts,
            asked=opened.asked,
            untrained=drawn | set(missing),
        )

    def with_model(self, model: Any, contract: ScoreContract | None = None) -> CrossEncoder:
        """Return a cross-encoder of another model with the same tokenizer, prompt, length and engine.

        contract: of the model (None: the same).
        """
        return CrossEncoder(
            model,
            self.tokenizer,
            contract or self.contract,
            max_length=self.max_length,
            engine=self.engine_name,
            dtype=self.dtype,
            prompt=self.prompt,
            n_texts=self.n_texts,
            asked=self.asked,
            untrained=self.untrained,
        )

    def save(self, path: str | Path) -> Path:
        """Write an ordinary transformers folder (safetensors, tokenizer, config), whole or not at all.

        It also loads in `sentence_transformers.CrossEncoder` with the same scores, except that two logits stay two
        there and a contract's scale is not applied. Contract, length and prompt are noted in the config's
        ``rankdistill`` entry; the tokenizer is written with the same length, which is where other libraries read it.
        The folder is sealed by checksums, which `from_pretrained` checks. Returns the path.
        """
        tokenizer = self._note_contract()
        with atomic_path(path, sealed=True) as folder, quiet_loading():
            if isinstance(self.model, ChainForSequenceClassification):
                self.model.write(folder)
            else:
                self.model.save_pretrained(folder)
            save_tokenizer(tokenizer, folder)
            Stated(self.prompt).write(folder, self.contract.activation)
        return Path(path)

    def save_without_weights(self, folder: str | Path) -> None:
        """Write config and tokenizer into a folder, for tools that read an exported model there; see `save`."""
        tokenizer = self._note_contract()
        config = copy.deepcopy(self.model.config)
        if hasattr(config, CHAIN_ENTRY):
            delattr(config, CHAIN_ENTRY)
        with quiet_loading():
            config.save_pretrained(folder)
            save_tokenizer(tokenizer, Path(folder))

    def _note_contract(self) -> Any:
        """Note in the config all that `save` writes there; return a tokenizer with the model's length."""
        config = self.model.config
        stated: dict[str, Any] = {"prompt": self.prompt} if self.prompt else {}
        stated |= {"n_texts": self.n_texts} if self.n_texts != 2 else {}
        setattr(config, ENTRY, {**self.contract.to_config(), "max_length": self.max_length, **stated})
        config.sentence_transformers = {"activation_fn": self.contract.activation}
        tokenizer = copy.deepcopy(self.tokenizer)
        tokenizer.model_max_length = self.max_length
        taken = self.assembler.input_names  # tools that pass on all that the tokenizer makes fail on what is not taken
        tokenizer.model_input_names = [name for name in tokenizer.model_input_names if name in taken]
        if self.asked is not None and isinstance(self.assembler, PromptAssembler):
            written = spelled_out(self.asked, self.assembler.borders, tokenizer)
            getattr(config, ENTRY)[PROMPT] = written.to_config()
            state_prompt(written, tokenizer, config)
        return tokenizer

    # -- scoring -------------------------------------------------------------------------------------------------------

    @cached_property
    def engine(self) -> Engine:
        """The engine that computes the logits; it shares the model's weights."""
        if self.engine_name == "torch":
            return make_engine(self.engine_name, self.model, self.dtype)
        return make_engine(self.engine_name, self.model, self.dtype, self.folder, self.fingerprint(), self.max_length)

    @cached_property
    def reads_padding(self) -> bool:
        """Whether scores depend on padding, so that a batch may only hold pairs of one length; see `reads_padding`."""
        return reads_padding(self.model)

    @cached_property
    def assembler(self) -> PairAssembler:
        """The assembler of this model's inputs from tokenised texts."""
        asked = self.asked.asked() if self.asked is not None else None
        if asked is not None:
            return PromptAssembler(self.tokenizer, self.max_length, asked, padding_side="right")
        template = PairTemplate.of_one(self.tokenizer) if self.n_texts == 1 else None
        return PairAssembler.for_model(self.model, self.tokenizer, self.max_length, template, prompt=self.prompt)

    def with_relevant(self, label: str | None) -> CrossEncoder:
        """Return the same model with another of its two labels, or its number, taken as relevant; None: as it is.

        A model of one logit and a classifier are returned as they are.
        """
        if label is None or not self.contract.is_margin:
            return self
        return self.with_contract(replace(self.contract, relevant=chosen_logit(labels_of(self.model.config), label)))

    def with_contract(self, contract: ScoreContract) -> CrossEncoder:
        """Return the same model, whose logits become scores by another contract of as many logits."""
        other = copy.copy(self)
        other.contract = contract
        other.__dict__.pop("engine", None)  # what it exports is named by the model's contract, too
        return other

    def as_classifier(self) -> CrossEncoder:
        """Return the same model with its two logits taken as those of two classes; of other forms as it is."""
        if not self.contract.is_margin:
            return self
        return self.with_contract(ScoreContract(CLASSES, n_classes=self.contract.n_logits))

    def with_dtype(self, dtype: str | None) -> CrossEncoder:
        """Return the same model computing in another dtype; None keeps it as it is."""
        if dtype is None or dtype == self.dtype:
            return self
        return self.with_engine(self.engine_name, dtype)

    def with_engine(self, engine: str, dtype: str | None = None, folder: str | Path | None = None) -> CrossEncoder:
        """Return the same model, computed by another engine; folder: of exported models (None: this model's own)."""
        model = self.model
        if own_dtype(model) != "float32" and reads_float32_alone(engine, dtype):
            model = copy.deepcopy(model).float()
        return CrossEncoder(
            model,
            self.tokenizer,
            self.contract,
            max_length=self.max_length,
            engine=engine,
            dtype=dtype,
            folder=self.folder if folder is None else folder,
            prompt=self.prompt,
            n_texts=self.n_texts,
            asked=self.asked,
            untrained=self.untrained,
        )

    @property
    def batching(self) -> dict[str, bool]:
        """How pairs are batched: of one length where scores depend on padding, by query where that saves work."""
        in_prompt = isinstance(self.assembler, PromptAssembler) and not self.assembler.asked.document_first
        by_query = in_prompt and can_share(self.model) and isinstance(self.engine, TorchEngine)
        return {"equal": self.reads_padding, "by_query": by_query and not self.reads_padding}

    @property
    def batch_tokens(self) -> int:
        """Default number of padded tokens in a batch, by device; more where a prompt or an LSTM's step is shared."""
        large = self.batching["by_query"] or (is_recurrent(self.model) and isinstance(self.engine, TorchEngine))
        return max(default_budget(torch.cuda.is_available(), large), self.engine.least_tokens if large else 0)

    def logits(self, pairs: Sequence[tuple[str, str]], *, batch_tokens: int | None = None) -> F32:
        """Compute the logits float32 (N, n_logits) of (query, document) pairs.

        Each distinct query and document is tokenised once. A model that reads one text is given the texts, or pairs
        whose second text is empty.

        batch_tokens: padded tokens in a batch (None: by device).
        """
        if self.n_texts == 1:
            pairs = [(pair, "") if isinstance(pair, str) else pair for pair in pairs]
        _check_pairs(pairs)
        logits = np.zeros((len(pairs), self.contract.n_logits), np.float32)
        if not len(pairs):
            return logits
        tokens = self.assembler.tokenize_pairs(self.tokenizer, pairs)
        lengths = self.assembler.lengths(*tokens).total
        budget = batch_budget(self.engine, lengths, self.batch_tokens if batch_tokens is None else batch_tokens)
        how = self.batching
        batches = self.assembler.batches(*tokens, budget, equal=how["equal"], by_query=how["by_query"])
        for items, _, given in computed(self.engine, batches):
            logits[items] = given
        return logits

    def predict(self, pairs: Sequence[tuple[str, str]], *, batch_tokens: int | None = None) -> F32:
        """Score (query, document) pairs: float32 (N,), higher = more relevant, as the contract computes them."""
        return self.contract.scores(self.logits(pairs, batch_tokens=batch_tokens))

    def rank(self, query: str, documents: Sequence[str], top_k: int | None = None) -> list[dict[str, Any]]:
        """Rank documents for a query, best first: ``{"corpus_id": position, "score": float, "text": document}``.

        The order is that of the logits (`ScoreContract.margins`), also where scores are rounded to the same number;
        equal logits keep the order given.
        """
        if top_k is not None and top_k < 1:
            raise UsageError(f"top_k must be at least 1, got {top_k}")
        margins = self.contract.margins(self.logits([(query, document) for document in documents]))
        scores = self.contract.scores_of_margins(margins)
        order = np.argsort(-margins, kind="stable")[:top_k]
        return [{"corpus_id": int(i), "score": float(scores[i]), "text": documents[i]} for i in order]

    @property
    def reads_apart(self) -> bool:
        """Whether the model reads the texts of a pair apart, so that what it made of one may be kept."""
        return isinstance(self.model, BiLSTMForSequenceClassification)

    def keep_texts(self, most: int) -> bool:
        """Keep what is computed of the last ``most`` texts, so that a document of many queries is read once; 0: none.

        False where nothing is kept. Only a BiLSTM student reads a query and a document apart (`reads_apart`), and texts
        are kept by torch on a CPU in float32 alone, where the vocabulary is not too large: tokens times hidden units
        times 32 bytes are at most 2 GiB. A text takes about 2 KB with 150 hidden units, beside its tokens. Scores then
        depend by float noise on what was scored before.
        """
        if most < 0:
            raise UsageError(f"texts to keep must be 0 or more, got {most}")
        keeps = isinstance(self.engine, TorchEngine) and self.engine.keep_texts(most)
        if keeps:
            self.assembler.keep_texts(most)
        return keeps

    # -- facts ---------------------------------------------------------------------------------------------------------

    @property
    def n_parameters(self) -> int:
        """Number of weights, embeddings included."""
        return sum(p.numel() for p in self.model.parameters())

    def fingerprint(self) -> str:
        """Hash everything in the model that changes a score: weights, shape, tokenizer, length and contract."""
        stated = [self.max_length, self.contract.to_config(), *([self.prompt] if self.prompt else [])]
        stated += [{"n_texts": self.n_texts}] if self.n_texts != 2 else []
        stated += [{"asked": self.asked.to_config()}] if self.asked is not None else []
        return fingerprint(self.model, self.tokenizer, stated)


def _check_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Raise `UsageError` for what is no pair of two strings."""
    for position, pair in enumerate(pairs):
        if isinstance(pair, str) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise UsageError(f"pair {position} must be (query, document), two strings, got {pair!r:.120}")
