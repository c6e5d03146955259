"""What `test_score` kills and runs again: 400 pairs are scored into a store; prints how many it resumed from."""

from __future__ import annotations

import sys

import torch
from tiny import make_candidates, make_collection, make_model, make_tokenizer

from rankdistill import scoring
from rankdistill.models import CrossEncoder

if __name__ == "__main__":
    torch.set_num_threads(1)
    function, n_logits, store = sys.argv[1:]
    collection = make_collection(10, 60)
    network = make_model(hidden_size=256, intermediate_size=1024, num_labels=int(n_logits))
    model = CrossEncoder(network, make_tokenizer())
    _, report = getattr(scoring, function)(
        model, make_candidates(collection, 40), collection, store=store, chunk_pairs=16
    )
    print(report.n_resumed)
