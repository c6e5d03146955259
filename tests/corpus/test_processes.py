"""Processes: results in order, and scripts that start them without a guard."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from rankdistill.corpus.processes import check_guarded, in_order
from rankdistill.errors import UsageError

ABSOLUTE = "from rankdistill.corpus.processes import in_order\n"
PRINT = "print(list(in_order(abs, [-1, -2, -3], 2)))\n"
TEXTBOOK = """
from rankdistill.data import Collection, Texts
from rankdistill.textbook import build_textbook
task = Collection("made", Texts.from_pairs(["1"], ["a cat"]), Texts.from_pairs(["1"], ["a dog"]))
build_textbook(task, ["text.txt"], "out", k=1, split="all", processes=2)
"""


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(script)
    return subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False)


def test_one_process_starts_none_and_needs_no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    check_guarded(1)
    assert list(in_order(abs, [-1, -2], 1)) == [1, 2]
    with pytest.raises(UsageError, match=r'put what the script does under `if __name__ == "__main__":`'):
        check_guarded(2)
    with pytest.raises(UsageError, match="is being started"):
        list(in_order(abs, [-1, -2], 2))


def test_whatever_starts_processes_is_refused_before_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rankdistill.augment import augment
    from rankdistill.corpus import build_corpus
    from rankdistill.data import Collection, Texts
    from rankdistill.textbook import build_textbook

    task = Collection("made", Texts.from_pairs(["1"], ["a cat"]), Texts.from_pairs(["1"], ["a dog"]))
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    for start in (
        lambda: build_corpus([tmp_path / "absent"], tmp_path / "out", processes=2),
        lambda: build_textbook(task, [tmp_path / "absent"], tmp_path / "out", k=1, processes=2),
        lambda: augment(task, tmp_path / "out", processes=2),
    ):
        with pytest.raises(UsageError, match="__main__"):
            start()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_script_with_a_guard_runs_and_so_does_a_process_of_its_own(tmp_path: Path) -> None:
    guarded = f"{ABSOLUTE}if __name__ == '__main__':\n    {PRINT}"
    assert run(guarded, tmp_path).stdout == "[1, 2, 3]\n"
    own = (
        f"import multiprocessing\n{ABSOLUTE}def work():\n    {PRINT}if __name__ == '__main__':\n"
        "    process = multiprocessing.get_context('spawn').Process(target=work)\n"
        "    process.start()\n    process.join()\n"
    )
    assert run(own, tmp_path).stdout == "[1, 2, 3]\n"


@pytest.mark.slow
@pytest.mark.parametrize("script", [f"{ABSOLUTE}{PRINT}", TEXTBOOK], ids=["in_order", "textbook"])
def test_a_script_without_a_guard_is_told_to_have_one_and_leaves_nothing(tmp_path: Path, script: str) -> None:
    pytest.importorskip("sentencex", reason="the extra 'corpus' is not installed")
    (tmp_path / "text.txt").write_text("The cat of this story met another dog.")
    done = run(script, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "UsageError: no process could start" in done.stderr
    assert "this process is being started" in done.stderr
    assert '`if __name__ == "__main__":`' in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["script.py", "text.txt"]
