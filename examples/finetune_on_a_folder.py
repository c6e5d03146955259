"""Fine-tune a cross-encoder on a folder in the BEIR layout, and compare it with BM25 on the test queries.

python examples/finetune_on_a_folder.py my-data runs/teacher [base encoder]
"""

import sys

import rankdistill as rd

folder, out, *base = sys.argv[1:]
collection = rd.load_collection(folder)
run = rd.bm25(collection, k=20)
train, test = (collection.in_split(run, split) for split in ("train", "test"))

model = rd.start_model(collection, *base, max_length=64)
settings = rd.TrainingSettings(list_size=4, lists_per_batch=8, learning_rate=5e-5)
model = rd.finetune(collection, train, model, settings, objective="list_cross_entropy(label)")
model.save(f"{out}/model")

test = test.with_columns(model=rd.score(model, test, collection))
qrels = collection.judgments_of(test)
for system in ("bm25", "model"):
    print(system, rd.evaluate(qrels, test, ["nDCG@10", "RR@10"], by=system))
