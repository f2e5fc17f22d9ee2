"""Reading maps by patterns gives what the reader gives, whatever the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.formats.edn import EdnError, Form, forms
from harness.formats.edn_shapes import map_forms
from tests.formats.printing import edn

ODD = ["nil", "0", "-17", "012", "1N", "1.5", ":a", ":a/b-c", "::a", ":", "true", "sym", "[]", "[1 2]",
     "[:r 3 nil]", "[ 1]", "[1,2]", "[[1]]", '"x"', '"a, :f 1}"', '"\\n"', '"', "#{1}", "{:a 1}",
     '#inst "x"', "[1 2", "9999999999999999999", "2]", ":x;c\n"]  # fmt: skip
WORDS = st.sampled_from(ODD)
KEYS = st.sampled_from([":type", ":f", ":value", ":process", ":a/b", '"s"', "7"])


@st.composite
def maps(draw: st.DrawFn) -> str:
    pairs = draw(st.lists(st.tuples(KEYS, WORDS), max_size=4))
    gap = draw(st.sampled_from([", ", " ", ",", "\n"]))
    return "{" + gap.join(f"{key} {word}" for key, word in pairs) + "}"


def same(text: str, begin: int = 0, until: str = "") -> None:
    whole = outcome(lambda: forms(text, begin, until=until))
    assert outcome(lambda: map_forms(text, begin, until=until)) == whole


def outcome(read: Callable[[], Iterator[Form]]) -> tuple[list[Form], tuple[object, ...]]:
    found: list[Form] = []
    try:
        for form in read():
            found.append(form)  # noqa: PERF402  what came before an error counts
    except EdnError as error:
        return found, (str(error), error.position, error.torn)
    return found, ()


@given(st.lists(maps(), max_size=4), st.integers(1, 3), st.sampled_from(["\n", ", ", "", "; c\n"]))
def test_as_the_reader_reads(some: list[str], times: int, between: str) -> None:
    text = between.join(some * times)
    same(text)
    same(f"[{text}]", 1, "]")
    same(f"[{text}", 1, "]")


@given(
    st.lists(
        st.fixed_dictionaries({"type": st.just("ok"), "f": st.text("ab"), "value": st.integers()}),
        max_size=4,
    ),
    st.randoms(use_true_random=False),
    st.data(),
)
def test_as_the_reader_reads_what_is_cut_off_or_damaged(
    ops: list[dict[str, object]], chance: Random, data: st.DataObject
) -> None:
    text = "\n".join(edn(op, chance) for op in ops)
    end = data.draw(st.integers(0, len(text)))
    same(text[:end])
    same(text[:end] + text[end + 1 :])


@pytest.mark.parametrize("word", ["1", "nil", ":a", '"b"', "[1 nil :c]", "[]", "-5"])
def test_a_pattern_is_learned_and_its_values_are_the_readers(word: str) -> None:
    text = f"{{:f :read, :value {word}}}\n" * 3
    assert [form.value for form in map_forms(text)] == [form.value for form in forms(text)]


@pytest.mark.parametrize("word", ODD)
@pytest.mark.parametrize("end", ["}", ", :f 1}", "} {:f 1}", ",}", " ; c\n}", ""])
def test_where_a_pattern_was_learned_odd_words_are_still_the_readers(word: str, end: str) -> None:
    learned = "{:value 1}\n{:value :a, :f 1}\n"
    same(f"{learned}{{:value {word}{end}\n{learned}")
