"""The model's card: what the hub reads, what a score means, code that runs, and nothing that a user wrote is lost."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny import lively, make_tokenizer
from tiny_causal import write_causal

from rankdistill.files.checksums import damage
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.card import CARD, Training, add_measured, kept_card, short_name, write_card

TRAINING = Training(
    objective="mse(target)", data="small, 6 queries", teachers=("t1/model", "org/big"), ensembled="pile of 2"
)


@pytest.fixture
def model() -> CrossEncoder:
    return CrossEncoder(lively("bert"), make_tokenizer())


def metadata(folder: Path) -> dict:
    return yaml.safe_load((folder / CARD).read_text().split("---\n")[1])


def test_a_card_tells_the_training_the_scores_and_the_measured_values(model: CrossEncoder, tmp_path: Path) -> None:
    folder = model.save(tmp_path / "student" / "model")
    assert write_card(folder, model, TRAINING)
    assert metadata(folder)["pipeline_tag"] == "text-ranking"
    assert metadata(folder)["library_name"] == "sentence-transformers"
    assert "model-index" not in metadata(folder)
    assert add_measured(folder, {"nDCG@10": 0.51239, "PNR": float("inf")}, "my data", 12, "org/base")
    read = metadata(folder)
    assert read["base_model"] == "org/base"
    (result,) = read["model-index"][0]["results"]
    assert read["model-index"][0]["name"] == "Re-ranker: bert, 4 x 32"
    assert result["dataset"] == {"name": "my data", "type": "my-data"}
    assert result["metrics"] == [{"type": "ndcg_10", "name": "nDCG@10", "value": 0.5124}]
    text = (folder / CARD).read_text()
    for told in (
        "t1/model, org/big",
        "pile of 2",
        "`mse(target)`",
        "| nDCG@10 | 0.5124 |",
        "12 held-out queries",
        "64 tokens",
    ):
        assert told in text
    assert "the logit as it is" in text


def test_the_hub_reads_the_metadata(model: CrossEncoder, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    folder = model.save(tmp_path / "student" / "model")
    write_card(folder, model, TRAINING)
    add_measured(folder, {"nDCG@10": 0.5}, "my data", 12)
    data = hub.ModelCard.load(folder / CARD).data
    assert (data.library_name, data.pipeline_tag) == ("sentence-transformers", "text-ranking")
    assert [(each.metric_name, each.metric_value, each.dataset_name) for each in data.eval_results] == [
        ("nDCG@10", 0.5, "my data")
    ]


CONTRACTS = [
    ScoreContract("logit"),
    ScoreContract("logit", scale=1 / 3),
    ScoreContract("sigmoid"),
    ScoreContract("sigmoid", scale=5.0),
    ScoreContract("sigmoid", scale=4.0, lowest=1.0),
    ScoreContract("margin"),
    ScoreContract("margin", relevant=0, scale=2.0, lowest=-0.1),
    ScoreContract("probability"),
    ScoreContract("probability", relevant=0, scale=0.7, lowest=-3.0),
]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: f"{each.form} {each.scale:g} {each.lowest:g}")
def test_the_code_of_a_card_gives_the_models_scores(contract: ScoreContract, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    model = CrossEncoder(lively("bert", num_labels=contract.n_logits), make_tokenizer(), contract)
    folder = model.save(tmp_path / "student" / "model")
    write_card(folder, model, TRAINING)
    (code,) = re.findall(r"```python\n(.*?)```", (folder / CARD).read_text(), re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    names: dict = {}
    exec(code.replace('"FOLDER"', repr(str(folder))), names)
    scores = model.predict(names["pairs"])
    assert np.ptp(scores) > 1e-3 * contract.scale
    np.testing.assert_allclose(names["scores"], scores, rtol=1e-4, atol=1e-5)


def test_a_card_has_the_same_bytes_each_time_and_leaves_the_folder_sealed(model: CrossEncoder, tmp_path: Path) -> None:
    cards = []
    for place in ("a", "b"):
        folder = model.save(tmp_path / place / "model")
        for _ in range(2):
            assert write_card(folder, model, TRAINING)
            assert add_measured(folder, {"nDCG@10": 0.5}, "d", 3, tmp_path)
        assert damage(folder) is None
        cards.append((folder / CARD).read_bytes())
    assert cards[0] == cards[1]
    assert str(tmp_path.parent).encode() not in cards[0]


@pytest.mark.parametrize("edited", [False, True])
def test_a_card_written_or_edited_by_hand_stays(model: CrossEncoder, tmp_path: Path, edited: bool) -> None:
    folder = model.save(tmp_path / "student" / "model")
    if edited:
        write_card(folder, model, TRAINING)
    own = (folder / CARD).read_text().replace("Training", "My training") if edited else "# mine\n"
    (folder / CARD).write_text(own)
    with pytest.warns(UserWarning, match="left as it is"):
        assert not write_card(folder, model, TRAINING)
    assert not add_measured(folder, {"nDCG@10": 0.5}, "d", 3)
    with kept_card(folder):
        model.save(folder)
    assert (folder / CARD).read_text() == own
    assert damage(folder) is None


def test_names_do_not_tell_where_files_lie(tmp_path: Path) -> None:
    assert short_name(tmp_path / "runs" / "t1" / "model") == "t1/model"
    assert short_name("org/name") == "org/name"


@pytest.mark.parametrize("kind", ["qwen3", "gemma"])
def test_a_card_tells_the_prompt_its_tokens_and_what_is_cut(kind: str, tmp_path: Path) -> None:
    prompt = "```{instruction}\n\nQuery: {query}\nDocument: {document}<|im_end|>\nAnswer:"
    asked = {"prompt": prompt, "instruction": "judge", "relevant_token": "a", "other_token": "the", "token_scale": 2.0}
    model = CrossEncoder.from_pretrained(write_causal(tmp_path / "causal", kind), **asked)
    folder = model.save(tmp_path / "model")
    assert write_card(folder, model, TRAINING)
    text = (folder / CARD).read_text()
    assert "of the token `a` minus that of `the`, times 2" in text
    assert "the end of the document is cut first" in text
    assert "the longer text" not in text
    shown = "".join(f"{line[4:]}\n" for line in text.splitlines() if line.startswith("    ")).split("Answer:")[0]
    assert shown + "Answer:" == (("<bos>" if kind == "gemma" else "") + prompt.replace("{instruction}", "judge"))


def test_a_card_of_single_texts_does_not_read_pairs(tmp_path: Path) -> None:
    contract = ScoreContract("classes", n_classes=2)
    model = CrossEncoder(lively("bert", num_labels=2), make_tokenizer(), contract, n_texts=1)
    folder = model.save(tmp_path / "model")
    write_card(folder, model, TRAINING)
    (code,) = re.findall(r"```python\n(.*?)```", (folder / CARD).read_text(), re.DOTALL)
    names: dict = {}
    exec(code.replace('"FOLDER"', repr(str(folder))), names)
    np.testing.assert_array_equal(names["classes"], model.predict(names["documents"]))
    assert "Of a text 64 tokens are read." in (folder / CARD).read_text()


def test_markup_in_names_is_shown_as_text(model: CrossEncoder, tmp_path: Path) -> None:
    folder = model.save(tmp_path / "student" / "model")
    write_card(folder, model, Training(data="<b>x</b> | `y`\n# z"))
    assert r"\<b\>x\</b\> \| \`y\` \# z" in (folder / CARD).read_text()
