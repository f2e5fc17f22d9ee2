"""The house rules that a machine can check: who may import whom, what pure code may touch, size, words."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).parents[1]
PACKAGES = ("protocols", "checker", "nemesis", "workloads", "harness")

# Which of our packages each layer may import, longest prefix first (ARCHITECTURE, section 3).
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "harness.node": ("protocols", "harness.node"),
    "harness.sim": ("protocols", "checker", "nemesis", "workloads", "harness.sim"),
    "harness": ("protocols", "checker", "nemesis", "workloads", "harness"),
    "protocols": ("protocols",),
    "checker": ("checker",),
    "nemesis": ("nemesis",),
    "workloads": ("workloads", "checker", "protocols.kernel"),
}
PURE = (
    "protocols", "checker", "nemesis", "workloads", "harness.sim",
    "harness.play.acts", "harness.play.answers", "harness.play.brief", "harness.play.inputs",
    "harness.play.session", "harness.play.timeline", "harness.play.view",
)  # fmt: skip
STANDARD_LIBRARY_ONLY = (
    "protocols",
    "harness.node",
    "harness.remote.agent",
    "harness.remote.lossy",
    "harness.remote.netem",
)
IMPURE_MODULES = {
    "time", "socket", "asyncio", "threading", "subprocess", "os", "secrets", "uuid", "multiprocessing"
}  # fmt: skip
IMPURE_CALLS = {"open", "id", "hash", "input"}
ONLY_IN = {
    "fabric": ("harness.remote",),
    "paramiko": ("harness.remote",),
    "click": ("harness.cli", "harness.commands"),
    "rich": ("harness.cli", "harness.commands", "harness.report"),
    "asyncio": ("harness.node",),
}
LONGEST_FUNCTION = 70
LONGEST_FILE = 600


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            yield node.lineno, node.module or ""


def within(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def problems(path: Path) -> Iterator[str]:
    """What is wrong with a module, a line each. Seen red by ``test_tidy_sees_what_it_forbids``."""
    yield from problems_of(name_of(path), path.read_text())


def problems_of(name: str, source: str) -> Iterator[str]:
    tree = ast.parse(source)
    if not ast.get_docstring(tree):
        yield "1: a module says in a docstring what it is"
    if len(source.splitlines()) > LONGEST_FILE:
        yield f"{LONGEST_FILE}: file too long: one idea per file"
    yield from layer_problems(name, tree)
    if within(name, PURE):
        yield from purity_problems(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{node.lineno}: {node.name} has {length} lines, at most {LONGEST_FUNCTION}"
        if isinstance(node, ast.ExceptHandler) and all(isinstance(s, ast.Pass) for s in node.body):
            yield f"{node.lineno}: an exception is swallowed: use contextlib.suppress and say why"
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield f"{node.lineno}: {node.name} collides with pytest: it is a Trial"
    for number, line in enumerate(source.splitlines(), 1):
        for word in ("FIX" + "ME", "TO" + "DO", "XX" + "X"):
            if word in line:
                yield f"{number}: {word}: do it or file it"


def layer_problems(name: str, tree: ast.AST) -> Iterator[str]:
    layer = next(prefix for prefix in MAY_IMPORT if within(name, (prefix,)))
    for line, imported in imports(tree):
        top = imported.split(".")[0]
        if top in PACKAGES and not within(imported, MAY_IMPORT[layer]):
            yield f"{line}: {layer} may not import {imported}"
        if within(name, STANDARD_LIBRARY_ONLY) and top not in (*PACKAGES, *sys.stdlib_module_names):
            yield f"{line}: {name} has the standard library only, not {imported}"
        if top in ONLY_IN and not within(name, ONLY_IN[top]):
            yield f"{line}: {imported} stays in {' and '.join(ONLY_IN[top])}"


def purity_problems(tree: ast.AST) -> Iterator[str]:
    for line, imported in imports(tree):
        if imported.split(".")[0] in IMPURE_MODULES:
            yield f"{line}: pure code may not import {imported}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in IMPURE_CALLS:
            yield f"{node.lineno}: pure code may not call {called.id}()"
        if (
            isinstance(called, ast.Attribute)
            and isinstance(called.value, ast.Name)
            and called.value.id == "random"
            and called.attr != "Random"
            and imports_module_random(tree)
        ):
            yield f"{node.lineno}: chance comes from a seeded Random, not random.{called.attr}"


def imports_module_random(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Import) and any(alias.name == "random" for alias in node.names)
        for node in ast.walk(tree)
    )


def test_the_front_of_harness_names_all_its_modules():
    known = {path.stem for path in (ROOT / "harness").glob("*.py")} - {"__init__", "__main__"}
    assert known <= {*re.findall(r"\w+", harness.__doc__ or "")}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_keeps_the_house_rules(path: Path) -> None:
    assert [f"{path}:{problem}" for problem in problems(path)] == []


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [
        ("protocols.x", "'d'\nimport harness.errors", "protocols may not import"),
        ("protocols.x", "'d'\nimport numpy", "standard library only"),
        ("checker.x", "'d'\nimport time", "pure code may not import time"),
        ("nemesis.x", "'d'\nimport random\nrandom.choice([1])", "seeded Random"),
        ("harness.sim.x", "'d'\nopen('f')", "may not call open"),
        ("harness.cli", "'d'\nimport paramiko", "stays in harness.remote"),
        ("harness.x", "'d'\ntry:\n    f()\nexcept OSError:\n    pass", "swallowed"),
        ("harness.x", "import sys", "docstring"),
        ("harness.x", "'d'\nclass TestThing: ...", "collides with pytest"),
        ("harness.x", "'d'\ndef f():\n" + "    g()\n" * 80, "at most 70"),
    ],
)
def test_tidy_sees_what_it_forbids(name: str, source: str, problem: str) -> None:
    assert any(problem in found for found in problems_of(name, source))
