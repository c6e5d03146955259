"""The card of a model: ``README.md`` in its folder, with the metadata that the hub reads.

A card is written when a training ends, and gets its measured values when they are there. It is the same for the same
training, and lies beside what the folder's checksums are of. A card that was written or edited by hand stays as it is,
which the last line of ours, a hash of the text above it, tells.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from rankdistill.files.atomic import atomic_path
from rankdistill.inputs.prompt import DOCUMENT, QUERY
from rankdistill.inputs.prompted import PromptAssembler
from rankdistill.models.causal.written import spelled_out
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.labels import labels_of
from rankdistill.models.recurrent.register import OWN

CARD = "README.md"
MADE = "<!-- written by rankdistill; a card that was edited is left as it is: {} -->\n"
_MADE = re.compile(re.escape(MADE).replace(r"\{\}", "([0-9a-f]{64})"))
MEASURED, END = "<!-- measured -->\n", "<!-- end of measured -->\n"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
MEANINGS = {
    "logit": "the logit as it is: any number, higher is more relevant, no probability",
    "sigmoid": "the sigmoid of the logit, from 0 to 1",
    "probability": "the probability of the relevant one of two logits, the sigmoid of their difference",
    "margin": "the difference of two logits, the relevant one minus the other",
    CLASSES: "the number of the likeliest class, from 0",
}
"""Form of a score contract -> what a score is."""


@dataclass(frozen=True)
class Training:
    """What a card says of the training."""

    objective: str = ""
    data: str = ""
    """Name of the collection, and how much of it was read."""
    teachers: tuple[str, ...] = ()
    """How each teacher was named; see `short_name`."""
    ensembled: str = ""
    """How the teachers became one target."""
    settings: Mapping[str, Any] | None = None


def short_name(name: str | Path) -> str:
    """Name a model or file without the place where it lies: its hub id, or the last two parts of its path."""
    if Path(name).exists() or not HUB_ID.fullmatch(str(name)):
        return "/".join(Path(name).parts[-2:])
    return str(name)


def write_card(folder: str | Path, model: CrossEncoder, training: Training) -> bool:
    """Write the card of a model that a training ended in; return whether it was, or is another's and stays."""
    ranks = model.contract.form != CLASSES
    library = "rankdistill" if _is_read_here_alone(model) else "sentence-transformers"
    metadata: dict[str, Any] = {
        "library_name": library,
        "pipeline_tag": "text-ranking" if ranks else "text-classification",
        "tags": [
            *([library] if library != "rankdistill" else []),
            "cross-encoder",
            *(["reranker"] if ranks else []),
            *(["distillation"] if training.teachers else []),
            "rankdistill",
        ],
    }
    what = "re-ranker: it scores a query and a document together" if ranks else "classifier of texts or pairs of texts"
    body = [
        f"# {_title(model)}\n\nA cross-encoder of {model.n_parameters:,} parameters, a {what}.\n",
        _training(training),
        MEASURED + "Not measured yet.\n" + END,
        _contract(model),
        _loading(model),
    ]
    return _write(Path(folder) / CARD, metadata, "\n".join(body))


def add_measured(
    folder: str | Path, measured: Mapping[str, float], data: str, n_queries: int, base: str | Path | None = None
) -> bool:
    """Add measured values, {measure: value}, and the base, to the card that `write_card` wrote; return as it does.

    data: name of the collection and split that ``n_queries`` queries are of. base: what the training started from.
    """
    path = Path(folder) / CARD
    read = _own(path)
    if read is None:
        return False
    metadata, body = read
    if base is not None and HUB_ID.fullmatch(str(base)) and not Path(base).exists():
        metadata["base_model"] = str(base)
    task = {"type": metadata["pipeline_tag"]}
    results = [
        {"type": re.sub(r"\W+", "_", name).strip("_").lower(), "name": name, "value": round(float(value), 4)}
        for name, value in measured.items()
        if value == value and abs(value) != float("inf")
    ]
    title = body.split("\n", 1)[0].removeprefix("# ")
    if results:
        dataset = {"name": data, "type": re.sub(r"[^\w.-]+", "-", data).strip("-").lower() or "data"}
        metadata["model-index"] = [{"name": title, "results": [{"task": task, "dataset": dataset, "metrics": results}]}]
    rows = "".join(f"| {_cell(str(each['name']))} | {each['value']:.4f} |\n" for each in results)
    start = f" It was trained from {_cell(short_name(base))}." if base is not None else ""
    table = f"Measured on {n_queries:,} held-out queries of {_cell(data)}.{start}\n\n"
    table += f"| measure | value |\n|---|---:|\n{rows}"
    before, _, rest = body.partition(MEASURED)
    return _write(path, metadata, before + MEASURED + table + END + rest.partition(END)[2])


def is_edited(folder: str | Path) -> bool:
    """Tell whether a folder has a card that is not as this module wrote it."""
    path = Path(folder) / CARD
    return path.is_file() and _own(path) is None


@contextmanager
def kept_card(folder: Path) -> Iterator[None]:
    """Keep a card that was written or edited by hand, where the folder is written anew inside the block."""
    own = (folder / CARD).read_bytes() if is_edited(folder) else None
    yield
    if own is not None:
        with atomic_path(folder / CARD) as path:
            path.write_bytes(own)


def _write(path: Path, metadata: Mapping[str, Any], body: str) -> bool:
    if is_edited(path.parent):
        warnings.warn(f"{path} was written or edited by hand and is left as it is", stacklevel=3)
        return False
    text = f"---\n{yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True)}---\n\n{body}"
    with atomic_path(path) as temporary:
        temporary.write_text(text + MADE.format(_hash(text)), encoding="utf-8")
    return True


def _own(path: Path) -> tuple[dict[str, Any], str] | None:
    """Read metadata and body of a card as it was written; None where there is none, or it was edited."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = _MADE.search(text)
    if found is None or found.end() != len(text) or _hash(text[: found.start()]) != found.group(1):
        return None
    _, metadata, body = text[: found.start()].split("---\n", 2)
    return yaml.safe_load(metadata), body.removeprefix("\n")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _title(model: CrossEncoder) -> str:
    """Name a model by its shape, which does not depend on where it lies."""
    config = model.model.config
    layers, width = getattr(config, "num_hidden_layers", 0), getattr(config, "hidden_size", 0)
    kind = "Classifier" if model.contract.form == CLASSES else "Re-ranker"
    return f"{kind}: {config.model_type}, {layers} x {width}"


def _training(training: Training) -> str:
    """The section on what the model learned, and from what."""
    told = {
        "teachers": ", ".join(map(_cell, training.teachers)),
        "ensemble": training.ensembled,
        "data": _cell(training.data),
        "objective": f"`{training.objective}`" if training.objective else "",
        "settings": ", ".join(f"{name} {value}" for name, value in (training.settings or {}).items()),
    }
    rows = "".join(f"- {name}: {value}\n" for name, value in told.items() if value)
    return f"## Training\n\n{rows}" if rows else "## Training\n\nNothing is known of it.\n"


def _contract(model: CrossEncoder) -> str:
    """The section on what a score means."""
    contract = model.contract
    rows = [f"A score is {MEANINGS.get(contract.form, f'of the form {contract.form!r}')}."]
    if contract.scale != 1 or contract.lowest:
        rows.append(f"It is multiplied by {_number(contract.scale)} and raised by {_number(contract.lowest)}.")
    labels = labels_of(model.model.config)
    if contract.n_logits > 1:
        rows.append(f"The logits are, in this order: {', '.join(map(_cell, labels))}.")
    if contract.is_margin:
        rows.append(f"Relevant means {_cell(labels[contract.relevant])}, the logit at place {contract.relevant}.")
    told = "\n".join(["## Scores\n", *rows, _reading(model)]) + "\n"
    return told + _prompt(model)


def _reading(model: CrossEncoder) -> str:
    """How many tokens are read, and what is cut."""
    if isinstance(model.assembler, PromptAssembler):
        return (
            f"Of a pair in its prompt {model.max_length} tokens are read: the end of the document is cut first, then "
            "the end of the query, and never the prompt."
        )
    what = "pair" if model.n_texts == 2 else "text"
    told = f"Of a {what} {model.max_length} tokens are read"
    told += "; the longer text is cut first." if model.n_texts == 2 else "."
    if model.prompt:
        told += f"\nBefore each query stands the prompt `{json.dumps(model.prompt, ensure_ascii=False)}`."
    return told


def _prompt(model: CrossEncoder) -> str:
    """The prompt that texts are put in, and the tokens that are the score; empty for a model without a prompt."""
    asked, assembler = model.asked, model.assembler
    if asked is None or not isinstance(assembler, PromptAssembler):
        return ""
    prompt = spelled_out(asked, assembler.borders, model.tokenizer).asked()
    whole = "" if prompt is None else prompt.format(QUERY, DOCUMENT)
    told = f"\nQuery and document stand in this prompt:\n\n{indent(whole, '    ', lambda _: True)}\n"
    if asked.has_tokens:
        other = f" minus that of `{asked.other_token}`" if asked.other_token else ""
        of_token = f"the logit of the token `{asked.relevant_token}`{other}, times {asked.scale:g}"
        told += f"\nThe head was made as {of_token}.\n"
    return told


def _is_read_here_alone(model: CrossEncoder) -> bool:
    """Whether sentence-transformers does not read the folder alike: networks of ours, and models of single texts."""
    return model.model.config.model_type in OWN or model.n_texts == 1


def _loading(model: CrossEncoder) -> str:
    """The section on how to load the model."""
    if _is_read_here_alone(model):
        return _loading_here(model)
    return f"""## Use

```python
from sentence_transformers import CrossEncoder

model = CrossEncoder("FOLDER")  # this folder, or its id on the hub
query = "how to sort a list"
documents = ["sorted(x) returns a new list", "a dog barks"]
pairs = [(query, document) for document in documents]
{_result(model.contract)}
```
"""


def _result(contract: ScoreContract) -> str:
    """The code that makes a contract's scores of what sentence-transformers predicts: the activation of the logits."""
    if contract.form == CLASSES:
        return "classes = model.predict(pairs).argmax(axis=1)"
    to_range = f" * {_number(contract.scale)}" if contract.scale != 1 else ""
    if contract.lowest:
        to_range += f" {'-' if contract.lowest < 0 else '+'} {_number(abs(contract.lowest))}"
    if contract.form == "probability":  # the sigmoid of the difference of two logits is the softmax of both
        return f"scores = model.predict(pairs, apply_softmax=True)[:, {contract.relevant}]{to_range}"
    if not contract.is_margin:
        return f"scores = model.predict(pairs){to_range}"
    margins = f"logits[:, {contract.relevant}] - logits[:, {1 - contract.relevant}]"
    return f"logits = model.predict(pairs)\nscores = {f'({margins}){to_range}' if to_range else margins}"


def _number(value: float) -> str:
    """A number as code that gives the same one, without a needless fraction."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(float(value))


def _loading_here(model: CrossEncoder) -> str:
    """The section on how to load a model that other libraries do not read alike."""
    read, given = "texts", "documents"
    if model.n_texts == 2:
        read, given = "pairs", "[(query, document) for document in documents]"
    result = "classes" if model.contract.form == CLASSES else "scores"
    own = model.model.config.model_type in OWN
    reason = "has no such network" if own else "reads pairs, and this model reads single texts"
    return f"""## Use

sentence-transformers {reason}; this is by rankdistill (`pip install rankdistill`).

```python
from rankdistill import CrossEncoder

model = CrossEncoder.from_pretrained("FOLDER")  # this folder, or its id on the hub
query = "how to sort a list"
documents = ["sorted(x) returns a new list", "a dog barks"]
{read} = {given}
{result} = model.predict({read})
```
"""


def _cell(text: str | Path) -> str:
    """Write a text so that Markdown and HTML do not read it as markup, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", " ".join(str(text).split())).replace("\\_", "_")


def teacher_names(teachers: Sequence[object]) -> tuple[str, ...]:
    """How a card names teachers: models by their folders, runs and hub ids as `short_name` does."""
    folders = [teacher.folder or "a model" if isinstance(teacher, CrossEncoder) else teacher for teacher in teachers]
    return tuple(short_name(str(folder)) for folder in folders)
