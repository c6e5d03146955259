"""Checks of what a model's folder states: its activation, labels, padding, length, prompt and head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rankdistill.errors import DataError
from rankdistill.inputs.prompted import PromptAssembler
from rankdistill.models.causal.chat import PAIR
from rankdistill.models.causal.contract import ENTRY as PROMPT
from rankdistill.models.causal.stated import is_causal
from rankdistill.models.contract import CLASSES, entry_of
from rankdistill.models.families import head_of, pooling_of
from rankdistill.models.labels import labels_of, shown
from rankdistill.models.sentence.chain import is_chain
from rankdistill.models.stated import stated_activation
from rankdistill.scoring.model_check.finding import Checked, Level, ModelFinding, line

SQUASHING = ("Sigmoid", "Tanh", "Hardsigmoid", "Hardtanh", "Softmax")
"""Activations that have an end, at which scores tie."""
FEWEST_TOKENS = 8
"""Tokens of a document that a pair must have room for."""
_LONG = "sort a long list of books by their first word " * 400


def activation(checked: Checked) -> Iterator[ModelFinding]:
    """Find a sigmoid, or another activation with an end, between the logit and the score."""
    model, name = checked.model, "activation"
    contract = model.contract
    if contract.form == CLASSES:
        yield ModelFinding(name, "note", f"a classifier of {contract.n_classes} classes: it gives no score to rank by")
        return
    last = getattr(getattr(model.model, "after", [None])[-1], "apply_activation", None)
    if type(last).__name__ in SQUASHING:
        yield ModelFinding(
            name,
            "error",
            f"the last module ends in a {type(last).__name__}: scores tie at its ends, and no tool can take it off. "
            "Write torch.nn.modules.linear.Identity as its activation_function, and train or rank by the logit",
        )
        return
    graded = (contract.scale, contract.lowest) != (1.0, 0.0)
    if contract.form == "sigmoid":
        what = "the score is the sigmoid of the logit, which float32 rounds to 1 above 17 and bfloat16 above 5"
        remedy = "write 'logit' as the form of the score in config.json to rank by it"
        yield ModelFinding(name, "warning" if graded else "error", f"a sigmoid on top: {what}; {remedy}")
        return
    if contract.form == "probability":
        yield ModelFinding(
            name, "warning", "the score is P(relevant), which float32 rounds to 1 for margins above 17: take 'margin'"
        )
        return
    stated = stated_activation(checked.folder, checked.model.model.config)
    if stated is not None and stated.rpartition(".")[2] in SQUASHING:
        yield ModelFinding(
            name,
            "error",
            f"a sigmoid on top: the folder states the activation {stated}, which sentence-transformers and what is "
            "built on it put on the logit, and scores tie at its ends. rankdistill ranks by the logit. State "
            "torch.nn.modules.linear.Identity instead",
        )
    elif stated is None and contract.n_logits == 1:
        yield ModelFinding(
            name,
            "warning",
            "no activation is stated: sentence-transformers and what is built on it show the sigmoid of the logit. A "
            "folder that rankdistill saves states Identity",
        )
    else:
        yield ModelFinding(
            name, "ok", "the score is the logit" if contract.n_logits == 1 else "the score is the margin"
        )


def labels(checked: Checked) -> Iterator[ModelFinding]:
    """Find two logits whose order other tools read otherwise, and scores that contradict the judgments."""
    from rankdistill.evaluation.measures.pnr import pnr_counts
    from rankdistill.scoring.doubts import FEWEST_QUERIES, TIMES

    contract, name = checked.model.contract, "label order"
    found = labels_of(checked.model.model.config)
    if contract.is_margin:
        if contract.relevant == 0:
            yield ModelFinding(
                name,
                "error",
                f"the first of two logits means relevant ({shown(found)}): LangChain and others rank by the second, "
                "backwards. `rankdistill export --one-logit` writes a model of one logit with the same scores",
            )
        else:
            yield ModelFinding(
                name,
                "warning",
                f"two logits ({shown(found)}), of which many tools rank by the first, backwards: `rankdistill export "
                "--one-logit` writes a model of one logit with the same scores",
            )
    else:
        yield ModelFinding(name, "ok", "one logit" if contract.n_logits == 1 else f"{contract.n_logits} classes")
    if checked.labels is None or checked.offsets is None or contract.form == CLASSES:
        return
    right, wrong = pnr_counts(checked.scores, checked.labels, checked.offsets)
    n_right, n_wrong = int((right > wrong).sum()), int((wrong > right).sum())
    counted = f"{int(wrong.sum()):,} of {int(right.sum() + wrong.sum()):,} judged pairs"
    backwards = n_wrong > TIMES * n_right and wrong.sum() > TIMES * right.sum()
    if backwards and n_wrong >= min(FEWEST_QUERIES, max(n_right + n_wrong, 3)):
        yield ModelFinding("judgments", "error", f"the model ranks backwards: {counted} have the less relevant above")
    elif right.sum() + wrong.sum():
        yield ModelFinding("judgments", "ok", f"{counted} are in the wrong order")


def padding(checked: Checked) -> Iterator[ModelFinding]:
    """Find a padding token that the model does not take for padding, or takes for the end of a text."""
    tokenizer, config, name = checked.model.tokenizer, checked.model.model.config, "padding token"
    stated, used = config.pad_token_id, tokenizer.pad_token_id
    causal = is_causal(checked.folder)  # whose tools look for the last token by the mask
    decoder = pooling_of(checked.model.model) == "last" and not causal
    closing = checked.model.assembler.closing
    if used is None:
        yield ModelFinding(
            name, "warning", "the tokenizer has no padding token: other tools cannot score pairs in a batch"
        )
    elif stated is None and decoder:
        yield ModelFinding(
            name,
            "error",
            f"config.json states no pad_token_id, by which a decoder's head looks for the last token: write {used}, "
            "the tokenizer's, there",
        )
    elif stated is not None and stated != used and not causal:
        yield ModelFinding(
            name,
            "error",
            f"config.json states the padding token {stated} ({_token(tokenizer, stated)}), the tokenizer pads with "
            f"{used} ({_token(tokenizer, used)}): write the tokenizer's into config.json",
        )
    elif decoder and len(closing) and int(closing[-1]) == used:
        yield ModelFinding(
            name,
            "error",
            f"pairs end in the padding token {used} ({_token(tokenizer, used)}): transformers takes it for padding and "
            "reads the token before it. Give the tokenizer a padding token of its own",
        )
    elif used in _ids(tokenizer, "how to sort a list of books"):
        yield ModelFinding(name, "error", f"the padding token {used} ({_token(tokenizer, used)}) is a word of texts")
    else:
        both = "" if causal else " and in config.json"
        yield ModelFinding(name, "ok", f"{_token(tokenizer, used)} ({used}) in the tokenizer{both}")


def length(checked: Checked) -> Iterator[ModelFinding]:
    """Find a template that truncation cuts, one or a prompt that leaves no room, and a tokenizer of another length."""
    model, name = checked.model, "truncation"
    tokenizer, assembler = model.tokenizer, model.assembler
    template, in_prompt = assembler.template, isinstance(assembler, PromptAssembler)
    if template.n_special == 0 and model.n_texts == 2 and not in_prompt:
        level: Level = "error" if pooling_of(model.model) == "first" else "warning"
        what = "the tokenizer puts no special token around or between query and document"
        if level == "error":
            what += ", whose first token the head reads: its template was lost (post_processor in tokenizer.json)"
        yield ModelFinding("template", level, what)
    if isinstance(assembler, PromptAssembler):
        n_template, n_prompt = 0, model.max_length - assembler.free
    else:
        n_template, n_prompt = template.n_special, len(_ids(tokenizer, model.prompt)) if model.prompt else 0
    room = model.max_length - n_template - n_prompt
    if room < FEWEST_TOKENS:
        yield ModelFinding(
            name,
            "error",
            f"{model.max_length} tokens of a pair less {n_template} of the template and {n_prompt} of the prompt "
            f"leave {max(room, 0)} for query and document: raise max_length, or shorten the prompt",
        )
        return
    [cut] = assembler.by_tokenizer(tokenizer, [("how to sort a list", _LONG)])["input_ids"]
    opening, closing = template.ids[0], template.ids[2]
    kept = len(cut) <= model.max_length
    kept &= np.array_equal(cut[: len(opening)], opening) and np.array_equal(cut[len(cut) - len(closing) :], closing)
    if in_prompt:
        yield ModelFinding(
            name,
            "note",
            f"{room} of {model.max_length} tokens are for texts; of longer pairs the document is cut here, where other "
            "tools cut the end of the prompt",
        )
        return
    if not kept:
        yield ModelFinding(
            name,
            "error",
            f"a long pair of {len(cut)} tokens loses fixed tokens: it ends in {_shown(tokenizer, cut[-3:])}, where the "
            f"template ends in {_shown(tokenizer, closing)}. Other tools score it otherwise: let the tokenizer's "
            "post-processor add them",
        )
        return
    if tokenizer.model_max_length > model.max_length:
        yield ModelFinding(
            name,
            "warning",
            f"the tokenizer states {tokenizer.model_max_length:,.0f} tokens, the model reads {model.max_length}: other "
            "tools read more, or fail (write model_max_length into tokenizer_config.json)",
        )
    else:
        yield ModelFinding(name, "ok", f"the template survives, {room} of {model.max_length} tokens are for texts")


def prompt(checked: Checked) -> Iterator[ModelFinding]:
    """Find a chat template that makes another text than the prompt of a model that reads its texts in one."""
    model, name = checked.model, "prompt"
    assembler, tokenizer = model.assembler, model.tokenizer
    if not isinstance(assembler, PromptAssembler):
        return
    if is_causal(checked.folder) or PROMPT not in entry_of(model.model.config):
        yield ModelFinding(
            name,
            "note",
            "other tools have to be told the prompt; `rankdistill export --classifier` writes a causal language model "
            "with it as a chat template",
        )
        return
    if not tokenizer.chat_template:
        yield ModelFinding(name, "error", "no chat template: other tools read the two texts without the prompt")
        return
    for query, document in checked.pairs:
        messages = [{**each, "content": text} for each, text in zip(PAIR, (query, document), strict=True)]
        try:
            text = tokenizer.apply_chat_template(messages, tokenize=False)
        except Exception as error:  # a template is a program of the folder's
            yield ModelFinding(name, "error", f"the chat template cannot be used ({line(error)}): save the model again")
            return
        if text != assembler.asked.format(query, document):
            yield ModelFinding(
                name,
                "error",
                f"the chat template makes another text of a pair, {text!r:.100}, than the prompt in config.json: other "
                "tools score it otherwise. Correct the one that the model was not trained with",
            )
            return
    yield ModelFinding(name, "ok", "the chat template makes the same text")


def head(checked: Checked) -> Iterator[ModelFinding]:
    """Doubt a head whose bias is exactly zero, as new heads have it, and one that other tools do not look for."""
    if is_chain(checked.folder):
        yield ModelFinding(
            "modules",
            "warning",
            "the head lies in modules of sentence-transformers (5.4 or later): tools that read the folder by "
            "transformers alone (rerankers, txtai, infinity) make a random head, without an error",
        )
    try:
        linear = head_of(checked.model.model)
    except DataError:
        return
    bias = linear.bias
    if bias is not None and not bool(bias.detach().any()):
        yield ModelFinding(
            "weights", "note", "complete; the head's bias is exactly 0, as in a head that was never trained"
        )
    else:
        yield ModelFinding("weights", "ok", "complete, head and pooler included")


def _token(tokenizer: Any, place: int) -> str:
    return repr(tokenizer.convert_ids_to_tokens(int(place)))


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _shown(tokenizer: Any, ids: Any) -> str:
    return " ".join(map(str, tokenizer.convert_ids_to_tokens([int(each) for each in ids]))) or "nothing"
