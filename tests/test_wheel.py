"""A wheel built from a clean checkout works without the repository: commands, package data, extras, version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import Parser
from importlib.metadata import distributions
from pathlib import Path

import pytest

import rankdistill

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
RUN = "q1 Q0 d1 1 2.0 t\nq1 Q0 d2 2 1.0 t\nq2 Q0 d3 1 0.5 t\nq2 Q0 d4 2 0.25 t\n"
QRELS = "q1 0 d1 0\nq1 0 d2 2\nq2 0 d3 1\nq2 0 d4 0\n"


def called(command: Sequence[str | Path], folder: Path) -> str:
    """Run a command in a folder, with nothing of this checkout on Python's path, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the last commit, built from its files alone."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so that a clean one cannot be made")
    folder = tmp_path_factory.mktemp("wheel")
    called(["git", "-C", ROOT, "archive", "--output", folder / "checkout.tar", "HEAD"], folder)
    with tarfile.open(folder / "checkout.tar") as archive:
        archive.extractall(folder / "checkout", filter="data")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--quiet"]
    called([*pip, "--wheel-dir", folder, folder / "checkout"], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment, ``venv``, that has the wheel, and all packages of this one but rankdistill."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
    packages = sysconfig.get_path("purelib")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "venv" / "bin" / "python"]
    (site / "packages.pth").write_text(f"{packages}\n")  # the path alone: the .pth files in it are not read
    called(
        [*pip, "install", "--no-deps", "--no-index", "--force-reinstall", "--ignore-installed", "--quiet", wheel],
        folder,
    )
    (folder / "run.trec").write_text(RUN)
    (folder / "runs").mkdir()
    (folder / "runs" / "bm25.trec").write_text(RUN)
    (folder / "qrels.txt").write_text(QRELS)
    return folder


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_installed_package_is_that_of_the_wheel(place: Path) -> None:
    told = called([place / "venv" / "bin" / "python", "-c", "import rankdistill; print(rankdistill.__file__)"], place)
    assert Path(told.strip()).is_relative_to(place / "venv")


def test_help_lists_the_commands(place: Path) -> None:
    told = called([place / "venv" / "bin" / "rankdistill", "--help"], place)
    assert "distill" in told
    assert "leaderboard" in told


def test_evaluate_measures(place: Path) -> None:
    command = ["evaluate", "--qrels", "qrels.txt", "--runs", "run.trec", "--measures", "RR(rel=1)@10", "PNR", "--json"]
    told = called([place / "venv" / "bin" / "rankdistill", *command], place)
    assert json.loads(told) == {"run.trec": {"RR(rel=1)@10": 0.75, "PNR": 1.0}}


def test_the_leaderboard_page_is_written_from_package_data(place: Path) -> None:
    command = ["leaderboard", "runs", "--qrels", "qrels.txt", "--html", "page.html"]
    called([place / "venv" / "bin" / "rankdistill", *command], place)
    page = (place / "page.html").read_text(encoding="utf-8")
    parts = sorted((ROOT / "rankdistill" / "evaluation" / "report" / "page_parts").iterdir())
    assert {".css", ".js"} <= {part.suffix for part in parts}
    for part in parts:
        if part.suffix in (".css", ".js"):
            assert part.read_text(encoding="utf-8").strip()[:200] in page


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    listed = called(["git", "-C", ROOT, "ls-tree", "-r", "--name-only", "HEAD", "rankdistill"], ROOT).split()
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == set(listed)


def test_the_version_is_that_of_the_package(place: Path, metadata: Message) -> None:
    assert metadata["Version"] == rankdistill.__version__
    assert called([place / "venv" / "bin" / "rankdistill", "--version"], place).strip() == rankdistill.__version__


def test_extras_are_those_declared_and_what_they_name_is_pinned(metadata: Message) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(declared)
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" in line]
    assert len(required) == sum(map(len, declared.values()))
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {normalized(line.split("==")[0]) for line in constraints}
    assert {normalized(line.split(";")[0]) for line in required} <= pinned


def test_the_packages_that_the_wheel_needs_are_installed_here(metadata: Message) -> None:
    needed = {normalized(line) for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert needed
    assert needed <= {normalized(distribution.metadata["Name"]) for distribution in distributions()}


def normalized(requirement: str) -> str:
    """The name of a package as indexes write it: ``mkdocstrings[python]>=0.26`` is mkdocstrings."""
    name = requirement.strip()
    for end in "[<>=!~ ;(":
        name = name.split(end)[0]
    return name.lower().replace("_", "-").replace(".", "-")
