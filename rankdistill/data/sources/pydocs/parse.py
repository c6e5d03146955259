"""Parse Python sources: the documented objects of a module and the names it imports; nothing is executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_ADD_DOC = {"add_newdoc", "add_docstr", "_add_docstr", "add_docstr_all"}


@dataclass(frozen=True)
class DocumentedObject:
    """name: dotted, as defined (``numpy._core.fromnumeric.sum``). arguments: "(a, axis=None)", or "" for a value."""

    name: str
    arguments: str
    docstring: str


@dataclass
class Module:
    """The definitions and imports of one source file.

    imports: name in this module -> dotted name of its source. stars: modules whose names are all imported. exported:
    ``__all__`` as far as it is written out, None where there is none. bases: class -> its base classes as written.
    members: class -> the names it defines.
    """

    name: str
    is_package: bool
    objects: list[DocumentedObject] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    imports: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    exported: set[str] | None = None
    bases: dict[str, list[str]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)


def parse_module(path: Path, name: str) -> Module | None:
    """Parse one source file; None where it is not valid Python of this version (templates, other versions' syntax)."""
    is_package = path.name == "__init__.py"
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return None
    module = Module(name, is_package)
    docstring = ast.get_docstring(tree, clean=False)
    if docstring:
        module.objects.append(DocumentedObject(name, "", docstring))
    for node in _statements(tree.body):
        _read_statement(node, module)
    return module


def is_private(dotted: str) -> bool:
    """Tell whether a component of a dotted name starts with an underscore."""
    return dotted.startswith("_") or "._" in dotted


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body, also those under ``if``, ``try`` and ``with``."""
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            for inner in (node.body, getattr(node, "orelse", []), *[h.body for h in getattr(node, "handlers", [])]):
                yield from _statements(inner)
        else:
            yield node


def _read_statement(node: ast.stmt, module: Module) -> None:
    if isinstance(node, ast.ImportFrom):
        source = _absolute(node, module)
        for alias in node.names:
            if alias.name == "*":
                module.stars.append(source)
            else:
                module.imports[alias.asname or alias.name] = f"{source}.{alias.name}"
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        module.defined.add(node.name)
        module.objects.extend(_documented(node, module.name))
        if isinstance(node, ast.ClassDef):
            bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
            module.bases[node.name] = [ast.unparse(base) for base in bases]
            module.members[node.name] = {getattr(inner, "name", "") for inner in _statements(node.body)}
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        assigned = target.id if isinstance(target, ast.Name) else None
        if assigned == "__all__" and node.value is not None:
            names = {n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
            module.exported = (module.exported or set()) | names
        elif isinstance(node.value, ast.Call):
            module.objects.extend(_added(node.value, module, assigned))


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    base = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def _documented(node: ast.stmt, scope: str) -> Iterator[DocumentedObject]:
    """Yield a function, or a class and its public methods, if they have docstrings."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    name = f"{scope}.{node.name}"
    docstring = ast.get_docstring(node, clean=False)
    if docstring:
        yield DocumentedObject(name, _arguments(node), docstring)
    if isinstance(node, ast.ClassDef):
        for inner in _statements(node.body):
            if not getattr(inner, "name", "_").startswith("_"):
                yield from _documented(inner, name)


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """Write the arguments with defaults, without annotations, self and cls; "" for a property."""
    if isinstance(node, ast.ClassDef):
        for inner in _statements(node.body):
            if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
                return _arguments(inner)
        return "()"
    if any(ast.unparse(decorator).endswith(("property", "attribute")) for decorator in node.decorator_list):
        return ""
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        argument.annotation = None
    for extra in (arguments.vararg, arguments.kwarg):
        if extra is not None:
            extra.annotation = None
    text = ast.unparse(arguments)
    return "(" + re.sub(r"^(self|cls)(, /)?(, |$)", "", text) + ")"


def _added(call: ast.Call, module: Module, assigned: str | None) -> Iterator[DocumentedObject]:
    """Yield docstrings that a call attaches, as NumPy, SciPy and PyTorch do for their compiled functions.

    ``add_newdoc(place, name, text)``, ``add_newdoc(place, name, (attribute, text))``, ``add_newdoc(name, text)``,
    ``add_docstr(torch.name, text)``, ``name = add_docstr(…, text)``, ``add_docstr_all(method, text)``.
    """
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if function not in _ADD_DOC or len(call.args) < 2:
        return
    first, last = call.args[0], call.args[-1]
    if function == "add_docstr_all":
        owner, names = "torch.Tensor", [text_of(first)]
    elif function.endswith("add_docstr"):
        owner, names = (module.name, [assigned]) if assigned else ("", [ast.unparse(first)])
    elif len(call.args) == 2:
        owner, names = module.name.rpartition(".")[0], [text_of(first)]
    else:
        owner, names = text_of(first) or "", [text_of(call.args[1])]
    members = last.elts if isinstance(last, ast.List) else [last]
    for member in members:
        path, text = [owner, *names], member
        if isinstance(member, ast.Tuple) and len(member.elts) == 2:
            path, text = [*path, text_of(member.elts[0])], member.elts[1]
        docstring = text_of(text)
        if docstring and all(part is not None for part in path):
            name = ".".join(str(part) for part in path if part)
            if name.partition(".")[0] == module.name.partition(".")[0]:
                yield DocumentedObject(name, "" if isinstance(member, ast.Tuple) else "()", docstring)


def text_of(node: ast.expr) -> str | None:
    """Evaluate an expression of string literals, without values inserted at run time; None for other expressions."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "" for part in node.values)
    if isinstance(node, ast.BinOp):
        left, right = text_of(node.left), text_of(node.right)
        if isinstance(node.op, ast.Mod) and left is not None:
            return re.sub(r"%\(\w+\)s|%s", "", left)
        return (left or "") + (right or "") if left or right else None
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and (text := text_of(node.func.value)) is not None:
            return re.sub(r"\{\w*\}", "", text).replace("{{", "{").replace("}}", "}")
        if len(node.args) == 1:
            return text_of(node.args[0])
    return None
