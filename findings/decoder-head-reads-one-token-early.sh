#!/usr/bin/env bash
# transformers 5.23.0: decoders with a classification head (Qwen3, Llama, …) look for the last token that is not the
# padding token by its id, not by the attention mask. Where the padding token is the end marker too, as is usual for
# decoders without a padding token of their own, a text that ends in its end marker is read one token early, at a token
# that is no end: another logit than the model was trained to give there, in any batch, without an error.
# Hurts: whoever fine-tunes or serves decoder re-rankers with `pad_token = eos_token` and an end marker in the template.
# Avoid: a padding token of its own, or read the logit at the last place of the attention mask yourself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import torch
from transformers import Qwen3Config, Qwen3ForSequenceClassification

torch.manual_seed(0)
END = 3
config = Qwen3Config(
    vocab_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=8,
    intermediate_size=32, num_labels=1, pad_token_id=END, eos_token_id=END, bos_token_id=2,
)
model = Qwen3ForSequenceClassification(config).eval()
ids = torch.tensor([[2, 7, 9, 11, END]])
mask = torch.ones_like(ids)
with torch.no_grad():
    given = model(input_ids=ids, attention_mask=mask).logits[0, 0]
    each = model.score(model.model(input_ids=ids, attention_mask=mask).last_hidden_state)[0, :, 0]
print("transformers", version("transformers"), "torch", version("torch"))
print("the logit at every token:", [round(float(x), 4) for x in each])
print("expected: the logit at the last token that the attention mask shows:", round(float(each[-1]), 4))
print("given:                                                              ", round(float(given), 4))
assert torch.allclose(given, each[-2]), "the head no longer reads the token before the end marker"
assert not torch.allclose(given, each[-1])
PYTHON
echo "as described"
