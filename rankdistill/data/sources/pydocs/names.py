"""Find the public name of each object, and the object that a name in a "See Also" section refers to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from rankdistill.data.sources.pydocs.parse import Module, is_private

_SHORT = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot", "mpl": "matplotlib", "nx": "networkx"}


def public_names(modules: Mapping[str, Module]) -> dict[str, list[str]]:
    """List each top-level definition's public names, best first (fewest dots, then shortest, then by alphabet).

    Public names are a definition's own name, and the names under which a package's ``__init__``, a module's
    ``__all__`` or a star import offers it, unless a component starts with an underscore. Definitions without a public
    name are left out.
    """
    definitions = {f"{m.name}.{name}" for m in modules.values() for name in m.defined} | set(modules)
    for name in sorted(o.name for m in modules.values() for o in m.objects):
        owner = name.rpartition(".")[0]
        if owner in modules or owner not in definitions:
            definitions.add(name)
    names: dict[str, set[str]] = defaultdict(set)
    for definition in definitions:
        if not is_private(definition):
            names[definition].add(definition)
    for module in modules.values():
        if is_private(module.name):
            continue
        offered = set(module.imports) if module.is_package else set(module.imports) & (module.exported or set())
        for star in module.stars:
            offered |= _star_names(star, modules, set())
        for name in offered:
            target = _definition(f"{module.name}.{name}", modules, definitions, set())
            if target is not None and not name.startswith("_") and f"{module.name}.{name}" not in definitions:
                names[target].add(f"{module.name}.{name}")
    return {d: sorted(found, key=lambda n: (n.count("."), len(n), n)) for d, found in names.items()}


def inherited_names(modules: Mapping[str, Module], names: Mapping[str, list[str]]) -> dict[str, set[str]]:
    """List each method's public names through subclasses of the class that defines it.

    For example ``pandas.Series.fillna`` for ``pandas.core.generic.NDFrame.fillna``. names: from `public_names`.
    """
    inherited_by: dict[str, set[str]] = defaultdict(set)
    for module in modules.values():
        for name, own_members in module.members.items():
            owners = names.get(f"{module.name}.{name}", [])
            hidden = set(own_members)
            for ancestor in _ancestors(module.name, name, modules, set()) if owners else ():
                scope, _, base = ancestor.rpartition(".")
                inherited = modules[scope].members[base] - hidden
                hidden |= inherited
                for member in inherited:
                    if member and not member.startswith("_"):
                        inherited_by[f"{ancestor}.{member}"].update(f"{owner}.{member}" for owner in owners)
    return inherited_by


class References:
    """Map every dotted name of an object to its document, and resolve the relative names that docstrings use."""

    def __init__(self, document_of_name: Mapping[str, str]) -> None:
        self._documents = document_of_name
        endings: dict[str, set[str]] = defaultdict(set)
        for name, document in document_of_name.items():
            package, *parts = name.split(".")
            for n in range(1, min(3, len(parts)) + 1):
                endings[f"{package}:{'.'.join(parts[-n:])}"].add(document)
        self._by_ending = {ending: found.copy().pop() for ending, found in endings.items() if len(found) == 1}

    def resolve(self, name: str, scopes: Iterable[str]) -> str | None:
        """Find the document that ``name`` means inside ``scopes``, dotted names of the object that mentions it.

        None where there is no match. The first match wins: the full name; the name inside the object's class, module
        and packages, from the inside out; the only object of the package whose dotted name ends so.
        """
        name = name.strip(".~!")
        first, dot, rest = name.partition(".")
        name = _SHORT.get(first, first) + dot + rest
        if dot and name in self._documents:
            return self._documents[name]
        packages = []
        for scope in scopes:
            packages.append(scope.partition(".")[0])
            while scope:
                if f"{scope}.{name}" in self._documents:
                    return self._documents[f"{scope}.{name}"]
                scope = scope.rpartition(".")[0]
        return next((self._by_ending[key] for p in packages if (key := f"{p}:{name}") in self._by_ending), None)


def _star_names(name: str, modules: Mapping[str, Module], seen: set[str]) -> set[str]:
    """List the names that ``from name import *`` imports."""
    module = modules.get(name)
    if module is None or name in seen:
        return set()
    seen.add(name)
    own = module.defined | set(module.imports) | {o.name.rpartition(".")[2] for o in module.objects}
    for star in module.stars:
        own |= _star_names(star, modules, seen)
    if module.exported:
        return own & module.exported
    return {n for n in own if not n.startswith("_")} - (set() if module.is_package else set(module.imports))


def _definition(name: str, modules: Mapping[str, Module], definitions: set[str], seen: set[str]) -> str | None:
    """Follow imports from a dotted name to its definition; None where they leave the parsed sources."""
    if name in seen:
        return None
    seen.add(name)
    scope, _, last = name.rpartition(".")
    module = modules.get(scope)
    if name in definitions or (module is not None and last in module.defined):
        return name
    if module is None:
        return None
    if last in module.imports:
        return _definition(module.imports[last], modules, definitions, seen)
    found = (_definition(f"{star}.{last}", modules, definitions, seen) for star in module.stars)
    return next((target for target in found if target is not None), None)


def _ancestors(scope: str, name: str, modules: Mapping[str, Module], seen: set[str]) -> Iterator[str]:
    """Yield the base classes that names lead to in the parsed sources, the nearest first."""
    classes = {f"{scope}.{base}" for base in modules[scope].members}
    for written in modules[scope].bases[name]:
        first, _, rest = written.partition(".")
        target = f"{scope}.{written}"
        if target not in classes:
            source = modules[scope].imports.get(first, first if rest else target)
            target = _definition(f"{source}.{rest}" if rest else source, modules, set(), set()) or ""
        base_scope, _, base = target.rpartition(".")
        if base_scope in modules and base in modules[base_scope].members and target not in seen:
            seen.add(target)
            yield target
            yield from _ancestors(base_scope, base, modules, seen)
