"""``pydocs``, the built-in collection: the documentation of the installed Python packages.

Query: a docstring's summary. Document: signature and the rest of the docstring. Relevance: 3 the object itself, 1 the
objects that its "See Also" section names. Built from the sources without importing them, the same for the same
versions, and kept under `cache_folder`, where a damaged copy is noticed and built again.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.parquet import read_candidates, write_candidates
from rankdistill.data.sources.pydocs.rows import Rows, build_rows
from rankdistill.data.texts import Texts
from rankdistill.errors import UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.cache import cache_folder
from rankdistill.files.checksums import damage
from rankdistill.files.facts import digest, write_facts

BUILDER_VERSION = 1
STANDARD_LIBRARY = "python"
PACKAGES = ("numpy", "scipy", "pandas", "sklearn", "torch", "matplotlib", "networkx")

_SKIPPED = re.compile(
    r"(.*\.)?(tests?|_?testing|conftest|benchmarks?|_?externals?|_?vendor(ed)?|_?extern|array_api_compat"
    r"|array_api_extra|idlelib|lib2to3|turtledemo|ensurepip|site-packages|encodings|distutils|pydoc_data"
    r"|_inductor|_dynamo|_functorch|_prims.*|_decomp|_refs|_export|__main__|setup)(\..*)?"
)


def load(argument: str = "") -> Collection:
    """Load ``pydocs``; the first time, build it for the installed versions, which takes about 15 seconds.

    argument: packages, separated by commas, instead of the standard library and the installed `PACKAGES`: for example
    ``numpy,scipy``, or ``python`` for the standard library. Raises `UsageError` for a package that is not installed.
    """
    versions = installed_versions(argument.split(",") if argument else None)
    folder = cache_folder() / "pydocs" / digest([BUILDER_VERSION, versions])
    if damage(folder):  # or not built yet
        rows = build_rows(source_files(versions))
        with atomic_path(folder, sealed=True) as temporary:
            _save(rows, temporary)
            write_facts(temporary / "versions.json", versions)
    return Collection(
        name=f"pydocs:{argument}" if argument else "pydocs",
        queries=Texts.open(folder / "queries.arrow", check=False),  # as the checksums of the folder are checked
        documents=Texts.open(folder / "documents.arrow", check=False),
        qrels=read_candidates(folder / "qrels.parquet"),
        unjudged="irrelevant",  # judgments are links, nobody judged the other documents
    )


def installed_versions(packages: list[str] | None = None) -> dict[str, str]:
    """List package -> version, of these packages or by default of the standard library and the installed `PACKAGES`."""
    distributions = metadata.packages_distributions()
    chosen = packages or [STANDARD_LIBRARY, *(package for package in PACKAGES if package in distributions)]
    versions = {}
    for package in chosen:
        if package == STANDARD_LIBRARY:
            versions[package] = platform.python_version()
        elif package in distributions:
            versions[package] = metadata.version(distributions[package][0])
        else:
            raise UsageError(
                f"pydocs: no package {package!r} is installed; expected import names separated by commas, "
                f"such as {STANDARD_LIBRARY},numpy,scipy"
            )
    return versions


def source_files(packages: Iterable[str]) -> dict[str, Path]:
    """List module name -> source file, of these packages, without tests and vendored modules; import nothing."""
    files: dict[str, Path] = {}
    for package in packages:
        if package == STANDARD_LIBRARY:
            files.update(folder_modules(Path(sysconfig.get_paths()["stdlib"])))
        else:
            spec = importlib.util.find_spec(package)
            for folder in (spec.submodule_search_locations or []) if spec else []:
                files.update(folder_modules(Path(folder), package))
    return files


def folder_modules(folder: Path, package: str = "") -> Iterator[tuple[str, Path]]:
    """Yield (module name, path) of a package's folder, or of a folder of packages where no package is given."""
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        name = ".".join((package, *parts) if package else parts)
        if name and all(part.isidentifier() for part in name.split(".")) and not _SKIPPED.fullmatch(name):
            yield name, path


def _save(rows: Rows, folder: Path) -> None:
    folder.mkdir()
    queries, documents, grades = zip(*rows.judgments, strict=True) if rows.judgments else ((), (), ())
    Texts.from_pairs(list(rows.documents), list(rows.documents.values())).save(folder / "documents.arrow")
    Texts.from_pairs(list(rows.queries), list(rows.queries.values())).save(folder / "queries.arrow")
    write_candidates(Candidates.from_rows(queries, documents, {"label": grades}), folder / "qrels.parquet")
