#!/usr/bin/env bash
# transformers 5.23.0: the logits of ConvBERT, YOSO and FNet depend on how far a text is padded, though an attention mask
# says what is padding (FNet takes none). ConvBERT's convolutions read the places after the last token, YOSO's hashed
# attention counts them, and FNet mixes all places. BERT and ELECTRA are as expected.
# Hurts: whoever re-ranks or classifies in batches: a text's score depends on the longest text beside it, so that the same
# candidates get other scores with another batch size or order, and one long candidate moves all others. Tests that score
# texts one by one see nothing.
# Avoid: compare a text's score alone and beside a longer one before trusting a family; score such a model in batches of
# equal length.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 torch==2.13.0
HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error "$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

SHAPE = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "pad_token_id": 0}
SHAPE |= {"intermediate_size": 64, "num_labels": 1, "max_position_embeddings": 64}
FAMILIES = {"bert": {}, "electra": {}, "convbert": {"embedding_size": 32}, "yoso": {}, "fnet": {}}
CHANGES = {"convbert", "yoso", "fnet"}

print("transformers", version("transformers"), "torch", version("torch"))
print("expected: a text of 12 tokens has the same logit alone and padded to 32")
seen = set()
for family, more in FAMILIES.items():
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(family, **SHAPE, **more)).eval()
    for weights in model.parameters():
        if weights.dim() > 1:  # weights as wide as those of trained models
            torch.nn.init.normal_(weights, std=0.2)
    text = torch.randint(5, 50, (1, 12))
    logits = []
    for n_padding in (0, 20):
        ids = torch.nn.functional.pad(text, (0, n_padding))
        mask = {} if family == "fnet" else {"attention_mask": (ids > 0).long()}
        with torch.inference_mode():
            logits.append(float(model(input_ids=ids, **mask).logits))
    print(f"{family:10} alone {logits[0]:+.5f}  padded {logits[1]:+.5f}")
    if abs(logits[0] - logits[1]) > 1e-3:
        seen.add(family)
sys.exit(0 if seen == CHANGES else 1)
PYTHON
