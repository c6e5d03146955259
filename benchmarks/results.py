"""Results that documents quote: one JSON file each, with what is needed to run it again, and its Markdown table.

A benchmark is a function `main`, which `run` makes a command; `study` prints and writes the rows of its table.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from rankdistill.errors import RankDistillError
from rankdistill.files.atomic import atomic_path

FOLDER = Path(__file__).parent / "results"
STUDIES = Path("runs/studies")
QUICK = Path("runs/quick")
"""Where results of benchmarks go that were run with ``--quick``, which are no measurements."""
Folder = Annotated[Path, Parameter(help="Where models are kept.")]
Row = dict[str, Any]
Rows = Iterable[Mapping[str, Any]]
PACKAGES = ("rankdistill", "numpy", "numba", "pyarrow", "torch", "transformers")
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16")
"""Linux's names of those that decide how fast float32, int8 and bfloat16 are."""


def command(main: Callable[..., None]) -> App:
    """Make a command of a benchmark's main, whose parameters are the options."""
    module = sys.modules[main.__module__]
    app = App(help=module.__doc__, default_parameter=Parameter(negative=(), consume_multiple=1))
    app.default(main)
    return app


def run(main: Callable[..., None]) -> None:
    """Call a benchmark's main with the options on the command line; its errors are shown without a traceback."""
    try:
        command(main)()
    except RankDistillError as error:
        raise SystemExit(f"error: {error}") from error


def study(
    name: str,
    rows: Rows,
    seeds: Sequence[int] = (),
    packages: Sequence[str] = PACKAGES,
    finish: Callable[[list[Row]], list[Row]] = list,
    folder: Path = FOLDER,
) -> list[Row]:
    """Print a table as its rows come, write the result, and return its rows.

    finish: turns the rows that have come into those that are shown and written, for example with corrected p-values.
    """
    seen: list[Row] = []
    for row in rows:
        seen.append(dict(row))
        print(markdown_table(finish(seen)), flush=True)
    finished = finish(seen)
    write_result(name, typed(), finished, seeds, packages, folder)
    return finished


def write_result(
    name: str,
    command: str,
    rows: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    packages: Sequence[str] = PACKAGES,
    folder: Path = FOLDER,
) -> Path:
    """Write results/NAME.json and results/NAME.md from the same rows, and say so; return the path of the JSON.

    command: what to type in the project's root to get the rows again. rows: flat objects, the table's lines. packages:
    those whose versions matter. The commit is the one checked out, with "-dirty" where tracked files differ from it.
    """
    path = folder / f"{name}.json"
    result = {
        "command": command,
        "commit": _commit(),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **_versions(packages)},
        "seeds": list(seeds),
        "rows": [dict(row) for row in rows],
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with atomic_path(path.with_suffix(".md")) as temporary:
        temporary.write_text(markdown_table(rows) + "\n", encoding="utf-8")
    print(f"wrote {'/'.join(path.parts[-3:])} and its table")
    return path


def typed(module: str | None = None) -> str:
    """The command that runs a module with this process's arguments, folders of this machine left out.

    module: its name (None: of the module that this process runs).
    """
    words = ["FOLDER" if Path(word).is_absolute() else word for word in sys.argv[1:]]
    spec = sys.modules["__main__"].__spec__
    return shlex.join(["python", "-m", module or (spec.name if spec else Path(sys.argv[0]).stem), *words])


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw flat rows as a Markdown table: a column per key in order of first appearance, numbers to the right."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    numeric = [all(isinstance(row.get(name, 0), int | float) for row in rows) for name in names]
    lines = [names, ["--:" if right else "---" for right in numeric]]
    lines += [[_shown(row.get(name)) for name in names] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> dict[str, Any]:
    """Describe the machine by what matters for speed, and by nothing that names it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    return {"cpu": _cpu(), "products by": _products(), "cores": cores, "memory_gb": round(memory / 2**30)}


def peak_memory() -> int:
    """The most memory that this program held so far, in bytes.

    ru_maxrss would begin with what the process held that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak) << 10


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _products() -> list[str]:
    """Which of the instructions that multiply vectors and matrices the processor has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    return [name for name in INSTRUCTIONS if name in flags]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    described = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"


def _versions(packages: Sequence[str]) -> dict[str, str]:
    versions = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value).replace("|", "\\|")
