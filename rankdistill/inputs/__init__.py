"""From texts to what a model reads: tokens, templates of pairs, windows over long documents, batches of like length."""
