"""A head that no loss has trained: marked, named to whoever scores with it, and drawn anew by a seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import make_model, make_tokenizer

from rankdistill.models import CrossEncoder
from rankdistill.models.encoder_parts import in_encoder
from rankdistill.models.families import FAMILIES
from rankdistill.models.untrained import UntrainedHead, head_weights, mark_head, to_train_on


def marked(family: str, folder: Path, *, named: bool) -> CrossEncoder:
    model = make_model(family)
    mark_head(model.config, head_weights(model) if named else True)
    CrossEncoder(model, make_tokenizer(), max_length=32).save(folder)
    with to_train_on():
        return CrossEncoder.from_pretrained(folder)


@pytest.mark.parametrize("named", [True, False], ids=["named", "as relations leave it"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_draws_a_marked_head_anew_and_keeps_the_encoder(family: str, named: bool, tmp_path: Path) -> None:
    stored = marked(family, tmp_path, named=named)
    starts = [CrossEncoder.from_base(tmp_path, seed=seed) for seed in (1, 1, 2)]
    one, same, other = (start.model.state_dict() for start in starts)
    for name, weight in stored.model.named_parameters():
        assert torch.equal(one[name], same[name]), f"{name} is not the seed's"
        kept = torch.equal(one[name], other[name]) and torch.equal(one[name], weight)
        assert kept if in_encoder(stored.model, name) or weight.ndim == 1 else not kept, name
    assert stored.untrained == starts[0].untrained == set(head_weights(stored.model))
    assert starts[0].contract == stored.contract


def test_a_marked_folder_warns_where_it_is_loaded_to_score_and_says_what_is_untrained(tmp_path: Path) -> None:
    for named, said in ((True, "its head is not trained"), (False, "its last layer and head are not trained")):
        marked("bert", tmp_path / str(named), named=named)
        with pytest.warns(
            UntrainedHead, match=f"{said}.*with a new head; .*delete 'untrained_head' in its config.json"
        ):
            CrossEncoder.from_pretrained(tmp_path / str(named))


def test_a_mark_is_taken_away(tmp_path: Path) -> None:
    model = make_model()
    before = model.config.to_dict()
    mark_head(model.config, ["classifier.weight"])
    mark_head(model.config, False)
    mark_head(model.config, ())
    assert model.config.to_dict() == before
