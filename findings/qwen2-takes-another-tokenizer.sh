#!/usr/bin/env bash
# transformers 5 tokenises by Qwen2's rules wherever config.json says model_type qwen2, whatever tokenizer.json and
# tokenizer_config.json say: the normalizer and the pre-tokenizer of the file are replaced by Qwen2's, without a warning.
# With model_type llama the same files give what they state, and with transformers 4 they do for qwen2, too.
# Hurts: everyone who fine-tunes, distils or re-ranks by a model of Qwen2's architecture with a vocabulary of its own;
# words become other pieces or get lost, and the model's scores are wrong without an error.
# Avoid: load the tokenizer by PreTrainedTokenizerFast instead of AutoTokenizer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0 tokenizers==0.23.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json
import logging
import sys
from importlib.metadata import version
from pathlib import Path

logging.disable()
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

TEXT = "What is a Passage about Ranking?"
lines = ["what is a passage", "a passage about ranking", "what is ranking about"] * 5
known = Tokenizer(models.BPE(unk_token="<unk>"))
known.normalizer = normalizers.Lowercase()
known.pre_tokenizer = pre_tokenizers.Metaspace()
known.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>", "<s>", "</s>", "<pad>"]))
known.post_processor = processors.TemplateProcessing(
    single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
)
model = Path("model")
model.mkdir()
known.save(str(model / "tokenizer.json"))
states = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "pad_token": "<pad>"}
(model / "tokenizer_config.json").write_text(json.dumps(states))
expected = known.encode(TEXT).tokens
print(f"transformers {version('transformers')}, tokenizers {version('tokenizers')}; expected {expected}")
seen = {}
for kind in ("llama", "qwen2"):
    (model / "config.json").write_text(json.dumps({"model_type": kind}))
    tokenizer = AutoTokenizer.from_pretrained(model)
    seen[kind] = tokenizer.convert_ids_to_tokens(tokenizer(TEXT)["input_ids"])
    print(f"model_type {kind}: {type(tokenizer).__name__} gives {seen[kind]}")
direct = PreTrainedTokenizerFast.from_pretrained(model)
as_stated = direct.convert_ids_to_tokens(direct(TEXT)["input_ids"])
print(f"model_type qwen2 by PreTrainedTokenizerFast: {as_stated}")
sys.exit(0 if seen["llama"] == expected == as_stated != seen["qwen2"] else 1)
PYTHON
