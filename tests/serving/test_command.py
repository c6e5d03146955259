"""`rankdistill serve` as a process: ready, asked, told to stop, and done with what it accepted."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tiny import make_model, make_tokenizer

from rankdistill.cli.entry import main
from rankdistill.models.cross_encoder import CrossEncoder

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
DOCUMENTS = ["the cat is a dog", "sort the list", "a book of what"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CrossEncoder(make_model(), make_tokenizer()).save(tmp_path_factory.mktemp("served") / "student" / "model")


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command, wait until it is ready, and yield it with its address."""
    command = [sys.executable, "-m", "rankdistill", "serve", "--model", str(folder), "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = ""
            while not (found := re.search(r"serving student/model on (http://\S+)/rerank", said)):
                line = process.stderr.readline()
                assert line, f"it ended: {said}"
                said += line
            yield process, found[1]
        finally:
            process.kill()


def ask(address: str, documents: list[str]) -> Any:
    body = json.dumps({"query": "how to sort a list", "documents": documents}).encode()
    request = urllib.request.Request(f"{address}/rerank", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_a_server_that_is_told_to_stop_answers_what_it_accepted_and_ends_without_error(folder: Path) -> None:
    expected = CrossEncoder.from_pretrained(folder).rank("how to sort a list", DOCUMENTS)
    with serving(folder) as (process, address), ThreadPoolExecutor(1) as threads:
        answer = ask(address, DOCUMENTS)
        assert [each["index"] for each in answer["results"]] == [each["corpus_id"] for each in expected]
        assert [each["relevance_score"] for each in answer["results"]] == pytest.approx(
            [each["score"] for each in expected], abs=1e-5
        )
        assert answer["model"] == "student/model"
        asked = threads.submit(ask, address, ["a long book"] * 4000)
        while metric(address, "rankdistill_waiting_documents") == 0:
            assert not asked.done(), "it is answered before it can wait"
        process.send_signal(signal.SIGTERM)
        assert len(asked.result(120)["results"]) == 4000
        assert process.wait(120) == 0
        assert process.stderr is not None
        assert "all that was accepted is answered" in process.stderr.read()


def metric(address: str, name: str) -> float:
    with urllib.request.urlopen(f"{address}/metrics", timeout=120) as answer:
        found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.M)
    assert found
    return float(found[1])


def test_a_port_that_is_taken_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code = main(["serve", "--model", str(folder), "--port", str(taken.getsockname()[1])])
    assert code == 1
    assert "give another --host or --port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"), [(["--port", "70000"], "the port must be"), (["--store", "x"], "--store")]
)
def test_options_that_cannot_be_are_refused(
    folder: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--model", str(folder), *options]) == 2
    assert message in capsys.readouterr().err


def test_without_the_extra_its_name_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rankdistill.cli.commands import serve

    find: Callable[..., Any] = serve.importlib.util.find_spec
    monkeypatch.setattr(serve.importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    assert main(["serve", "--model", str(folder)]) == 1
    assert "pip install 'rankdistill[serve]'" in capsys.readouterr().err
