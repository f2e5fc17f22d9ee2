"""A module as the compiler needs it: the same program, in other words, and each line where it was.

mypyc makes a *native* class, whose fields are places in a struct, of a class that has no decorator which
it does not know. So of the source, never of the file that people read:

- records (``@record``, ``@dataclass``) get their ``__init__``, ``__eq__`` and ``__hash__`` written out, and what
  ``dataclasses`` tells of their fields is put upon them afterwards (``harness.compiled.runtime``);
- other classes may have interpreted subclasses, such as a user's protocol, or a mutant;
- numbers and words with a name of their own (``SEND = 0``) are ``Final``, so that they are in the code of whoever
  imports them, where they would be looked up each time;
- what is assigned in a class' body belongs to the class (``ClassVar``), as it does to Python, or what such a
  subclass says there would not be seen.

Nothing moves to another line, so that a crash of a replica is noted where it happened.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from keyword import issoftkeyword

HEAD = (
    "; from typing import Any as _Any, ClassVar as _ClassVar, Final as _Final; from mypy_extensions import mypyc_attr as _mypyc_attr"
    "; from harness.compiled.runtime import as_record as _as_record, attributes as _attributes, guard as _guard"
)
"""What rewritten modules import besides, on the line of their ``from __future__``."""

OPEN = "@_mypyc_attr(allow_interpreted_subclasses=True)"

PYTHONS_OWN = {"NamedTuple", "Protocol", "TypedDict", "Enum", "IntEnum", "Exception"}
"""Bases whose subclasses are left as they are."""


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    """Its annotation, as text."""
    default: str | None
    """What is assigned to it, as text."""
    factory: str | None
    """What makes it, as text."""


@dataclass(frozen=True)
class Decorator:
    """What a record's decorator asks for."""

    eq: bool
    hash: bool
    kw_only: bool


class Rewritten:
    """``text`` is the rewritten source; ``records`` names the classes that became native ones."""

    def __init__(
        self,
        module: str,
        source: str,
        read: Callable[[str], str],
        *,
        others: Others,
    ) -> None:
        self._module = module
        self._lines = source.splitlines()
        self._others = others
        self._end: list[str] = []
        self._open: list[str] = []
        self.records: list[str] = []
        self._known: dict[str, list[Field]] = {}
        tree = ast.parse(source)
        self._read = read
        self._imported = imports(tree)
        for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
            if isinstance(node, ast.FunctionDef):
                self._function(node)
            elif isinstance(node, ast.ClassDef):
                self._class(node, len(self._lines) if after is None else _first(after) - 2)
            elif isinstance(node, ast.Assign) and node.lineno == node.end_lineno:
                self._constants(node)
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                self._lines[node.lineno - 1] += HEAD
        for called in ast.walk(tree):
            if isinstance(called, ast.Call) and self._text(called.func) == "vars":
                i = called.lineno - 1
                self._lines[i] = self._lines[i].replace("vars(", "_attributes(")
            elif isinstance(called, ast.Call) and self._text(called.func) == "cast":
                self._cast(called.args[0])
        if self._open:
            self._end.append(f"_guard({', '.join(self._open)})")
        self.text = "\n".join([*self._lines, *self._end]) + "\n"

    def _full(self, cls: str) -> str:
        return f"{self._module}.{cls}"

    def _text(self, node: ast.AST) -> str:
        return ast.unparse(node)

    def _function(self, node: ast.FunctionDef) -> None:
        """What a checker is told of ``record`` cannot be written upon a native function."""
        for decorator in node.decorator_list:
            if self._text(decorator).startswith("dataclass_transform"):
                self._lines[decorator.lineno - 1] = ""

    def _constants(self, node: ast.Assign) -> None:
        """``A = 1``, ``A, B = 1, 2`` and ``A, B = range(2)``, which stand on one line."""
        names, values = node.targets[0], node.value
        given: list[tuple[ast.expr, str]]
        if not isinstance(names, ast.Tuple):
            given = [(names, self._text(values))] if _is_constant(values) else []
        elif isinstance(values, ast.Tuple) and all(map(_is_constant, values.elts)):
            given = list(zip(names.elts, map(self._text, values.elts), strict=True))
        elif self._text(values) == f"range({len(names.elts)})":
            given = [(name, str(i)) for i, name in enumerate(names.elts)]
        else:
            return
        if given and all(isinstance(name, ast.Name) and name.id.isupper() for name, _ in given):
            each = [f"{self._text(name)}: _Final = {value}" for name, value in given]
            self._lines[node.lineno - 1] = "; ".join(each)

    def _cast(self, kind: ast.expr) -> None:
        """Tuples that were read from JSON are lists: what is cast to them is what it is. Native code looks."""
        text = self._text(kind)
        if "tuple[" in text:
            line = self._lines[kind.lineno - 1].encode()
            new = line[: kind.col_offset] + b"_Any" + line[kind.end_col_offset :]
            self._lines[kind.lineno - 1] = new.decode()

    def _class(self, node: ast.ClassDef, until: int) -> None:
        """``until``: the last line that is free before the next statement, which may need one more."""
        if PYTHONS_OWN.intersection(map(_name, node.bases)):
            return
        if node.decorator_list:
            asked = _asked(node.decorator_list)
            if asked is not None:
                self._record(node, asked, until)
            return
        self._lines[node.lineno - 2] = OPEN
        self._open.append(node.name)
        for statement in node.body:
            self._class_variable(node.name, statement)
        gone = sorted(self._others.deleted & own(node))
        if gone:
            assert isinstance(node.body[0], ast.Expr), f"{node.name} has no docstring"
            line = node.body[0].end_lineno or 0
            self._lines[line - 1] += f"; __deletable__ = {gone}"

    def _class_variable(self, cls: str, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if not isinstance(target, ast.Name) or target.id.startswith("__"):
                return
            if self._others.stored(self._full(cls), target.id):
                return
            self._insert(target.end_lineno, target.end_col_offset, ": _ClassVar")
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            kind = statement.annotation
            if self._others.stored(self._full(cls), self._text(statement.target)):
                return
            if "ClassVar" not in self._text(kind):
                self._insert(kind.end_lineno, kind.end_col_offset, "]")
                self._insert(kind.lineno, kind.col_offset, "_ClassVar[")

    def _insert(self, line: int | None, column: int | None, text: str) -> None:
        """``column`` is in bytes, as ``ast`` counts."""
        assert line is not None
        old = self._lines[line - 1].encode()
        self._lines[line - 1] = (old[:column] + text.encode() + old[column:]).decode()

    # --- records ----------------------------------------------------------------------------------

    def _record(self, node: ast.ClassDef, asked: Decorator, until: int) -> None:
        mine, rest = self._fields(node)
        inherited = [field for base in node.bases for field in self._fields_of(base)]
        fields = self._known[node.name] = [*inherited, *mine]
        if any(isinstance(s, ast.FunctionDef) and s.name == "__post_init__" for s in rest):
            raise ValueError(f"{node.name} has a __post_init__")
        first = _first(node)
        free = (_first(rest[0]) - 1 if rest else until) - first + 1
        bases = ", ".join(map(self._text, node.bases))
        header = f"class {node.name}({bases}):"
        lines = [OPEN, header, *self._members(node.name, fields, mine, asked)]
        lines = lines[:free]  # what has no room is put upon it afterwards
        if len(lines) < 4:
            raise ValueError(f"{node.name}: there is no room for its __init__")
        self._lines[first - 1 : first - 1 + free] = [*lines, *[""] * (free - len(lines))]
        for statement in rest:
            self._class_variable(node.name, statement)
        told = ", ".join(
            f"({f.name!r}, {f.kind if f in mine else ''!r}, {f.default is not None or f.factory is not None})"
            for f in fields
        )
        call = f"_as_record({node.name}, [{told}], {asked.eq}, {asked.hash}, {asked.kw_only})"
        if self._lines[until - 1].strip():
            self._end.append(call)
        else:
            self._lines[until - 1] = call
        self.records.append(node.name)

    def _fields_of(self, base: ast.expr) -> list[Field]:
        """What a record has of this base, which may be of another module."""
        name = self._text(base).partition("[")[0]
        if name == "Generic":
            return []
        if name not in self._known:
            found = self._imported[name]
            tree = ast.parse(self._read(found))
            node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)
            self._known[name] = [replace(f, kind="_Any") for f in self._fields(node)[0]]
        return self._known[name]

    def _fields(self, node: ast.ClassDef) -> tuple[list[Field], list[ast.stmt]]:
        """The fields, and all statements from the first on that is none (and no docstring)."""
        fields: list[Field] = []
        for i, statement in enumerate(node.body):
            if isinstance(statement, ast.Expr):  # a docstring, of the class or of a field
                continue
            if not isinstance(statement, ast.AnnAssign) or "ClassVar" in self._text(
                statement.annotation
            ):
                if any(isinstance(s, ast.AnnAssign) for s in node.body[i + 1 :]):
                    raise ValueError(f"{node.name}: fields after other things")
                return fields, node.body[i:]
            fields.append(self._field(statement))
        return fields, []

    def _field(self, statement: ast.AnnAssign) -> Field:
        name, kind = self._text(statement.target), self._text(statement.annotation)
        value = statement.value
        if value is None:
            return Field(name, kind, None, None)
        if isinstance(value, ast.Call) and self._text(value.func) == "field":
            given = {keyword.arg: self._text(keyword.value) for keyword in value.keywords}
            if given.keys() == {"default_factory"}:
                return Field(name, kind, None, given["default_factory"])
            if given.keys() == {"default"}:
                return Field(name, kind, given["default"], None)
            raise ValueError(f"{name}: field with {', '.join(map(str, given))}")
        return Field(name, kind, self._text(value), None)

    def _members(
        self, cls: str, fields: list[Field], mine: list[Field], asked: Decorator
    ) -> list[str]:
        """The body, in the order of need."""
        parameters, body = [], []
        for f in fields:
            if f.factory is not None:
                parameters.append(f"{f.name}: {f.kind} | None = None")
                body.append(f"self.{f.name} = {f.factory}() if {f.name} is None else {f.name}")
            else:
                parameters.append(
                    f"{f.name}: {f.kind}" + ("" if f.default is None else f" = {f.default}")
                )
                body.append(f"self.{f.name} = {f.name}")
        if asked.kw_only and parameters:
            parameters.insert(0, "*")
        # What may begin a statement (`match: int`) is read as one, but at the beginning of a line.
        each = [f"{f.name}: {f.kind}" for f in mine]
        each.sort(key=lambda text: not issoftkeyword(text.partition(":")[0]))
        matched = f"__match_args__: _ClassVar = ({''.join(f'{f.name!r}, ' for f in fields)})"
        declared = "; ".join([*each, matched])
        init = (
            f"def __init__({', '.join(['self', *parameters])}) -> None: {'; '.join(body) or 'pass'}"
        )
        lines = [declared, init]
        names = [f.name for f in fields]
        if asked.eq:
            same = " and ".join(
                [f"type(other) is {cls}", *(f"self.{n} == other.{n}" for n in names)]
            )
            lines.append(f"def __eq__(self, other: object) -> bool: return {same}")
        if asked.hash:
            values = "".join(f"self.{n}, " for n in names)
            lines.append(f"def __hash__(self) -> int: return hash(({values}))")
        return ["    " + line for line in lines]


def _is_constant(value: ast.expr) -> bool:
    """Whether it is a number or a word, or reckoned of numbers that may have names."""
    if isinstance(value, ast.BinOp):
        return _is_constant(value.left) and _is_constant(value.right)
    if isinstance(value, ast.UnaryOp):
        return _is_constant(value.operand)
    if isinstance(value, ast.Name):
        return value.id.isupper()
    return isinstance(value, ast.Constant) and type(value.value) in (int, str)


def _first(node: ast.stmt) -> int:
    """The number of its first line, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _asked(decorators: list[ast.expr]) -> Decorator | None:
    """What these ask for, or None where they are not a record's alone."""
    if len(decorators) != 1:
        return None
    decorator = decorators[0]
    if isinstance(decorator, ast.Name) and decorator.id == "record":
        return Decorator(eq=True, hash=True, kw_only=False)
    if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "dataclass"):
        return None
    given = {k.arg: ast.unparse(k.value) == "True" for k in decorator.keywords}
    known = {"frozen", "slots", "kw_only", "eq", "unsafe_hash"}
    if decorator.args or not given.keys() <= known:
        return None
    eq = given.get("eq", True)
    return Decorator(
        eq=eq,
        hash=given.get("unsafe_hash", False) or (eq and given.get("frozen", False)),
        kw_only=given.get("kw_only", False),
    )


class Others:
    """What the modules that are compiled together do with each other's classes, by their full names."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """``sources`` by the module's name."""
        self._bases: dict[str, set[str]] = {}
        self.deleted: set[str] = set()
        """Names of fields that are deleted."""
        self._stored: dict[str, set[str]] = {}
        """Of each class, the names that its methods assign to on ``self``."""
        self._stored_elsewhere: set[tuple[str, str]] = set()
        """Package, and name, of what is assigned to otherwise."""
        for module, source in sources.items():
            tree = ast.parse(source)
            full = full_names(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    names = map(_name, node.bases)
                    cls = f"{module}.{node.name}"
                    self._bases[cls] = {full.get(n, f"{module}.{n}") for n in names}
                    self._stored[cls] = own(node)
                elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Del):
                    self.deleted.add(node.attr)
                elif (
                    isinstance(node, ast.Attribute)
                    and isinstance(node.ctx, ast.Store)
                    and ast.unparse(node.value) != "self"
                ):
                    self._stored_elsewhere.add((_package(module), node.attr))
        self._aboves = {cls: self._above(cls) for cls in self._bases}

    def stored(self, cls: str, name: str) -> bool:
        """Whether an object of this class, or of a class above or below it, may be given this attribute.
        (Where it is in yet another package's code mypy will say so.)
        """
        family = {each for each, above in self._aboves.items() if cls in above} | self._above(cls)
        return (_package(cls), name) in self._stored_elsewhere or any(
            name in self._stored.get(each, ()) for each in family
        )

    def _above(self, cls: str) -> set[str]:
        """It, and all that it inherits from."""
        return {cls}.union(*map(self._above, self._bases.get(cls, ())))


def imports(tree: ast.Module) -> dict[str, str]:
    """Of names that a module imports from others, these others."""
    return {
        alias.name: node.module or ""
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def full_names(tree: ast.Module) -> dict[str, str]:
    """Of names that a module imports, or what it calls them, the full ones."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def own(node: ast.ClassDef) -> set[str]:
    """The fields that a class' methods give its objects."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and isinstance(each.ctx, ast.Store)
        and ast.unparse(each.value) == "self"
    }


def _package(name: str) -> str:
    """``protocols.raft`` of ``protocols.raft.log``."""
    return ".".join(name.split(".")[:2])


def _name(base: ast.expr) -> str:
    """A base's name, without what is in brackets and before dots."""
    return ast.unparse(base).partition("[")[0].rpartition(".")[2]
