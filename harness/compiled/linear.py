"""Classes of two bases, made of classes of one: native classes have no more.

A mixin ``M(Replica)`` comes before ``B`` in what ``C(M, B)`` inherits, and its ``super()`` means ``B`` there. So a copy of
``M`` whose base is ``B`` is written into a module of its own, and ``C`` inherits from that: the same methods
in the same order. Where ``M(L)`` is made of another mixin ``L(Replica)``, both are copied: ``L(B)`` and ``M(L)``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from harness.compiled.rewrite import imports


def linear(texts: Mapping[str, str]) -> dict[str, str]:
    """The sources of modules, by name, so that each class has one base; with some modules more."""
    made: dict[str, str] = {}
    for module, text in texts.items():
        tree = ast.parse(text)
        imported = imports(tree)
        lines = text.splitlines()
        for node in _mixed(tree):
            mixin, base = map(_bare, node.bases)
            if imported.get(mixin) not in texts:
                continue
            written = ", ".join(map(ast.unparse, node.bases))
            above, new = base, imported.get(base, module)
            there = set(_line(texts, base, new))
            mixins = [each for each in _line(texts, mixin, imported[mixin]) if each not in there]
            for each, home in reversed(mixins):
                copy = _copy(home, texts[home], each, new, above)
                above, new = each, f"{module}_{each.lower()}"
                made[new] = copy
            header = lines[node.lineno - 1]
            lines[node.lineno - 1] = header.replace(f"({written})", f"(_{mixin})")
            future = next(i for i, line in enumerate(lines) if line.startswith("from __future__"))
            lines[future] += f"; from {new} import {mixin} as _{mixin}"
        made[module] = "\n".join(lines) + "\n"
    return made


def _mixed(tree: ast.Module) -> Iterator[ast.ClassDef]:
    for node in tree.body:
        if (
            isinstance(node, ast.ClassDef)
            and len(node.bases) == 2
            and all(isinstance(base, ast.Name | ast.Subscript) for base in node.bases)
        ):
            yield node


def _bare(base: ast.expr) -> str:
    """``Executing`` of ``Executing[Message]``."""
    return ast.unparse(base.value if isinstance(base, ast.Subscript) else base)


def _line(texts: Mapping[str, str], name: str, home: str) -> Iterator[tuple[str, str]]:
    """A class, and all that it is made of, with their modules."""
    tree = ast.parse(texts.get(home, ""))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            yield name, home
            for base in node.bases:
                each = _bare(base)
                yield from _line(texts, each, imports(tree).get(each, home))


def _copy(home: str, text: str, mixin: str, base_from: str, base: str) -> str:
    """The module of the mixin, with that class only, of another base; the rest is imported from there."""
    lines = text.splitlines()
    names: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == mixin:
            lines[node.lineno - 1] = f"class {mixin}(_{base}):"
            continue
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            targets = [each for target in node.targets for each in ast.walk(target)]
            names += [each.id for each in targets if isinstance(each, ast.Name)]
        else:
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        lines[first - 1 : node.end_lineno] = [""] * ((node.end_lineno or 0) - first + 1)
    future = next(i for i, line in enumerate(lines) if line.startswith("from __future__"))
    lines[future] += f"; from {base_from} import {base} as _{base}"
    if names:
        lines[future] += f"; from {home} import {', '.join(names)}"
    return "\n".join(lines) + "\n"
