#!/usr/bin/env bash
# transformers 5.23.0: a pair whose second text is empty is encoded as one text when it is given alone, and as a pair
# when it is given in a batch. The last separator (and its segment number) is missing in the first case, so that a
# cross-encoder gives the same (query, empty document) two different scores, by how it was called. No error, no warning.
# Hurts: whoever re-ranks collections with empty documents (titles without text, deleted pages), compares scores of one
# pair with scores of batches, or tests a batched pipeline against single calls.
# Avoid: always encode lists, `tokenizer([query], [document])`, also for a single pair.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

vocabulary = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog"])}
backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
backend.pre_tokenizer = pre_tokenizers.Whitespace()
backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]")

alone = tokenizer("a dog", "")["input_ids"]
[batched] = tokenizer(["a dog"], [""])["input_ids"]
full_alone = tokenizer("a dog", "dog")["input_ids"]
[full_batched] = tokenizer(["a dog"], ["dog"])["input_ids"]
print("transformers", version("transformers"), "tokenizers", version("tokenizers"))
print("expected: the same ids for a pair, alone or in a batch")
print("a document with a word:", full_alone, full_batched)
print("an empty document:     ", alone, batched)
assert full_alone == full_batched == [2, 4, 5, 3, 5, 3]
assert alone == [2, 4, 5, 3], "the empty second text is now part of a single pair"
assert batched == [2, 4, 5, 3, 3], "the empty second text is no longer part of a batch's pair"
PYTHON
echo "as described"
