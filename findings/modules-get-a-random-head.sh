#!/usr/bin/env bash
# sentence-transformers 5.3.0 (and every version before 5.4) loads a re-ranker that was saved as modules (Transformer,
# Pooling, Dense), as 5.4 and later publish them, without an error: it reads the transformer alone and puts a new random
# head on it. The scores are other ones at each load; only a line in the log says so. So do all tools that load the folder
# by AutoModelForSequenceClassification, which 5.3.0 does.
# Hurts: whoever pins an older version, or deploys such a re-ranker to a server that reads it by transformers alone: it
# answers, with a random order.
# Avoid: look for modules.json with more than one module before loading, and refuse where it is not understood.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  sentence-transformers==5.3.0 transformers==4.57.6 torch==2.13.0 numpy==2.4.6
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder/model" <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import save_file
from sentence_transformers import CrossEncoder
from transformers import BertConfig, BertModel, BertTokenizerFast

folder = Path(sys.argv[1])
(folder / "1_Pooling").mkdir(parents=True)
(folder / "2_Dense").mkdir()
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "cat"]
(folder / "vocab.txt").write_text("\n".join(words) + "\n")
BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
torch.manual_seed(0)
shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "num_labels": 1}
BertModel(BertConfig(vocab_size=len(words), initializer_range=1.0, **shape)).save_pretrained(folder)

# the other files, as version 5.7.0 writes them
modules = {
    "": "base.modules.transformer.Transformer",
    "1_Pooling": "sentence_transformer.modules.pooling.Pooling",
    "2_Dense": "base.modules.dense.Dense",
}
rows = [
    {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.{name}"}
    for at, (path, name) in enumerate(modules.items())
]
(folder / "modules.json").write_text(json.dumps(rows))
(folder / "config_sentence_transformers.json").write_text(
    json.dumps({"model_type": "CrossEncoder", "activation_fn": "torch.nn.modules.linear.Identity"})
)
(folder / "sentence_bert_config.json").write_text(json.dumps({"transformer_task": "feature-extraction"}))
(folder / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 8, "pooling_mode": "cls"}))
dense = {"in_features": 8, "out_features": 1, "bias": True, "module_output_name": "scores"}
dense |= {"activation_function": "torch.nn.modules.linear.Identity", "module_input_name": "sentence_embedding"}
(folder / "2_Dense" / "config.json").write_text(json.dumps(dense))
weights = {"linear.weight": torch.ones(1, 8), "linear.bias": torch.zeros(1)}
save_file(weights, folder / "2_Dense" / "model.safetensors")

given = []
for seed in (1, 2):
    torch.manual_seed(seed)
    given.append(float(CrossEncoder(str(folder), device="cpu").predict([("a dog", "a cat")])[0]))
print("sentence-transformers", version("sentence-transformers"), "transformers", version("transformers"))
print("expected: an error, or the same score at each load, by the head in 2_Dense")
print("given:   ", *(round(score, 4) for score in given))
assert given[0] != given[1], "the head is no longer a random one"
PYTHON
echo "as described"
