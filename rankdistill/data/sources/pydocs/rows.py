"""Turn documented objects into a search task: documents, queries and graded links between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rankdistill.data.sources.pydocs.docstring import Docstring, parse_docstring
from rankdistill.data.sources.pydocs.names import References, inherited_names, public_names
from rankdistill.data.sources.pydocs.parse import Module, is_private, parse_module
from rankdistill.progress import progress

MIN_BODY_WORDS = 12
MIN_QUERY_WORDS = 4
SELF_GRADE, LINK_GRADE = 3, 1
_POINTERS = ("see ", "alias for", "alias of", "deprecated", "same as")


@dataclass(frozen=True)
class Rows:
    """documents, queries: id -> text. judgments: (query id, document id, grade); a query's own document comes first."""

    documents: dict[str, str]
    queries: dict[str, str]
    judgments: list[tuple[str, str, int]]


@dataclass(frozen=True)
class Entry:
    """An object that may become a document.

    names: all its public names, the first is the document's id. defined_as: where the source defines it.
    """

    names: tuple[str, ...]
    defined_as: str
    arguments: str
    docstring: Docstring

    @property
    def document(self) -> str:
        """Signature (``Class.method(…)`` or ``function(…)``), then the docstring without its summary."""
        *scope, name = self.names[0].split(".")
        if scope and scope[-1][:1].isupper():
            name = f"{scope[-1]}.{name}"
        return f"{self.docstring.signature or name + self.arguments}\n{self.docstring.body}"


def build_rows(files: Mapping[str, Path]) -> Rows:
    """Build the collection from source files, module name -> path.

    An object is a document if it has a public name and its docstring has at least `MIN_BODY_WORDS` words after the
    summary; its summary is a query if it has `MIN_QUERY_WORDS` words and no other object has the same.
    """
    entries = merge_copies(read_entries(read_modules(files)))
    names = {name: entry.names[0] for entry in entries for name in (*entry.names, entry.defined_as)}
    references = References(names)
    shared = Counter(entry.docstring.summary.casefold() for entry in entries)
    queries: dict[str, str] = {}
    judgments: list[tuple[str, str, int]] = []
    for entry in entries:
        summary, document = entry.docstring.summary, entry.names[0]
        folded = summary.casefold()
        if len(summary.split()) < MIN_QUERY_WORDS or shared[folded] > 1 or folded.startswith(_POINTERS):
            continue
        query = f"q:{document}"
        queries[query] = summary
        judgments.append((query, document, SELF_GRADE))
        linked = (references.resolve(name, (document, entry.defined_as)) for name in entry.docstring.see_also)
        judgments.extend((query, other, LINK_GRADE) for other in dict.fromkeys(linked) if other and other != document)
    return Rows({entry.names[0]: entry.document for entry in entries}, queries, judgments)


def read_modules(files: Mapping[str, Path]) -> dict[str, Module]:
    """Parse every public module, and the private modules that parsed modules import from."""
    modules: dict[str, Module] = {}
    waiting = sorted(name for name in files if not is_private(name))
    seen = set(waiting)
    with progress("reading sources", total=len(files), unit="files") as advance:
        while waiting:
            imported: set[str] = set()
            for name in waiting:
                module = parse_module(files[name], name)
                if module is not None:
                    modules[name] = module
                    imported.update(module.stars, module.imports.values())
                advance(1)
            imported |= {name.rpartition(".")[0] for name in imported}
            waiting = sorted((imported & set(files)) - seen)
            seen.update(waiting)
        advance(len(files) - len(seen))
    return modules


def read_entries(modules: Mapping[str, Module]) -> list[Entry]:
    """Parse the docstrings of all objects with a public name, and leave out those that are too short."""
    names = public_names(modules)
    inherited = inherited_names(modules, names)
    entries: dict[str, Entry] = {}
    for module in modules.values():
        for documented in module.objects:
            own = _own_names(documented.name, names)
            public = sorted(
                {*own, *inherited.get(documented.name, ())}, key=lambda name: _length(name, name not in own)
            )
            if not public or public[0] in entries:
                continue
            docstring = parse_docstring(documented.docstring)
            if len(docstring.body.split()) >= MIN_BODY_WORDS:
                entries[public[0]] = Entry(tuple(public), documented.name, documented.arguments, docstring)
    return [entries[name] for name in sorted(entries)]


def merge_copies(entries: Iterable[Entry]) -> list[Entry]:
    """Keep one of the objects with the same docstring (copied, or inherited): the shortest name, and all names."""
    groups: dict[Docstring, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.docstring, []).append(entry)
    kept = []
    for group in groups.values():
        first, *others = sorted(group, key=lambda entry: _length(entry.names[0]))
        names = [*first.names, *(name for other in others for name in (*other.names, other.defined_as))]
        kept.append(Entry(tuple(dict.fromkeys(names)), first.defined_as, first.arguments, first.docstring))
    return sorted(kept, key=lambda entry: entry.names[0])


def _own_names(defined_as: str, names: Mapping[str, list[str]]) -> list[str]:
    """List the public names of a definition, or those that it has through its class."""
    owner, member = defined_as, ""
    while owner and owner not in names:
        owner, _, last = owner.rpartition(".")
        member = f".{last}{member}"
    return [name + member for name in names.get(owner, ()) if not is_private(name + member)]


def _length(name: str, inherited: bool = False) -> tuple[int, bool, int, str]:
    """Sort key of names: fewest dots, own before inherited, then the shortest, then by alphabet."""
    return name.count("."), inherited, len(name), name
