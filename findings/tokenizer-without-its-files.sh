#!/usr/bin/env bash
# transformers 5.23.0: AutoTokenizer loads a folder that holds no tokenizer files at all, without an error. It builds the
# class that config.json's model type names from nothing: special tokens alone, so that every word is [UNK]. Up to version
# 4 a missing vocabulary was an error. A re-ranker whose folder lost tokenizer.json in a copy scores every pair alike by
# length only, and no log says so.
# Hurts: whoever copies or mounts model folders, and servers that load whatever is there.
# Avoid: look for tokenizer.json (or the vocabulary) before loading, or compare len(tokenizer) with config.vocab_size.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3
mkdir "$folder/model"
printf '{"model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 30522}' > "$folder/model/config.json"
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder/model" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

warnings.simplefilter("error")  # nothing is said by a warning either
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
tokens = tokenizer.convert_ids_to_tokens(tokenizer("how to sort a list")["input_ids"])
print("transformers", version("transformers"), "tokenizers", version("tokenizers"))
print("expected: an error that names the missing tokenizer.json or vocabulary")
print(f"given:    a {type(tokenizer).__name__} of {len(tokenizer)} tokens, which reads {tokens}")
assert len(tokenizer) == 5, "the tokenizer is no longer made from nothing"
assert set(tokens[1:-1]) == {"[UNK]"}
PYTHON
echo "as described"
