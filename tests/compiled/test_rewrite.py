"""A rewritten module is the same program, with each line where it was."""

from __future__ import annotations

import ast

import pytest

from harness.compiled.build import rewrite
from harness.compiled.linear import linear
from harness.compiled.rewrite import Others, Rewritten
from harness.compiled.scope import ROOT, chosen

SOURCE = '''\
"""A module."""

from __future__ import annotations

from dataclasses import dataclass, field


@record
class Vote:
    """A vote."""

    slot: int
    match: object = None
    """Where it is."""


@dataclass(slots=True)
class Held:
    votes: list[Vote] = field(default_factory=list)

    def add(self, vote: Vote) -> None:
        self.votes.append(vote)


class Replica:
    """Has members."""

    messages = (Vote,)
    served: int = 3
    news = False

    def __init__(self) -> None:
        self.news = True

    def drop(self) -> None:
        del self.news
'''


def rewritten(source: str) -> list[str]:
    others = Others({"m": source})
    return Rewritten("m", source, {}.__getitem__, others=others).text.splitlines()


def line_of(lines: list[str], text: str) -> int:
    return next(i for i, line in enumerate(lines) if text in line)


def test_what_is_not_rewritten_stays_on_its_line():
    before, after = SOURCE.splitlines(), rewritten(SOURCE)
    ast.parse("\n".join(after))
    for text in (
        "def add(self",
        "self.votes.append",
        "def __init__(self) -> None:",
        "del self.news",
    ):
        assert line_of(before, text) == line_of(after, text)


def test_a_record_is_written_out():
    text = "\n".join(rewritten(SOURCE))
    assert "@record" not in text
    assert "@dataclass" not in text
    assert "def __init__(self, slot: int, match: object = None) -> None:" in text
    assert (
        "    match: object; slot: int; __match_args__" in text
    )  # mypy's parser takes `; match` for a statement
    assert "self.votes = list() if votes is None else votes" in text
    assert (
        "_as_record(Vote, [('slot', 'int', False), ('match', 'object', True)], True, True, False)"
        in text
    )
    assert "_as_record(Held, [('votes', 'list[Vote]', True)], True, False, False)" in text


def test_what_a_class_says_belongs_to_the_class_unless_objects_say_it_too():
    text = "\n".join(rewritten(SOURCE))
    assert "messages: _ClassVar = (Vote,)" in text
    assert "served: _ClassVar[int] = 3" in text
    assert "    news = False" in text
    assert '"""Has members."""; __deletable__ = [\'news\']' in text
    assert "_guard(Replica)" in text


def test_constants_are_final():
    """Each on its line; what is made by a call, or in lower case, may be anything."""
    future = "from __future__ import annotations"
    source = [
        future,
        "A, B = range(2)",
        "US, MS = 1_000, -1",
        "LONG = 5 * MS",
        'WORD = "w"',
        "C = range(2)",
    ]
    assert rewritten("\n".join([*source, "odd = 1", "D, E = 1, f()", "F = (", "  1)"]))[1:] == [
        "A: _Final = 0; B: _Final = 1",
        "US: _Final = 1000; MS: _Final = -1",
        "LONG: _Final = 5 * MS",
        "WORD: _Final = 'w'",
        "C = range(2)",
        "odd = 1",
        "D, E = 1, f()",
        "F = (",
        "  1)",
    ]


def test_a_record_that_runs_code_of_its_own_is_refused():
    source = "@dataclass\nclass A:\n    x: int\n\n    def __post_init__(self) -> None: ...\n"
    with pytest.raises(ValueError, match="__post_init__"):
        rewritten(source.replace("@dataclass", "@dataclass()"))


def test_each_module_that_is_compiled_can_be_rewritten(tmp_path):
    paths = list(chosen())
    files = rewrite(tmp_path, paths)
    assert {f"{path}.py" for path in paths} <= {*files}
    for file in files:
        new = (tmp_path / file).read_text()
        ast.parse(new)
        if not (ROOT / file).exists():
            continue  # a copy of a mixin
        lines, text = new.splitlines(), (ROOT / file).read_text()
        old = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and not node.decorator_list:
                assert old[node.lineno - 1] == lines[node.lineno - 1]


MIXIN = """\
from __future__ import annotations

LIMIT, LEAST = 3, 1


class Mixin(Replica):
    def start(self):
        super().start()
"""

MIXED = """\
from __future__ import annotations

from mixin import LIMIT, Mixin


class Base(Replica):
    pass


class Both(Mixin, Base):
    pass
"""


def test_two_bases_become_a_chain_of_one_each():
    texts = linear({"mixin": MIXIN, "mixed": MIXED})
    assert texts["mixin"] == MIXIN
    copy = texts["mixed_mixin"].splitlines()
    future, *imported = copy[0].split("; ")
    assert future == "from __future__ import annotations"
    assert imported == ["from mixed import Base as _Base", "from mixin import LIMIT, LEAST"]
    assert copy[2] == ""
    assert copy[5:8] == ["class Mixin(_Base):", "    def start(self):", "        super().start()"]
    both = texts["mixed"].splitlines()
    assert both[0] == "from __future__ import annotations; from mixed_mixin import Mixin as _Mixin"
    assert both[9] == "class Both(_Mixin):"


def test_a_mixin_of_a_mixin_brings_that_along_but_not_what_is_there():
    """``Mixin`` is made of ``Lower``, which is copied, too; ``Base``, as it is, of ``Lowest``: that is not."""
    lowest = "from __future__ import annotations\n\n\nclass Lowest(Replica):\n    pass\n"
    lower = MIXIN.replace("class Mixin", "class Lower").replace("(Replica)", "(Lowest)")
    lower = lower.replace("LIMIT, LEAST = 3, 1", "from lowest import Lowest")
    mixin = MIXIN.replace("(Replica)", "(Lower)").replace(
        "LIMIT, LEAST = 3, 1", "from lower import Lower"
    )
    mixed = MIXED.replace("LIMIT, ", "").replace("(Replica)", "(Lowest)")
    mixed = mixed.replace("class Base", "from lowest import Lowest\nclass Base")
    texts = linear({"lowest": lowest, "lower": lower, "mixin": mixin, "mixed": mixed})
    assert set(texts) == {"lowest", "lower", "mixin", "mixed", "mixed_mixin", "mixed_lower"}
    assert "class Lower(_Base):" in texts["mixed_lower"]
    assert "from mixed_lower import Lower as _Lower" in texts["mixed_mixin"]
    assert "class Mixin(_Lower):" in texts["mixed_mixin"]
    assert "class Both(_Mixin):" in texts["mixed"]
